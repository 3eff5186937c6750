//! Template text to tokens, with Go's delimiters, trim markers and comments (text/template/parse/lex.go).

mod characters;
mod token;

use crate::template::lex::characters::{
    code_point, has_left_marker, has_right_marker, is_alphanumeric, is_space,
};

pub(crate) use crate::template::lex::token::{Kind, Token};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
/// A trim marker and the blank beside it.
const MARKER: usize = 2;

struct Lexer<'a> {
    input: &'a str,
    position: usize,
    start: usize,
    parentheses: usize,
    tokens: Vec<Token>,
}

/// An error's message; the error is the last token.
type Step = Result<(), String>;

/// Splits a text into tokens; the last one is [`Kind::End`] or [`Kind::Error`].
pub(crate) fn tokens(input: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        input,
        position: 0,
        start: 0,
        parentheses: 0,
        tokens: Vec::new(),
    };
    if let Err(message) = lexer.run() {
        lexer.tokens.push(Token {
            kind: Kind::Error,
            position: lexer.start,
            text: message,
        });
    } else {
        lexer.tokens.push(Token {
            kind: Kind::End,
            position: input.len(),
            text: "EOF".to_owned(),
        });
    }
    lexer.tokens
}

// === impl Lexer ===

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Step {
        while let Some(offset) = self.rest().find(LEFT) {
            self.text_until(self.position + offset);
            self.action_or_comment()?;
        }
        self.position = self.input.len();
        if self.start < self.position {
            self.emit(Kind::Text);
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    fn word(&self) -> &'a str {
        self.input
            .get(self.start..self.position)
            .unwrap_or_default()
    }

    fn emit(&mut self, kind: Kind) {
        let text = self.word().to_owned();
        self.tokens.push(Token {
            kind,
            position: self.start,
            text,
        });
        self.start = self.position;
    }

    fn text_until(&mut self, delimiter: usize) {
        let text = self.input.get(self.start..delimiter).unwrap_or_default();
        let after = self.input.get(delimiter + LEFT.len()..).unwrap_or_default();
        let kept = if has_left_marker(after) {
            text.trim_end_matches(is_space)
        } else {
            text
        };
        self.position = self.start + kept.len();
        if !kept.is_empty() {
            self.emit(Kind::Text);
        }
        self.position = delimiter;
        self.start = delimiter;
    }

    fn action_or_comment(&mut self) -> Step {
        self.position += LEFT.len();
        let marker = if has_left_marker(self.rest()) {
            MARKER
        } else {
            0
        };
        let body = self.rest().get(marker..).unwrap_or_default();
        if body.starts_with(LEFT_COMMENT) {
            self.position += marker;
            self.start = self.position;
            return self.comment();
        }
        self.emit(Kind::LeftDelimiter);
        self.position += marker;
        self.start = self.position;
        self.parentheses = 0;
        while !self.inside_action()? {}
        Ok(())
    }

    fn comment(&mut self) -> Step {
        let Some(end) = self.rest().find(RIGHT_COMMENT) else {
            return Err("unclosed comment".to_owned());
        };
        self.position += end + RIGHT_COMMENT.len();
        let Some(trim) = self.right_delimiter() else {
            return Err("comment ends before closing delimiter".to_owned());
        };
        self.close(trim);
        self.start = self.position;
        Ok(())
    }

    /// Whether a right delimiter is here, and then whether it trims.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_marker(rest)
            && rest
                .get(MARKER..)
                .is_some_and(|rest| rest.starts_with(RIGHT))
        {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn close(&mut self, trim: bool) {
        self.position += RIGHT.len();
        if trim {
            self.position += MARKER;
            let rest = self.rest();
            self.position += rest.len() - rest.trim_start_matches(is_space).len();
        }
    }

    /// Reads one token of an action; true once the action is closed.
    fn inside_action(&mut self) -> Result<bool, String> {
        if let Some(trim) = self.right_delimiter() {
            if self.parentheses > 0 {
                return Err("unclosed left paren".to_owned());
            }
            if trim {
                self.start += MARKER;
            }
            let position = self.start;
            self.close(trim);
            self.start = self.position;
            self.tokens.push(Token {
                kind: Kind::RightDelimiter,
                position,
                text: RIGHT.to_owned(),
            });
            return Ok(true);
        }
        let Some(character) = self.next() else {
            return Err("unclosed action".to_owned());
        };
        self.token(character)?;
        Ok(false)
    }

    fn token(&mut self, character: char) -> Step {
        match character {
            ' ' | '\t' | '\r' | '\n' => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next() != Some('=') {
                    return Err("expected :=".to_owned());
                }
                self.emit(Kind::Declare);
            }
            '|' => self.emit(Kind::Pipe),
            '"' => return self.quoted('"', Kind::Quoted, "unterminated quoted string"),
            '\'' => {
                let message = "unterminated character constant";
                return self.quoted('\'', Kind::CharacterConstant, message);
            }
            '`' => return self.raw_quoted(),
            '$' => return self.field_or_variable(Kind::Variable, Kind::Variable),
            '.' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => {
                return self.field_or_variable(Kind::Field, Kind::Dot);
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.position = self.start;
                return self.number();
            }
            '(' => {
                self.parentheses += 1;
                self.emit(Kind::LeftParenthesis);
            }
            ')' => {
                let Some(open) = self.parentheses.checked_sub(1) else {
                    return Err("unexpected right paren".to_owned());
                };
                self.parentheses = open;
                self.emit(Kind::RightParenthesis);
            }
            ',' => self.emit(Kind::Comma),
            _ if is_alphanumeric(character) => return self.identifier(),
            ' '..='~' => self.emit(Kind::Character),
            _ => {
                return Err(format!(
                    "unrecognized character in action: {}",
                    code_point(character)
                ));
            }
        }
        Ok(())
    }

    fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            // The last blank belongs to a trim marker after it.
            if self.right_delimiter() == Some(true) {
                break;
            }
            self.next();
        }
        let last = self.position - 1;
        let from_last = self.input.get(last..).unwrap_or_default();
        let marker = has_right_marker(from_last)
            && from_last
                .get(MARKER..)
                .is_some_and(|rest| rest.starts_with(RIGHT));
        if marker {
            self.position = last;
        }
        if self.start < self.position {
            self.emit(Kind::Space);
        }
    }

    fn identifier(&mut self) -> Step {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        self.terminated()?;
        let kind = match self.word() {
            "block" | "break" | "continue" | "define" | "else" | "end" | "if" | "range"
            | "template" | "with" => Kind::Keyword,
            "nil" => Kind::Nil,
            "true" | "false" => Kind::Boolean,
            _ => Kind::Identifier,
        };
        self.emit(kind);
        Ok(())
    }

    fn field_or_variable(&mut self, named: Kind, bare: Kind) -> Step {
        if self.at_terminator() {
            self.emit(bare);
            return Ok(());
        }
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        self.terminated()?;
        self.emit(named);
        Ok(())
    }

    fn terminated(&self) -> Step {
        if self.at_terminator() {
            return Ok(());
        }
        let found = self.peek().map_or_else(String::new, code_point);
        Err(format!("bad character {found}"))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(next) => is_space(next) || self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, end: char, kind: Kind, message: &str) -> Step {
        loop {
            match self.next() {
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return Err(message.to_owned());
                    }
                }
                None | Some('\n') => return Err(message.to_owned()),
                Some(found) if found == end => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn raw_quoted(&mut self) -> Step {
        let Some(end) = self.rest().find('`') else {
            return Err("unterminated raw quoted string".to_owned());
        };
        self.position += end + 1;
        self.emit(Kind::RawQuoted);
        Ok(())
    }

    fn number(&mut self) -> Step {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        while self.accept(digits) {}
        if self.accept(".") {
            while self.accept(digits) {}
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            while self.accept("0123456789_") {}
        }
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return Err(format!("bad number syntax: \"{}\"", self.word()));
        }
        self.emit(Kind::Number);
        Ok(())
    }

    fn accept(&mut self, valid: &str) -> bool {
        let accepted = self.peek().is_some_and(|next| valid.contains(next));
        if accepted {
            self.next();
        }
        accepted
    }
}
