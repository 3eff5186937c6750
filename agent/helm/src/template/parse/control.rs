//! Actions that steer: `if`, `with`, `range`, `block`, `template`, `break`, `continue`, `else`, `end`.

use std::rc::Rc;

use crate::template::lex::{Kind, Token};
use crate::template::node::{Branch, Node};
use crate::template::parse::term::unquote;
use crate::template::parse::{Ending, Item, Parsed, Parser};

impl Parser {
    pub(super) fn action(&mut self) -> Parsed<Item> {
        let token = self.take_word();
        let keyword = if token.kind == Kind::Keyword {
            token.text.as_str()
        } else {
            ""
        };
        let node = match keyword {
            "block" => self.block()?,
            "break" => self.leave_range("{{break}}", Node::Break)?,
            "continue" => self.leave_range("{{continue}}", Node::Continue)?,
            "else" => return self.otherwise(),
            "end" => {
                self.expect_right("end")?;
                return Ok(Item::Ending(Ending::End));
            }
            "if" => Node::If(self.branch("if")?),
            "range" => Node::Range(self.branch("range")?),
            "with" => Node::With(self.branch("with")?),
            "template" => self.template()?,
            _ => {
                self.next -= 1;
                Node::Action(self.pipeline("command", Kind::RightDelimiter)?)
            }
        };
        Ok(Item::Node(node))
    }

    fn leave_range(&mut self, name: &str, node: Node) -> Parsed<Node> {
        let token = self.take_word();
        if token.kind != Kind::RightDelimiter {
            return Err(self.unexpected(&token, name));
        }
        if self.ranges == 0 {
            return Err(self.error(format!("{name} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    fn otherwise(&mut self) -> Parsed<Item> {
        let next = self.peek_word();
        // `else if` and `else with` are read by the branch they belong to.
        let chained = next.kind == Kind::Keyword && matches!(next.text.as_str(), "if" | "with");
        if !chained {
            self.expect_right("else")?;
        }
        Ok(Item::Ending(Ending::Else))
    }

    fn branch(&mut self, keyword: &str) -> Parsed<Branch> {
        self.deeper()?;
        let scope = self.variables.len();
        let pipe = self.pipeline(keyword, Kind::RightDelimiter)?;
        let in_range = usize::from(keyword == "range");
        self.ranges += in_range;
        let (body, ending) = self.list()?;
        self.ranges -= in_range;
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else => Some(self.else_list(keyword)?),
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Branch {
            pipe,
            body,
            otherwise,
        })
    }

    fn else_list(&mut self, keyword: &str) -> Parsed<Vec<Node>> {
        let next = self.peek();
        if next.kind == Kind::Keyword && next.text == keyword && keyword != "range" {
            self.take();
            let branch = self.branch(keyword)?;
            let chained = if keyword == "if" {
                Node::If(branch)
            } else {
                Node::With(branch)
            };
            return Ok(vec![chained]);
        }
        let (nodes, ending) = self.list()?;
        if ending != Ending::End {
            return Err(self.error(format!("expected end; found {}", ending.text())));
        }
        Ok(nodes)
    }

    fn block(&mut self) -> Parsed<Node> {
        let token = self.take_word();
        let name = self.template_name(&token, "block clause")?;
        let pipe = self.pipeline("block clause", Kind::RightDelimiter)?;
        let body = self.body_of_tree("block clause")?;
        self.add(Rc::clone(&name), body)?;
        Ok(Node::Template {
            position: token.position,
            name,
            pipe: Some(pipe),
        })
    }

    fn template(&mut self) -> Parsed<Node> {
        let token = self.take_word();
        let name = self.template_name(&token, "template clause")?;
        let pipe = if self.take_word().kind == Kind::RightDelimiter {
            None
        } else {
            self.next -= 1;
            Some(self.pipeline("template clause", Kind::RightDelimiter)?)
        };
        Ok(Node::Template {
            position: token.position,
            name,
            pipe,
        })
    }

    pub(super) fn template_name(&mut self, token: &Token, context: &str) -> Parsed<Rc<str>> {
        if !matches!(token.kind, Kind::Quoted | Kind::RawQuoted) {
            return Err(self.unexpected(token, context));
        }
        match unquote(&token.text) {
            Some(name) => Ok(Rc::from(name)),
            None => Err(self.error("invalid syntax")),
        }
    }
}
