//! Lists taken as sets, which the crate does not have (cel-go's `ext.Sets`): `sets.contains`, `sets.equivalent` and
//! `sets.intersects`. Items are equal when `==` says so, also across number types.

use cel::common::types::{CelBool, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

/// Registers the functions.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let lists = || vec![LIST_TYPE, LIST_TYPE];
    env.add_overload(
        "sets.contains",
        "list_sets_contains_list",
        lists(),
        |args| answer(&args, |list, other| Ok(found(list, other)?.all())),
    )?;
    env.add_overload(
        "sets.equivalent",
        "list_sets_equivalent_list",
        lists(),
        |args| {
            answer(&args, |list, other| {
                Ok(found(list, other)?.all() && found(other, list)?.all())
            })
        },
    )?;
    env.add_overload(
        "sets.intersects",
        "list_sets_intersects_list",
        lists(),
        |args| answer(&args, |list, other| Ok(found(list, other)?.any)),
    )
}

/// How many of a list's items another list has.
struct Found {
    any: bool,
    missing: bool,
}

impl Found {
    fn all(&self) -> bool {
        !self.missing
    }
}

fn answer<'b, 'v>(
    args: &[CowVal<'b, 'v>],
    ask: impl Fn(&dyn Val, &dyn Val) -> Result<bool, ExecutionError>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [list, other] = args else {
        return Err(ExecutionError::invalid_argument_count(2, args.len()));
    };
    let answer = ask(list.as_ref(), other.as_ref())?;
    Ok(CowVal::owned(CelBool::from(answer)))
}

/// Looks for each item of `items` in `list`.
fn found(list: &dyn Val, items: &dyn Val) -> Result<Found, ExecutionError> {
    let no_list = |val: &dyn Val| ExecutionError::UnexpectedType {
        got: val.get_type().name().to_owned(),
        want: LIST_TYPE.name().to_owned(),
    };
    let holder = list.as_container().ok_or_else(|| no_list(list))?;
    let items = items.as_iterable().ok_or_else(|| no_list(items))?;
    let mut found = Found {
        any: false,
        missing: false,
    };
    let mut items = items.iter();
    while let Some(item) = items.next() {
        let held = holder.contains(item)?;
        found.any |= held;
        found.missing |= !held;
    }
    Ok(found)
}
