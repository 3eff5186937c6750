//! The grammar of label selectors.

use crate::selector::{Requirement, Test};

/// The longest name and value of a label (Kubernetes: Labels and Selectors, syntax).
const NAME_LIMIT: usize = 63;
/// The longest prefix of a label's key, a DNS subdomain.
const PREFIX_LIMIT: usize = 253;

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Comma,
    Open,
    Close,
    Not,
    Equals,
    NotEquals,
    Greater,
    Less,
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
}

/// Reads all requirements of a selector.
pub(super) fn requirements(selector: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser {
        tokens: tokens(selector)?.into_iter().peekable(),
    };
    let mut requirements = Vec::new();
    if parser.tokens.peek().is_none() {
        return Ok(requirements);
    }
    loop {
        requirements.push(parser.requirement()?);
        match parser.tokens.next() {
            None => return Ok(requirements),
            Some(Token::Comma) => {}
            Some(other) => return Err(format!("{} stands where a comma must", other.text())),
        }
    }
}

// === impl Token ===

impl Token<'_> {
    fn text(&self) -> String {
        let sign = match self {
            Self::Word(word) => word,
            Self::Comma => ",",
            Self::Open => "(",
            Self::Close => ")",
            Self::Not => "!",
            Self::Equals => "=",
            Self::NotEquals => "!=",
            Self::Greater => ">",
            Self::Less => "<",
        };
        format!("{sign:?}")
    }
}

// === impl Parser ===

impl Parser<'_> {
    fn requirement(&mut self) -> Result<Requirement, String> {
        if self.tokens.next_if_eq(&Token::Not).is_some() {
            let key = self.key()?;
            return Ok(Requirement {
                key,
                test: Test::DoesNotExist,
            });
        }
        let key = self.key()?;
        if matches!(self.tokens.peek(), None | Some(Token::Comma)) {
            return Ok(Requirement {
                key,
                test: Test::Exists,
            });
        }
        let test = match self.tokens.next() {
            Some(Token::Equals) => Test::In(vec![self.value()?]),
            Some(Token::NotEquals) => Test::NotIn(vec![self.value()?]),
            Some(Token::Word("in")) => Test::In(self.values()?),
            Some(Token::Word("notin")) => Test::NotIn(self.values()?),
            Some(Token::Greater) => Test::GreaterThan(self.number()?),
            Some(Token::Less) => Test::LessThan(self.number()?),
            other => return Err(unexpected(other, "one of =, ==, !=, in, notin, >, <")),
        };
        Ok(Requirement { key, test })
    }

    fn key(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(key)) => {
                check_key(key)?;
                Ok(key.to_owned())
            }
            other => Err(unexpected(other, "a label key")),
        }
    }

    /// One value; none at all is the empty value.
    fn value(&mut self) -> Result<String, String> {
        match self.tokens.peek() {
            None | Some(Token::Comma) => Ok(String::new()),
            Some(Token::Word(value)) => {
                let value = (*value).to_owned();
                self.tokens.next();
                check_value(&value)?;
                Ok(value)
            }
            Some(other) => Err(unexpected(Some(other.clone()), "a label value")),
        }
    }

    /// `(a,b)`; a place left empty is the empty value.
    fn values(&mut self) -> Result<Vec<String>, String> {
        if self.tokens.next_if_eq(&Token::Open).is_none() {
            let found = self.tokens.next();
            return Err(unexpected(found, "an opening parenthesis"));
        }
        let mut values = Vec::new();
        loop {
            values.push(match self.tokens.peek() {
                Some(Token::Close) => String::new(),
                _ => self.value()?,
            });
            match self.tokens.next() {
                Some(Token::Comma) => {}
                Some(Token::Close) => return Ok(values),
                other => return Err(unexpected(other, "a comma or a closing parenthesis")),
            }
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => {
                check_value(word)?;
                word.parse()
                    .map_err(|_| format!("{word:?} is no whole number"))
            }
            other => Err(unexpected(other, "a whole number")),
        }
    }
}

fn tokens(selector: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = selector.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match (first, rest.as_bytes().get(1)) {
            (',', _) => (Token::Comma, 1),
            ('(', _) => (Token::Open, 1),
            (')', _) => (Token::Close, 1),
            ('!', Some(b'=')) => (Token::NotEquals, 2),
            ('!', _) => (Token::Not, 1),
            ('=', Some(b'=')) => (Token::Equals, 2),
            ('=', _) => (Token::Equals, 1),
            ('>', _) => (Token::Greater, 1),
            ('<', _) => (Token::Less, 1),
            _ => {
                let length = rest.find(ends_word).unwrap_or(rest.len());
                (Token::Word(rest.get(..length).unwrap_or(rest)), length)
            }
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || matches!(character, ',' | '(' | ')' | '!' | '=' | '>' | '<')
}

fn unexpected(found: Option<Token<'_>>, wanted: &str) -> String {
    match found {
        Some(token) => format!("{} stands where {wanted} must", token.text()),
        None => format!("it ends where {wanted} must stand"),
    }
}

/// `[prefix/]name`: a DNS subdomain and a name (`IsQualifiedName` of apimachinery).
fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|prefix| !is_subdomain(prefix)) {
        return Err(format!("the prefix of the key {key:?} is no DNS name"));
    }
    if name.is_empty() || !is_name(name) {
        return Err(format!(
            "the key {key:?} must be letters, digits, '-', '_' and '.', at most {NAME_LIMIT}, \
             with a letter or digit at both ends"
        ));
    }
    Ok(())
}

fn check_value(value: &str) -> Result<(), String> {
    if is_name(value) {
        Ok(())
    } else {
        Err(format!(
            "the value {value:?} must be letters, digits, '-', '_' and '.', at most {NAME_LIMIT}, \
             with a letter or digit at both ends"
        ))
    }
}

/// Empty, or a label name.
fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let at_end = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= NAME_LIMIT
        && text.bytes().all(inside)
        && at_end(text.bytes().next())
        && at_end(text.bytes().next_back())
}

fn is_subdomain(text: &str) -> bool {
    let part_fits = |part: &str| {
        let inside = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        !part.is_empty()
            && part.bytes().all(inside)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= PREFIX_LIMIT && text.split('.').all(part_fits)
}
