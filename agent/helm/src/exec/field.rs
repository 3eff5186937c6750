//! Fields of maps and structs, and methods.

use std::rc::Rc;

use crate::exec::{At, State, methods};
use crate::fault::Fault;
use crate::template::node::Term;
use crate::value::Value;

impl<'t> State<'_, 't> {
    /// Follows `.X.Y.Z`; the last one may be a method and takes the arguments.
    pub(super) fn field_chain(
        &mut self,
        dot: &Value,
        receiver: Value,
        term: &'t Term,
        fields: &[Rc<str>],
        arguments: &'t [Term],
        last: Option<Value>,
    ) -> Result<Value, Fault> {
        let Some((name, before)) = fields.split_last() else {
            return Ok(receiver);
        };
        let mut receiver = receiver;
        for field in before {
            receiver = self.field(dot, receiver, term, field, &[], None)?;
        }
        self.field(dot, receiver, term, name, arguments, last)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: Value,
        term: &'t Term,
        name: &str,
        arguments: &'t [Term],
        last: Option<Value>,
    ) -> Result<Value, Fault> {
        match &receiver {
            Value::Missing => return Ok(Value::Missing),
            Value::Nil => {
                return Err(self.fault(format!("nil pointer evaluating interface {{}}.{name}")));
            }
            _ => {}
        }
        if let Some(method) = methods::find(&receiver, name) {
            return self.call(dot, method, At::Term(term), Some(receiver), arguments, last);
        }
        let has_arguments = !arguments.is_empty() || last.is_some();
        match &receiver {
            Value::Map(map) => {
                if has_arguments {
                    return Err(self.fault(format!("{name} is not a method but has arguments")));
                }
                Ok(map.get(name.as_bytes()).unwrap_or_else(|| map.zero()))
            }
            Value::Struct(structure) => match structure.field(name) {
                Some(_) if has_arguments => {
                    let message = format!("{name} has arguments but cannot be invoked as function");
                    Err(self.fault(message))
                }
                Some(value) => Ok(value.clone()),
                None => Err(self.no_field(&receiver, name)),
            },
            _ => Err(self.no_field(&receiver, name)),
        }
    }

    fn no_field(&self, receiver: &Value, name: &str) -> Fault {
        let type_name = receiver.type_name();
        self.fault(format!("can't evaluate field {name} in type {type_name}"))
    }
}
