//! Tokens to trees, by the grammar and the checks of Go's text/template/parse.

mod control;
mod pipeline;
mod term;

use std::rc::Rc;

use crate::template::lex::{self, Kind, Token};
use crate::template::node::{Node, Source, Tree};

/// How deep parentheses and blocks may nest: Go allows 10000 parentheses and any number of blocks, no
/// chart goes over a dozen, and each level takes stack.
const MAX_DEPTH: usize = 500;

/// Why a text is no template: Go's message behind `template: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template: {location}: {message}")]
pub(crate) struct ParseError {
    /// File and line.
    pub(crate) location: String,
    pub(crate) message: String,
}

type Parsed<T> = Result<T, ParseError>;

/// Parses one file: its own tree and those of its `define`s, each with its name. A tree of blanks gives
/// way to one that is not, two that are not are an error.
///
/// # Errors
/// The text is no template or names a function that does not exist.
pub(crate) fn parse(name: &str, text: &str) -> Parsed<Vec<Rc<Tree>>> {
    let source = Rc::new(Source {
        name: Rc::from(name),
        text: Rc::from(text),
    });
    let mut parser = Parser {
        tokens: lex::tokens(text),
        next: 0,
        source,
        variables: vec![Rc::from("$")],
        ranges: 0,
        depth: 0,
        action: None,
        trees: Vec::new(),
    };
    parser.file()?;
    Ok(parser.trees)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    source: Rc<Source>,
    variables: Vec<Rc<str>>,
    ranges: usize,
    depth: usize,
    /// Where the action that is being read starts.
    action: Option<usize>,
    trees: Vec<Rc<Tree>>,
}

/// What ended a list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

/// A node, or the end of the list it would be in.
enum Item {
    Node(Node),
    Ending(Ending),
}

// === impl Parser: tokens ===

impl Parser {
    fn token(&self, index: usize) -> &Token {
        static END: Token = Token {
            kind: Kind::End,
            position: 0,
            text: String::new(),
        };
        // The last token stands for all after it.
        self.tokens
            .get(index)
            .or_else(|| self.tokens.last())
            .unwrap_or(&END)
    }

    fn peek(&self) -> &Token {
        self.token(self.next)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn peek_word(&mut self) -> &Token {
        self.skip_space();
        self.peek()
    }

    fn take_word(&mut self) -> Token {
        self.skip_space();
        self.take()
    }

    fn expect_right(&mut self, context: &str) -> Parsed<()> {
        let token = self.take_word();
        if token.kind == Kind::RightDelimiter {
            return Ok(());
        }
        Err(self.unexpected(&token, context))
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        let position = self.token(self.next.saturating_sub(1)).position;
        ParseError {
            location: self.source.line(position),
            message: message.into(),
        }
    }

    fn unexpected(&self, token: &Token, context: &str) -> ParseError {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", describe(token)));
        }
        let mut message = token.text.clone();
        if let Some(action) = self.action {
            let start = self.source.line(action);
            if start != self.source.line(token.position) {
                let opening = if message.ends_with(" action") {
                    " started at "
                } else {
                    " in action started at "
                };
                message.push_str(opening);
                message.push_str(&start);
            }
        }
        self.error(message)
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("max expression depth exceeded"));
        }
        Ok(())
    }
}

/// A token as Go names it in a message.
fn describe(token: &Token) -> String {
    match token.kind {
        Kind::End => "EOF".to_owned(),
        Kind::Error => token.text.clone(),
        Kind::Keyword | Kind::Nil => format!("<{}>", token.text),
        _ if token.text.chars().count() > 10 => {
            let start: String = token.text.chars().take(10).collect();
            format!("{start:?}...")
        }
        _ => format!("{:?}", token.text),
    }
}

// === impl Parser: lists ===

impl Parser {
    fn file(&mut self) -> Parsed<()> {
        let mut root = Vec::new();
        while self.peek().kind != Kind::End {
            if self.peek().kind == Kind::LeftDelimiter {
                let before = self.next;
                self.take();
                let word = self.take_word();
                if word.kind == Kind::Keyword && word.text == "define" {
                    self.definition()?;
                    continue;
                }
                self.next = before;
            }
            match self.item()? {
                Item::Node(node) => root.push(node),
                Item::Ending(ending) => {
                    return Err(self.error(format!("unexpected {}", ending.text())));
                }
            }
        }
        let name = Rc::clone(&self.source.name);
        self.add(name, root)
    }

    fn definition(&mut self) -> Parsed<()> {
        let token = self.take_word();
        let name = self.template_name(&token, "define clause")?;
        self.expect_right("define clause")?;
        let body = self.body_of_tree("define clause")?;
        self.add(name, body)
    }

    /// The body of a `define` or `block`, which sees no variable but `$` and is in no range.
    fn body_of_tree(&mut self, context: &str) -> Parsed<Vec<Node>> {
        let variables = std::mem::replace(&mut self.variables, vec![Rc::from("$")]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, ending) = self.list()?;
        if ending != Ending::End {
            return Err(self.error(format!("unexpected {} in {context}", ending.text())));
        }
        self.variables = variables;
        self.ranges = ranges;
        Ok(body)
    }

    fn add(&mut self, name: Rc<str>, root: Vec<Node>) -> Parsed<()> {
        let tree = Tree {
            name,
            source: Rc::clone(&self.source),
            root,
        };
        let known = self.trees.iter_mut().find(|known| known.name == tree.name);
        match known {
            None => self.trees.push(Rc::new(tree)),
            Some(known) if known.is_blank() => *known = Rc::new(tree),
            Some(_) if tree.is_blank() => {}
            Some(_) => {
                let message = format!("multiple definition of template {:?}", tree.name);
                return Err(self.error(message));
            }
        }
        Ok(())
    }

    fn list(&mut self) -> Parsed<(Vec<Node>, Ending)> {
        self.deeper()?;
        let mut nodes = Vec::new();
        while self.peek_word().kind != Kind::End {
            match self.item()? {
                Item::Node(node) => nodes.push(node),
                Item::Ending(ending) => {
                    self.depth -= 1;
                    return Ok((nodes, ending));
                }
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn item(&mut self) -> Parsed<Item> {
        let token = self.take_word();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.text))),
            Kind::LeftDelimiter => {
                self.action = Some(token.position);
                let item = self.action()?;
                self.action = None;
                Ok(item)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }
}

// === impl Ending ===

impl Ending {
    fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

// === impl Tree ===

impl Tree {
    /// Whether it holds nothing but blanks.
    pub(crate) fn is_blank(&self) -> bool {
        self.root
            .iter()
            .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }
}
