//! Runs a template, as Go's text/template/exec.go does.

mod argument;
mod eval;
mod field;
mod methods;

use std::rc::Rc;

use crate::engine::Context;
use crate::fault::{Fault, Place};
use crate::format;
use crate::template::node::{Branch, Command, Node, Pipe, Term, Tree};
use crate::value::Value;

pub(crate) use crate::exec::methods::KUBE_VERSION;

/// Runs a template on a value and gives its text.
///
/// # Errors
/// The template fails, or the budget is used up.
pub(crate) fn execute(context: &Context<'_>, tree: &Tree, data: &Value) -> Result<Vec<u8>, Fault> {
    let mut state = State {
        context,
        tree,
        out: Vec::new(),
        variables: vec![(Rc::from("$"), data.clone())],
        at: At::Nowhere,
    };
    state.walk(data, &tree.root)?;
    Ok(state.out)
}

struct State<'e, 't> {
    context: &'e Context<'e>,
    tree: &'t Tree,
    out: Vec<u8>,
    variables: Vec<(Rc<str>, Value)>,
    /// What is looked at, to be named in an error.
    at: At<'t>,
}

#[derive(Clone, Copy)]
enum At<'t> {
    Nowhere,
    Node(&'t Node, usize),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Term(&'t Term),
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

// === impl State ===

impl<'t> State<'_, 't> {
    fn place(&self) -> Place {
        let (position, context) = match self.at {
            At::Nowhere => (0, String::new()),
            At::Node(node, position) => (position, node.to_string()),
            At::Pipe(pipe) => (pipe.position, pipe.to_string()),
            At::Command(command) => (command.position, command.to_string()),
            At::Term(term) => (term.position, term.to_string()),
        };
        Place {
            location: self.tree.source.location(position),
            template: self.tree.name.to_string(),
            context,
        }
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::at(self.place(), message)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.context.engine.budget.bytes(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn walk(&mut self, dot: &Value, nodes: &'t [Node]) -> Result<Flow, Fault> {
        for node in nodes {
            self.context.engine.budget.step()?;
            let flow = match node {
                Node::Text(text) => {
                    self.write(text.as_bytes())?;
                    Flow::Next
                }
                Node::Action(pipe) => {
                    let value = self.pipeline(dot, pipe)?;
                    if pipe.declared.is_empty() {
                        self.at = At::Node(node, pipe.position);
                        self.print(&value)?;
                    }
                    Flow::Next
                }
                Node::If(branch) => self.branch(dot, branch, Scope::Outer)?,
                Node::With(branch) => self.branch(dot, branch, Scope::Value)?,
                Node::Range(branch) => self.range(dot, branch)?,
                Node::Template {
                    position,
                    name,
                    pipe,
                } => {
                    self.at = At::Node(node, *position);
                    self.template(dot, name, pipe.as_ref())?;
                    Flow::Next
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, value: &Value) -> Result<(), Fault> {
        match value {
            Value::Missing => self.write(b"<no value>"),
            Value::Text(text) => self.write(text.as_bytes()),
            Value::Struct(structure) if structure.type_name == methods::KUBE_VERSION => {
                let text = format::display(&methods::kube_version_text(structure))?;
                self.write(&text)
            }
            other => {
                let text = format::display(other)?;
                self.write(&text)
            }
        }
    }

    fn branch(&mut self, dot: &Value, branch: &'t Branch, scope: Scope) -> Result<Flow, Fault> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if value.is_true() {
            let inner = match scope {
                Scope::Outer => dot,
                Scope::Value => &value,
            };
            self.walk(inner, &branch.body)?
        } else if let Some(otherwise) = &branch.otherwise {
            self.walk(dot, otherwise)?
        } else {
            Flow::Next
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow, Fault> {
        self.at = At::Pipe(&branch.pipe);
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = match &value {
            Value::Int(count, _) | Value::Duration(count) => {
                if branch.pipe.declared.len() > 1 {
                    let message =
                        format!("can't use {count} to iterate over more than one variable");
                    return Err(self.fault(message));
                }
                self.count(dot, branch, &value, *count)?
            }
            Value::List(list) => {
                let items = list.snapshot().into_iter().enumerate();
                let items = items.map(|(index, item)| (Value::length(index), item));
                self.iterate(dot, branch, items)?
            }
            Value::Bytes(bytes) => {
                let items = bytes.iter().enumerate().map(|(index, byte)| {
                    let byte = Value::Int(i64::from(*byte), crate::value::IntKind::Uint8);
                    (Value::length(index), byte)
                });
                self.iterate(dot, branch, items)?
            }
            Value::Map(map) => {
                let entries = map.snapshot().into_iter();
                let entries = entries.map(|(key, value)| (Value::Text(key), value));
                self.iterate(dot, branch, entries)?
            }
            Value::Missing | Value::Nil => self.iterate(dot, branch, std::iter::empty())?,
            other => {
                let shown = format::display(other)?;
                let shown = String::from_utf8_lossy(&shown).into_owned();
                return Err(self.fault(format!("range can't iterate over {shown}")));
            }
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn count(
        &mut self,
        dot: &Value,
        branch: &'t Branch,
        value: &Value,
        count: i64,
    ) -> Result<Flow, Fault> {
        let numbers = (0..count).map(|number| {
            let number = match value {
                Value::Int(_, kind) => Value::Int(number, *kind),
                _ => Value::Duration(number),
            };
            (Value::Missing, number)
        });
        self.iterate(dot, branch, numbers)
    }

    fn iterate(
        &mut self,
        dot: &Value,
        branch: &'t Branch,
        items: impl Iterator<Item = (Value, Value)>,
    ) -> Result<Flow, Fault> {
        let mark = self.variables.len();
        let mut empty = true;
        for (index, item) in items {
            empty = false;
            self.context.engine.budget.step()?;
            self.declare_item(&branch.pipe, index, &item)?;
            let flow = self.walk(&item, &branch.body)?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                return Ok(Flow::Next);
            }
        }
        match &branch.otherwise {
            Some(otherwise) if empty => self.walk(dot, otherwise),
            _ => Ok(Flow::Next),
        }
    }

    fn declare_item(&mut self, pipe: &'t Pipe, index: Value, item: &Value) -> Result<(), Fault> {
        let values = match pipe.declared.as_slice() {
            [] => return Ok(()),
            [_] => vec![item.clone()],
            _ => vec![index, item.clone()],
        };
        for (name, value) in pipe.declared.iter().zip(values) {
            if pipe.assigns {
                self.assign(name, value)?;
            } else {
                // The pipeline declared them already, for the whole range.
                self.redeclare(name, value);
            }
        }
        Ok(())
    }

    fn redeclare(&mut self, name: &Rc<str>, value: Value) {
        let known = self.variables.iter_mut().rev();
        if let Some((_, slot)) = known.into_iter().find(|(known, _)| known == name) {
            *slot = value;
        }
    }

    fn template(&mut self, dot: &Value, name: &str, pipe: Option<&'t Pipe>) -> Result<(), Fault> {
        let Some(tree) = self.context.templates.find(name) else {
            return Err(self.fault(format!("template {name:?} not defined")));
        };
        let data = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Missing,
        };
        let engine = self.context.engine;
        let text = engine.call(name, || execute(self.context, &tree, &data))?;
        self.out.extend_from_slice(&text);
        Ok(())
    }
}

/// What dot is inside a branch.
#[derive(Clone, Copy)]
enum Scope {
    Outer,
    Value,
}
