//! Licence expressions (SPDX) against the list of those we may pass on.

/// Whether an expression can be met by `allowed` licences alone.
///
/// Takes `OR`, `AND`, `WITH` and parentheses as SPDX 2.3 annex D has them, and `/` for `OR` as old crates
/// write it.
#[must_use]
pub fn permits(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let permitted = any(&mut rest, allowed);
    permitted && rest.is_empty()
}

fn any(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut permitted = all(rest, allowed);
    while let [word, tail @ ..] = rest
        && *word == "OR"
    {
        *rest = tail;
        permitted |= all(rest, allowed);
    }
    permitted
}

fn all(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut permitted = one(rest, allowed);
    while let [word, tail @ ..] = rest
        && *word == "AND"
    {
        *rest = tail;
        permitted &= one(rest, allowed);
    }
    permitted
}

fn one(rest: &mut &[&str], allowed: &[&str]) -> bool {
    match rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let permitted = any(rest, allowed);
            let Some((_, tail)) = rest.split_first() else {
                return false;
            };
            *rest = tail;
            permitted
        }
        [name, "WITH", exception, tail @ ..] => {
            let name = format!("{name} WITH {exception}");
            *rest = tail;
            allowed.contains(&name.as_str())
        }
        [name, tail @ ..] => {
            *rest = tail;
            allowed.contains(name)
        }
        [] => false,
    }
}
