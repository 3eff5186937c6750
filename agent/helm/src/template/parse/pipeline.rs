//! Pipelines and commands.

use std::rc::Rc;

use crate::template::lex::Kind;
use crate::template::node::{Command, Operand, Pipe};
use crate::template::parse::{Parsed, Parser};

// === impl Parser: pipelines ===

impl Parser {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let mut pipe = Pipe {
            position: self.peek_word().position,
            assigns: false,
            declared: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.take_word();
            match token.kind {
                kind if kind == end => {
                    self.check_pipeline(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Boolean
                | Kind::CharacterConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawQuoted
                | Kind::Quoted
                | Kind::Variable
                | Kind::LeftParenthesis => {
                    self.next -= 1;
                    pipe.commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            if self.peek_word().kind != Kind::Variable {
                return Ok(());
            }
            let before = self.next;
            let name: Rc<str> = Rc::from(self.take().text);
            match self.peek_word().kind {
                kind @ (Kind::Assign | Kind::Declare) => {
                    pipe.assigns = kind == Kind::Assign;
                    self.take();
                    pipe.declared.push(Rc::clone(&name));
                    self.variables.push(name);
                    return Ok(());
                }
                Kind::Comma => {
                    self.take();
                    pipe.declared.push(Rc::clone(&name));
                    self.variables.push(name);
                    if context != "range" || pipe.declared.len() >= 2 {
                        return Err(self.error(format!("too many declarations in {context}")));
                    }
                    let next = self.peek_word().kind;
                    if !matches!(
                        next,
                        Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis
                    ) {
                        return Err(self.error("range can only initialize variables"));
                    }
                }
                _ => {
                    self.next = before;
                    return Ok(());
                }
            }
        }
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        let constant = pipe.commands.iter().skip(1).position(|command| {
            matches!(
                command.first.operand,
                Operand::Boolean(_)
                    | Operand::Dot
                    | Operand::Nil
                    | Operand::Number(_)
                    | Operand::Text { .. }
            )
        });
        match constant {
            Some(index) => {
                let stage = index + 2;
                Err(self.error(format!("non executable command in pipeline stage {stage}")))
            }
            None => Ok(()),
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let position = self.peek_word().position;
        let mut terms = Vec::new();
        loop {
            self.skip_space();
            if let Some(term) = self.operand()? {
                terms.push(term);
            }
            let token = self.take();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.next -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        let mut terms = terms.into_iter();
        let Some(first) = terms.next() else {
            return Err(self.error("empty command"));
        };
        Ok(Command {
            position,
            first,
            rest: terms.collect(),
        })
    }
}
