//! Operands: names, fields, constants and parentheses.

use std::rc::Rc;

use crate::functions;
use crate::template::lex::{Kind, Token};
use crate::template::node::{Number, Operand, Term};
use crate::template::parse::{Parsed, Parser};

impl Parser {
    pub(super) fn operand(&mut self) -> Parsed<Option<Term>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        if self.peek().kind != Kind::Field {
            return Ok(Some(term));
        }
        let position = self.peek().position;
        let mut chained = Vec::new();
        while self.peek().kind == Kind::Field {
            chained.extend(names(&self.take().text));
        }
        let operand = match term.operand {
            Operand::Field(mut fields) => {
                fields.extend(chained);
                Operand::Field(fields)
            }
            Operand::Variable { name, mut fields } => {
                fields.extend(chained);
                Operand::Variable { name, fields }
            }
            Operand::Boolean(_)
            | Operand::Text { .. }
            | Operand::Number(_)
            | Operand::Nil
            | Operand::Dot => {
                let message = format!("unexpected . after term {:?}", term.to_string());
                return Err(self.error(message));
            }
            _ => Operand::Chain {
                base: Box::new(term),
                fields: chained,
            },
        };
        Ok(Some(Term { position, operand }))
    }

    fn term(&mut self) -> Parsed<Option<Term>> {
        let token = self.take_word();
        let operand = match token.kind {
            Kind::Identifier => {
                let Some(function) = functions::find(&token.text) else {
                    return Err(self.error(format!("function {:?} not defined", token.text)));
                };
                Operand::Function(function)
            }
            Kind::Dot => Operand::Dot,
            Kind::Nil => Operand::Nil,
            Kind::Variable => self.variable(&token)?,
            Kind::Field => Operand::Field(names(&token.text).collect()),
            Kind::Boolean => Operand::Boolean(token.text == "true"),
            Kind::CharacterConstant | Kind::Number => match number(&token) {
                Ok(number) => Operand::Number(number),
                Err(message) => return Err(self.error(message)),
            },
            Kind::LeftParenthesis => {
                self.deeper()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParenthesis)?;
                self.depth -= 1;
                Operand::Pipe(pipe)
            }
            Kind::Quoted | Kind::RawQuoted => match unquote(&token.text) {
                Some(text) => Operand::Text {
                    text: Rc::from(text),
                    quoted: token.text,
                },
                None => return Err(self.error("invalid syntax")),
            },
            _ => {
                self.next -= 1;
                return Ok(None);
            }
        };
        Ok(Some(Term {
            position: token.position,
            operand,
        }))
    }

    fn variable(&self, token: &Token) -> Parsed<Operand> {
        let mut parts = token.text.split('.');
        let name = parts.next().unwrap_or_default();
        if !self.variables.iter().any(|known| **known == *name) {
            return Err(self.error(format!("undefined variable {name:?}")));
        }
        Ok(Operand::Variable {
            name: Rc::from(name),
            fields: parts.map(Rc::from).collect(),
        })
    }
}

fn names(text: &str) -> impl Iterator<Item = Rc<str>> {
    text.trim_start_matches('.').split('.').map(Rc::from)
}

/// Reads a Go number: digits with `_`, prefixes `0x`, `0o`, `0b` and a bare `0`, exponents, hexadecimal
/// floats, or a character constant.
fn number(token: &Token) -> Result<Number, String> {
    let text = token.text.as_str();
    let mut number = Number {
        text: text.to_owned(),
        ..Number::default()
    };
    if token.kind == Kind::CharacterConstant {
        let character = unquote_character(text)
            .ok_or_else(|| format!("malformed character constant: {text}"))?;
        let code = u32::from(character);
        number.integer = Some(i64::from(code));
        number.unsigned = Some(u64::from(code));
        number.float = Some(f64::from(code));
        return Ok(number);
    }
    number.unsigned = crate::number::parse_unsigned(text, 0);
    number.integer = crate::number::parse_integer(text, 0);
    if number.integer == Some(0) {
        number.unsigned = Some(0);
    }
    if let Some(integer) = number.integer {
        number.float = Some(integer as f64);
    } else if let Some(unsigned) = number.unsigned {
        number.float = Some(unsigned as f64);
    } else if let Some(float) = crate::number::parse_float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {text:?}"));
        }
        number.float = Some(float);
        let integer = float as i64;
        number.integer = (integer as f64 == float).then_some(integer);
        let unsigned = float as u64;
        number.unsigned = (unsigned as f64 == float).then_some(unsigned);
    }
    if number.float.is_none() {
        return Err(format!("illegal number syntax: {text:?}"));
    }
    Ok(number)
}

/// The text of a Go string literal, in `"` or in backquotes.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    if let Some(raw) = quoted.strip_prefix('`') {
        // Go drops carriage returns from raw literals.
        return Some(raw.strip_suffix('`')?.replace('\r', ""));
    }
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            escape(&mut characters, '"', &mut bytes)?;
        } else {
            push(&mut bytes, character);
        }
    }
    // An escape can name any byte; what is no UTF-8 is replaced.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn unquote_character(quoted: &str) -> Option<char> {
    let inner = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut characters = inner.chars();
    let character = characters.next()?;
    if character != '\\' {
        return characters.next().is_none().then_some(character);
    }
    let mut bytes = Vec::new();
    escape(&mut characters, '\'', &mut bytes)?;
    if characters.next().is_some() {
        return None;
    }
    let text = std::str::from_utf8(&bytes).ok();
    text.and_then(|text| text.chars().next())
        .or_else(|| bytes.first().map(|byte| char::from(*byte)))
}

fn escape(characters: &mut std::str::Chars<'_>, quote: char, bytes: &mut Vec<u8>) -> Option<()> {
    let escaped = characters.next()?;
    match escaped {
        'a' => bytes.push(7),
        'b' => bytes.push(8),
        'f' => bytes.push(12),
        'n' => bytes.push(b'\n'),
        'r' => bytes.push(b'\r'),
        't' => bytes.push(b'\t'),
        'v' => bytes.push(11),
        '\\' => bytes.push(b'\\'),
        _ if escaped == quote => push(bytes, escaped),
        'x' => bytes.push(u8::try_from(digits(characters, 2, 16, 0)?).ok()?),
        'u' => push(bytes, char::from_u32(digits(characters, 4, 16, 0)?)?),
        'U' => push(bytes, char::from_u32(digits(characters, 8, 16, 0)?)?),
        '0'..='7' => {
            let first = escaped.to_digit(8)?;
            bytes.push(u8::try_from(digits(characters, 2, 8, first)?).ok()?);
        }
        _ => return None,
    }
    Some(())
}

fn digits(
    characters: &mut std::str::Chars<'_>,
    count: usize,
    radix: u32,
    start: u32,
) -> Option<u32> {
    let mut value = start;
    for _ in 0..count {
        let digit = characters.next()?.to_digit(radix)?;
        value = value.checked_mul(radix)?.checked_add(digit)?;
    }
    Some(value)
}

fn push(bytes: &mut Vec<u8>, character: char) {
    let mut buffer = [0; 4];
    bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
}
