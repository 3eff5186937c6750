//! Calls: arguments against the types a function takes.

use crate::exec::{At, State};
use crate::fault::Fault;
use crate::functions::{Body, Function, Parameter};
use crate::template::node::{Operand, Term};
use crate::value::{IntKind, ListKind, MapKind, Value};

impl<'t> State<'_, 't> {
    /// Calls a function, or the method of a receiver.
    pub(super) fn call(
        &mut self,
        dot: &Value,
        function: &'static Function,
        at: At<'t>,
        receiver: Option<Value>,
        terms: &'t [Term],
        last: Option<Value>,
    ) -> Result<Value, Fault> {
        let name = function.name;
        let count = terms.len() + usize::from(last.is_some());
        let least = function.fixed.len();
        if function.rest.is_some() && count < least {
            let given = terms.len();
            let message =
                format!("wrong number of args for {name}: want at least {least} got {given}");
            return Err(self.fault(message));
        }
        if function.rest.is_none() && count != least {
            let message = format!("wrong number of args for {name}: want {least} got {count}");
            return Err(self.fault(message));
        }
        let body = match function.body {
            Body::Plain(body) => body,
            Body::And => return self.and_or(dot, terms, last, AndOr::And),
            Body::Or => return self.and_or(dot, terms, last, AndOr::Or),
        };
        let mut arguments = Vec::with_capacity(count + usize::from(receiver.is_some()));
        arguments.extend(receiver);
        for (index, term) in terms.iter().enumerate() {
            arguments.push(self.argument(dot, function.parameter(index), term)?);
        }
        if let Some(last) = last {
            let parameter = function.parameter(terms.len());
            arguments.push(self.fitting(last, parameter)?);
        }
        match body(self.context, &arguments) {
            Ok(value) => {
                let size = match &value {
                    Value::Text(text) => text.len(),
                    _ => 0,
                };
                self.context.engine.budget.bytes(size)?;
                Ok(value)
            }
            Err(cause) => {
                self.at = at;
                Err(self.fault(format!("error calling {name}")).because(cause))
            }
        }
    }

    fn and_or(
        &mut self,
        dot: &Value,
        terms: &'t [Term],
        last: Option<Value>,
        which: AndOr,
    ) -> Result<Value, Fault> {
        let mut value = Value::Missing;
        for term in terms {
            value = self.any(dot, term)?;
            if value.is_true() == (which == AndOr::Or) {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn argument(
        &mut self,
        dot: &Value,
        parameter: Parameter,
        term: &'t Term,
    ) -> Result<Value, Fault> {
        self.at = At::Term(term);
        match &term.operand {
            Operand::Nil if parameter.takes_nil() => Ok(Value::Nil),
            Operand::Nil => {
                let expected = parameter.type_name();
                Err(self.fault(format!("cannot assign nil to {expected}")))
            }
            Operand::Boolean(_) | Operand::Number(_) | Operand::Text { .. } => {
                self.constant_argument(dot, parameter, term)
            }
            _ => {
                let value = self.any(dot, term)?;
                self.fitting(value, parameter)
            }
        }
    }

    fn constant_argument(
        &mut self,
        dot: &Value,
        parameter: Parameter,
        term: &'t Term,
    ) -> Result<Value, Fault> {
        match (parameter, &term.operand) {
            (Parameter::Any | Parameter::Reflect, _) => return self.any(dot, term),
            (Parameter::Text, Operand::Text { text, .. }) => {
                return Ok(Value::text(text.as_bytes()));
            }
            (Parameter::Bool, Operand::Boolean(value)) => return Ok(Value::Bool(*value)),
            (Parameter::Int, Operand::Number(number)) => {
                if let Some(integer) = number.integer {
                    return Ok(Value::int(integer));
                }
            }
            (Parameter::Uint32, Operand::Number(number)) => {
                let small = number
                    .unsigned
                    .and_then(|number| u32::try_from(number).ok());
                if let Some(small) = small {
                    return Ok(Value::int(i64::from(small)));
                }
            }
            (Parameter::Float, Operand::Number(number)) => {
                if let Some(float) = number.float {
                    return Ok(Value::Float(float));
                }
            }
            _ => {}
        }
        let message = match parameter.constant_name() {
            Some(expected) => format!("expected {expected}; found {term}"),
            None => format!(
                "can't handle {term} for arg of type {}",
                parameter.type_name()
            ),
        };
        Err(self.fault(message))
    }

    /// The value as the parameter takes it, or the error that it does not fit.
    fn fitting(&self, value: Value, parameter: Parameter) -> Result<Value, Fault> {
        let fitting = match (parameter, value) {
            (Parameter::Any, Value::Missing) => Value::Nil,
            (Parameter::Any | Parameter::Reflect, value) => value,
            (Parameter::Text, value @ Value::Text(_))
            | (Parameter::Bool, value @ Value::Bool(_))
            | (Parameter::Int, value @ Value::Int(_, IntKind::Int))
            | (Parameter::Float, value @ Value::Float(_))
            | (Parameter::Time, value @ Value::Time(_))
            | (Parameter::Version, value @ Value::Version(_))
            | (Parameter::Duration, value @ Value::Duration(_)) => value,
            (Parameter::Items, Value::List(list)) if list.kind == ListKind::Any => {
                Value::List(list)
            }
            (Parameter::Certificate, value @ Value::Struct(_))
                if value.type_name() == Parameter::Certificate.type_name() =>
            {
                value
            }
            (Parameter::Map, Value::Map(map))
                if matches!(map.kind, MapKind::Any | MapKind::Values) =>
            {
                Value::Map(map.as_kind(MapKind::Any))
            }
            (parameter, Value::Missing) if parameter.takes_nil() => Value::Nil,
            (parameter, Value::Missing) => {
                let expected = parameter.type_name();
                return Err(self.fault(format!("invalid value; expected {expected}")));
            }
            (parameter, value) => {
                let (expected, found) = (parameter.type_name(), value.type_name());
                let message = format!("wrong type for value; expected {expected}; got {found}");
                return Err(self.fault(message));
            }
        };
        Ok(fitting)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum AndOr {
    And,
    Or,
}
