//! Pipelines, commands and variables.

use std::rc::Rc;

use crate::exec::{At, State};
use crate::fault::Fault;
use crate::template::node::{Command, Number, Operand, Pipe, Term};
use crate::value::Value;

impl<'t> State<'_, 't> {
    /// Evaluates a pipeline and declares or sets its variables.
    pub(super) fn pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value, Fault> {
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            let result = self.command(dot, command, value)?;
            value = Some(result.out_of_interface());
        }
        let value = value.unwrap_or(Value::Missing);
        for name in &pipe.declared {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((Rc::clone(name), value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn assign(&mut self, name: &Rc<str>, value: Value) -> Result<(), Fault> {
        let known = self.variables.iter_mut().rev();
        match known.into_iter().find(|(known, _)| known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(self.fault(format!("undefined variable: {name}"))),
        }
    }

    fn variable(&self, name: &str) -> Result<Value, Fault> {
        let mut known = self.variables.iter().rev();
        match known.find(|(known, _)| **known == *name) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.fault(format!("undefined variable: {name}"))),
        }
    }

    /// Evaluates one stage; `last` is what the stage before gave, its last argument.
    fn command(
        &mut self,
        dot: &Value,
        command: &'t Command,
        last: Option<Value>,
    ) -> Result<Value, Fault> {
        self.context.engine.budget.step()?;
        let Command { first, rest, .. } = command;
        match &first.operand {
            Operand::Field(fields) => {
                self.at = At::Term(first);
                self.field_chain(dot, dot.clone(), first, fields, rest, last)
            }
            Operand::Chain { base, fields } => {
                let base = self.chain_base(dot, first, base)?;
                self.field_chain(dot, base, first, fields, rest, last)
            }
            Operand::Function(function) => {
                self.at = At::Term(first);
                self.call(dot, function, At::Command(command), None, rest, last)
            }
            Operand::Pipe(pipe) => {
                self.takes_no_argument(first, rest, last.as_ref())?;
                self.pipeline(dot, pipe)
            }
            Operand::Variable { name, fields } => {
                self.at = At::Term(first);
                let value = self.variable(name)?;
                if fields.is_empty() {
                    self.takes_no_argument(first, rest, last.as_ref())?;
                    return Ok(value);
                }
                self.field_chain(dot, value, first, fields, rest, last)
            }
            Operand::Nil => {
                self.at = At::Term(first);
                self.takes_no_argument(first, rest, last.as_ref())?;
                Err(self.fault("nil is not a command"))
            }
            _ => {
                self.at = At::Term(first);
                self.takes_no_argument(first, rest, last.as_ref())?;
                self.any(dot, first)
            }
        }
    }

    fn takes_no_argument(
        &self,
        first: &Term,
        rest: &[Term],
        last: Option<&Value>,
    ) -> Result<(), Fault> {
        if rest.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(self.fault(format!("can't give argument to non-function {first}")))
    }

    fn chain_base(&mut self, dot: &Value, term: &'t Term, base: &'t Term) -> Result<Value, Fault> {
        self.at = At::Term(term);
        if matches!(base.operand, Operand::Nil) {
            return Err(self.fault(format!("indirection through explicit nil in {term}")));
        }
        self.any(dot, base)
    }

    /// Evaluates an operand where any value will do.
    pub(super) fn any(&mut self, dot: &Value, term: &'t Term) -> Result<Value, Fault> {
        self.at = At::Term(term);
        match &term.operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Nil),
            Operand::Boolean(value) => Ok(Value::Bool(*value)),
            Operand::Number(number) => self.constant(number),
            Operand::Text { text, .. } => Ok(Value::text(text.as_bytes())),
            Operand::Field(fields) => self.field_chain(dot, dot.clone(), term, fields, &[], None),
            Operand::Variable { name, fields } => {
                let value = self.variable(name)?;
                if fields.is_empty() {
                    return Ok(value);
                }
                self.field_chain(dot, value, term, fields, &[], None)
            }
            Operand::Chain { base, fields } => {
                let base = self.chain_base(dot, term, base)?;
                self.field_chain(dot, base, term, fields, &[], None)
            }
            Operand::Function(function) => {
                self.call(dot, function, At::Term(term), None, &[], None)
            }
            Operand::Pipe(pipe) => self.pipeline(dot, pipe),
        }
    }

    /// A number where its text alone says its kind.
    fn constant(&self, number: &Number) -> Result<Value, Fault> {
        let text = number.text.as_str();
        let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
        let looks_like_float = if hexadecimal {
            text.contains(['p', 'P'])
        } else {
            !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P'])
        };
        match (number.float, number.integer) {
            (Some(float), _) if looks_like_float => Ok(Value::Float(float)),
            (_, Some(integer)) => Ok(Value::int(integer)),
            _ => Err(self.fault(format!("{text} overflows int"))),
        }
    }
}
