//! Templates inside templates, and templates that refuse (pkg/engine/engine.go).

use std::rc::Rc;

use crate::codec::json::from_json_as_floats;
use crate::engine::{Context, Templates};
use crate::exec;
use crate::fault::Fault;
use crate::functions::arguments::{any, string};
use crate::functions::{Function, Parameter};
use crate::template::parse::parse;
use crate::value::Value;

use Parameter::{Any, Text};

/// The name that a text given to `tpl` has in errors.
const TPL: &str = "gotpl";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("include", &[Text, Any], include),
    Function::new("tpl", &[Text, Any], tpl),
    Function::new("required", &[Text, Any], |_, a| match any(a, 1)? {
        value if value.is_nothing() => Err(Fault::for_the_user(string(a, 0)?)),
        Value::Text(text) if text.is_empty() => Err(Fault::for_the_user(string(a, 0)?)),
        value => Ok(value.clone()),
    }),
    Function::new("fail", &[Text], |_, a| {
        Err(Fault::for_the_user(string(a, 0)?))
    }),
    Function::new("lookup", &[Text, Text, Text, Text], lookup),
    Function::new("getHostByName", &[Text], |context, a| {
        let host = string(a, 0)?;
        Ok(Value::text(context.engine.surroundings.resolve(&host)))
    }),
    Function::new("hello", &[], |_, _| Ok(Value::text("Hello!"))),
];

fn include(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let name = string(arguments, 0)?;
    let Some(tree) = context.templates.find(&name) else {
        return Err(Fault::nowhere(format!(
            "template: no template {name:?} associated with template {TPL:?}"
        )));
    };
    let data = any(arguments, 1)?.clone();
    let run = || exec::execute(context, &tree, &data);
    Ok(Value::Text(context.engine.call(&name, run)?.into()))
}

fn tpl(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let text = string(arguments, 0)?;
    let trees = parse(TPL, &text).map_err(|error| {
        Fault::new(format!("cannot parse template {text:?}")).because(Fault::new(error.to_string()))
    })?;
    let templates = Rc::new(Templates::inside(&context.templates));
    trees.iter().for_each(|tree| templates.add(tree));
    // Its own tree comes last: it is added when all its definitions are.
    let Some(tree) = trees.last() else {
        return Ok(Value::text(""));
    };
    let inner = Context {
        engine: context.engine,
        templates,
    };
    let data = any(arguments, 1)?.clone();
    let run = || exec::execute(&inner, tree, &data);
    let output = context.engine.call(TPL, run).map_err(|cause| {
        Fault::new(format!("error during tpl function execution for {text:?}")).because(cause)
    })?;
    Ok(Value::Text(without_no_value(output).into()))
}

/// Go prints `<no value>` where there is none, and Helm takes it out again.
fn without_no_value(text: Vec<u8>) -> Vec<u8> {
    const NO_VALUE: &[u8] = b"<no value>";
    let mut windows = text.windows(NO_VALUE.len());
    if !windows.any(|window| window == NO_VALUE) {
        return text;
    }
    let mut kept = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(at) = rest
        .windows(NO_VALUE.len())
        .position(|window| window == NO_VALUE)
    {
        kept.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + NO_VALUE.len()..).unwrap_or_default();
    }
    kept.extend_from_slice(rest);
    kept
}

fn lookup(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let found = context
        .engine
        .surroundings
        .lookup(
            &string(arguments, 0)?,
            &string(arguments, 1)?,
            &string(arguments, 2)?,
            &string(arguments, 3)?,
        )
        .map_err(Fault::new)?;
    Ok(match found {
        // The API machinery reads whole numbers as int64.
        serde_json::Value::Object(_) => Value::from_json(&found),
        _ => from_json_as_floats(&serde_json::json!({})),
    })
}
