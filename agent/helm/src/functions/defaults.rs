//! Sprig's defaults, choices and questions about types.

use crate::fault::Fault;
use crate::functions::arguments::{any, boolean, text};
use crate::functions::{Function, Parameter};
use crate::value::Value;

use Parameter::{Any, Bool, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("default", &[Any], Any, |_, a| {
        let given = a.get(1).filter(|given| !is_empty(given));
        Ok(match given {
            Some(given) => given.clone(),
            None => any(a, 0)?.clone(),
        })
    }),
    Function::new("empty", &[Any], |_, a| {
        Ok(Value::Bool(is_empty(any(a, 0)?)))
    }),
    Function::variadic("coalesce", &[], Any, |_, a| {
        let first = a.iter().find(|value| !is_empty(value));
        Ok(first.cloned().unwrap_or(Value::Nil))
    }),
    Function::variadic("all", &[], Any, |_, a| {
        Ok(Value::Bool(!a.iter().any(is_empty)))
    }),
    Function::variadic("any", &[], Any, |_, a| {
        Ok(Value::Bool(a.iter().any(|value| !is_empty(value))))
    }),
    Function::new("ternary", &[Any, Any, Bool], |_, a| {
        let index = usize::from(!boolean(a, 2)?);
        Ok(any(a, index)?.clone())
    }),
    Function::new("typeOf", &[Any], |_, a| Ok(Value::text(type_of(a, 0)?))),
    Function::new("typeIs", &[Text, Any], |_, a| {
        let wanted = text(a, 0)?;
        Ok(Value::Bool(type_of(a, 1)?.as_bytes() == wanted.as_bytes()))
    }),
    Function::new("typeIsLike", &[Text, Any], |_, a| {
        let wanted = text(a, 0)?;
        let found = type_of(a, 1)?;
        let found = found.strip_prefix('*').unwrap_or(found).as_bytes();
        let wanted = wanted.as_bytes();
        Ok(Value::Bool(
            found == wanted.strip_prefix(b"*").unwrap_or(wanted),
        ))
    }),
    Function::new("kindOf", &[Any], |_, a| {
        Ok(Value::text(any(a, 0)?.kind_name()))
    }),
    Function::new("kindIs", &[Text, Any], |_, a| {
        let wanted = text(a, 0)?;
        Ok(Value::Bool(
            any(a, 1)?.kind_name().as_bytes() == wanted.as_bytes(),
        ))
    }),
    Function::new("deepEqual", &[Any, Any], |context, a| {
        let equal = any(a, 0)?.deep_equal(any(a, 1)?, &context.engine.budget)?;
        Ok(Value::Bool(equal))
    }),
];

/// Whether Sprig takes a value for the zero of its type.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.is_true()
}

fn type_of(arguments: &[Value], index: usize) -> Result<&'static str, Fault> {
    Ok(match any(arguments, index)? {
        value if value.is_nothing() => "<nil>",
        value => value.type_name(),
    })
}
