//! The parsed template, and its nodes printed as Go prints them in error messages.

use std::fmt;
use std::rc::Rc;

use crate::functions::Function;

/// A parsed template: a file, or what a `define` in it holds.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The name it is called by.
    pub(crate) name: Rc<str>,
    /// The file it was written in.
    pub(crate) source: Rc<Source>,
    pub(crate) root: Vec<Node>,
}

/// The text that trees were parsed from, to name places in it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Rc<str>,
    pub(crate) text: Rc<str>,
}

/// One piece of a template.
#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template {
        position: usize,
        name: Rc<str>,
        pipe: Option<Pipe>,
    },
    Break,
    Continue,
}

/// `if`, `with` or `range`.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

/// A pipeline.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) position: usize,
    pub(crate) assigns: bool,
    pub(crate) declared: Vec<Rc<str>>,
    pub(crate) commands: Vec<Command>,
}

/// One stage of a pipeline: a word and its arguments, never empty.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) position: usize,
    pub(crate) first: Term,
    pub(crate) rest: Vec<Term>,
}

/// An operand and where it is.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) position: usize,
    pub(crate) operand: Operand,
}

/// What stands as a word or argument.
#[derive(Debug)]
pub(crate) enum Operand {
    Dot,
    Nil,
    Boolean(bool),
    Number(Number),
    Text {
        quoted: String,
        text: Rc<str>,
    },
    Field(Vec<Rc<str>>),
    Variable {
        name: Rc<str>,
        fields: Vec<Rc<str>>,
    },
    Chain {
        base: Box<Term>,
        fields: Vec<Rc<str>>,
    },
    Function(&'static Function),
    Pipe(Pipe),
}

/// A number with every kind its text can be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) integer: Option<i64>,
    pub(crate) unsigned: Option<u64>,
    pub(crate) float: Option<f64>,
}

// === impl Source ===

impl Source {
    /// File, line from 1 and column in bytes from 0, as Go's messages have them.
    pub(crate) fn location(&self, position: usize) -> String {
        let before = self.text.get(..position).unwrap_or(&self.text);
        let line = 1 + before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        format!("{}:{line}:{column}", self.name)
    }

    /// File and line.
    pub(crate) fn line(&self, position: usize) -> String {
        let before = self.text.get(..position).unwrap_or(&self.text);
        format!("{}:{}", self.name, 1 + before.matches('\n').count())
    }
}

// === impl Display ===

impl fmt::Display for Pipe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.declared.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(formatter, "{} {sign} ", self.declared.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" | ")?;
            }
            write!(formatter, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first)?;
        for term in &self.rest {
            write!(formatter, " {term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operand {
            Operand::Dot => formatter.write_str("."),
            Operand::Nil => formatter.write_str("nil"),
            Operand::Boolean(value) => write!(formatter, "{value}"),
            Operand::Number(number) => formatter.write_str(&number.text),
            Operand::Text { quoted, .. } => formatter.write_str(quoted),
            Operand::Field(fields) => write_fields(formatter, fields),
            Operand::Variable { name, fields } => {
                formatter.write_str(name)?;
                write_fields(formatter, fields)
            }
            Operand::Chain { base, fields } => {
                write!(formatter, "{base}")?;
                write_fields(formatter, fields)
            }
            Operand::Function(function) => formatter.write_str(function.name),
            Operand::Pipe(pipe) => write!(formatter, "({pipe})"),
        }
    }
}

impl fmt::Display for Node {
    /// Only what an error message can name.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Action(pipe) => write!(formatter, "{{{{{pipe}}}}}"),
            Self::If(branch) => write!(formatter, "{{{{if {}}}}}", branch.pipe),
            Self::With(branch) => write!(formatter, "{{{{with {}}}}}", branch.pipe),
            Self::Range(branch) => write!(formatter, "{{{{range {}}}}}", branch.pipe),
            Self::Template { name, pipe, .. } => {
                write!(formatter, "{{{{template {name:?}")?;
                if let Some(pipe) = pipe {
                    write!(formatter, " {pipe}")?;
                }
                formatter.write_str("}}")
            }
            Self::Break => formatter.write_str("{{break}}"),
            Self::Continue => formatter.write_str("{{continue}}"),
        }
    }
}

fn write_fields(formatter: &mut fmt::Formatter<'_>, fields: &[Rc<str>]) -> fmt::Result {
    for field in fields {
        write!(formatter, ".{field}")?;
    }
    Ok(())
}
