//! Reads and evaluates expressions.
//!
//! Text stands for itself, `$$` for one `$`, and `${…}` for an expression: a name and at most one
//! operator, whose arguments may hold one expression each (a default any number).

use super::functions::apply;

/// Why an expression cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// The expression is not closed, or something stands between name and brace.
    #[error("${{{name}…: the closing brace is missing, or {rest:?} is no operator")]
    MissingBrace {
        /// The variable.
        name: String,
        /// What follows the name.
        rest: String,
    },
    /// No name follows the opening brace.
    #[error("${{ is not followed by a variable name; write $${{ for a literal ${{")]
    MissingName,
    /// An operator's arguments are not complete.
    #[error("${{{name}{operator}…: the arguments of {operator} are not complete")]
    BadArguments {
        /// The variable.
        name: String,
        /// The operator.
        operator: String,
    },
    /// The variable is not there, and no default is written.
    #[error("the variable {name:?} is not set; set it, or write ${{{name}:=default}}")]
    NotSet {
        /// The variable.
        name: String,
    },
    /// The values are too long together.
    #[error("the values put into one object have over {limit} bytes together")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Expressions nest too deeply.
    #[error("expressions are nested over {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
}

/// How deep expressions may nest: defaults of defaults, far over what anybody writes.
const DEPTH_LIMIT: usize = 64;

/// How long the values put into one object may be together: far over etcd's 1.5 MiB per object.
const LENGTH_LIMIT: usize = 64 << 20;

/// How much of a malformed expression is shown.
const EXCERPT: usize = 20;

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Evaluates all expressions of a text.
///
/// # Errors
/// One is malformed, or its variable is not there.
pub(super) fn evaluate(text: &str, lookup: Lookup<'_>) -> Result<String, ExpressionError> {
    let mut output = String::with_capacity(text.len());
    let mut scanner = Scanner {
        rest: text,
        depth: 0,
        length: 0,
    };
    loop {
        output.push_str(&scanner.text(Escapes::Dollar, |_| true));
        if scanner.rest.is_empty() {
            return Ok(output);
        }
        output.push_str(&scanner.expression(lookup)?);
    }
}

/// A position in the text.
struct Scanner<'a> {
    rest: &'a str,
    depth: usize,
    /// How long the values read so far are together.
    length: usize,
}

/// Which characters a text may escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    None,
    /// `$$` is one `$`.
    Dollar,
    /// Also `\/` and `\\`.
    All,
}

// === impl Scanner ===

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, character: char) {
        self.rest = self.rest.get(character.len_utf8()..).unwrap_or_default();
    }

    fn take(&mut self, character: char) -> bool {
        let found = self.peek() == Some(character);
        if found {
            self.skip(character);
        }
        found
    }

    /// Text up to an expression or a character that is not accepted.
    fn text(&mut self, escapes: Escapes, accepts: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(character) = self.peek() {
            if self.rest.starts_with("${") {
                break;
            }
            if self.is_escape(escapes) {
                self.skip(character);
                let Some(escaped) = self.peek() else {
                    break;
                };
                text.push(escaped);
                self.skip(escaped);
            } else if accepts(character) {
                text.push(character);
                self.skip(character);
            } else {
                break;
            }
        }
        text
    }

    fn is_escape(&self, escapes: Escapes) -> bool {
        let starts = |prefix: &str| self.rest.starts_with(prefix);
        match escapes {
            Escapes::None => false,
            Escapes::Dollar => starts("$$"),
            Escapes::All => starts("$$") || starts("\\/") || starts("\\\\"),
        }
    }

    /// An expression, from its `${` to its `}`.
    fn expression(&mut self, lookup: Lookup<'_>) -> Result<String, ExpressionError> {
        self.rest = self.rest.strip_prefix("${").unwrap_or(self.rest);
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(ExpressionError::TooDeep { limit: DEPTH_LIMIT });
        }
        let value = if self.take('#') {
            self.length(lookup)
        } else {
            self.expansion(lookup)
        };
        self.depth -= 1;
        value
    }

    fn name(&mut self) -> Result<String, ExpressionError> {
        let accepts = |character: char| character.is_alphanumeric() || character == '_';
        let end = self
            .rest
            .find(|character| !accepts(character))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(ExpressionError::MissingName);
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    /// `${#name}`.
    fn length(&mut self, lookup: Lookup<'_>) -> Result<String, ExpressionError> {
        let name = self.name()?;
        self.close(&name, "#")?;
        Ok(apply("#", &self.read(&name, lookup)?, &[]))
    }

    fn expansion(&mut self, lookup: Lookup<'_>) -> Result<String, ExpressionError> {
        let name = self.name()?;
        let second = self.rest.chars().nth(1);
        match self.peek() {
            Some('}') => {
                self.skip('}');
                self.read(&name, lookup)
            }
            Some(':') if matches!(second, Some('=' | '-' | '?' | '+')) => {
                let operator = self.operator(2, |_| true);
                self.default(&name, &operator, lookup)
            }
            Some('=') => {
                let operator = self.operator(1, |_| true);
                self.default(&name, &operator, lookup)
            }
            Some(':') => self.substring(&name, lookup),
            Some(',' | '^') => {
                let operator = self.operator(2, |character| matches!(character, ',' | '^'));
                self.close(&name, &operator)?;
                Ok(apply(&operator, &self.read(&name, lookup)?, &[]))
            }
            Some('/') => self.replacement(&name, lookup),
            Some(sign @ ('#' | '%')) => {
                let operator = self.operator(2, |character| character == sign);
                let argument =
                    self.argument(&name, &operator, Escapes::None, |end| end != '}', lookup)?;
                self.close(&name, &operator)?;
                Ok(apply(&operator, &self.read(&name, lookup)?, &[argument]))
            }
            _ => Err(ExpressionError::MissingBrace {
                name,
                rest: self.rest.chars().take(EXCERPT).collect(),
            }),
        }
    }

    /// Up to so many characters of an operator.
    fn operator(&mut self, length: usize, accepts: impl Fn(char) -> bool) -> String {
        let operator: String = self
            .rest
            .chars()
            .take(length)
            .take_while(|character| accepts(*character))
            .collect();
        self.rest = self.rest.get(operator.len()..).unwrap_or_default();
        operator
    }

    /// The default counts when the variable is not there or empty, whichever the operator.
    fn default(
        &mut self,
        name: &str,
        operator: &str,
        lookup: Lookup<'_>,
    ) -> Result<String, ExpressionError> {
        let mut default = String::new();
        while !self.take('}') {
            let accepts = |character| character != '}';
            default.push_str(&self.argument(name, operator, Escapes::None, accepts, lookup)?);
        }
        let value = lookup(name).unwrap_or_default();
        self.count(&value)?;
        Ok(if value.is_empty() { default } else { value })
    }

    /// `:offset` and `:offset:length`.
    fn substring(&mut self, name: &str, lookup: Lookup<'_>) -> Result<String, ExpressionError> {
        let operator = self.operator(1, |_| true);
        let accepts = |character| !matches!(character, ':' | '}');
        let mut arguments = vec![self.argument(name, &operator, Escapes::None, accepts, lookup)?];
        if !self.take('}') {
            let colons = self.operator(usize::MAX, |character| character == ':');
            if colons.is_empty() {
                return Err(bad_arguments(name, &operator));
            }
            let accepts = |character| character != '}';
            arguments.push(self.argument(name, &operator, Escapes::None, accepts, lookup)?);
            self.close(name, &operator)?;
        }
        Ok(apply(&operator, &self.read(name, lookup)?, &arguments))
    }

    /// `/from/to`, `//from/to`, `/#from/to`, `/%from/to`; an empty `to` may be left out.
    fn replacement(&mut self, name: &str, lookup: Lookup<'_>) -> Result<String, ExpressionError> {
        let mut operator = self.operator(1, |_| true);
        operator.push_str(&self.operator(1, |character| matches!(character, '/' | '#' | '%')));
        let accepts = |character| character != '/';
        let mut arguments = vec![self.argument(name, &operator, Escapes::All, accepts, lookup)?];
        if self
            .operator(usize::MAX, |character| character == '/')
            .is_empty()
        {
            return Err(bad_arguments(name, &operator));
        }
        if self.peek() != Some('}') {
            let accepts = |character| character != '}';
            arguments.push(self.argument(name, &operator, Escapes::All, accepts, lookup)?);
        }
        self.close(name, &operator)?;
        Ok(apply(&operator, &self.read(name, lookup)?, &arguments))
    }

    /// One argument: an expression, or a text that is not empty.
    fn argument(
        &mut self,
        name: &str,
        operator: &str,
        escapes: Escapes,
        accepts: impl Fn(char) -> bool,
        lookup: Lookup<'_>,
    ) -> Result<String, ExpressionError> {
        if self.rest.starts_with("${") {
            return self.expression(lookup);
        }
        let text = self.text(escapes, accepts);
        if text.is_empty() {
            Err(bad_arguments(name, operator))
        } else {
            Ok(text)
        }
    }

    fn read(&mut self, name: &str, lookup: Lookup<'_>) -> Result<String, ExpressionError> {
        let value = lookup(name);
        let value = value.ok_or_else(|| ExpressionError::NotSet {
            name: name.to_owned(),
        })?;
        self.count(&value)?;
        Ok(value)
    }

    fn count(&mut self, value: &str) -> Result<(), ExpressionError> {
        self.length = self.length.saturating_add(value.len());
        if self.length > LENGTH_LIMIT {
            return Err(ExpressionError::TooLong {
                limit: LENGTH_LIMIT,
            });
        }
        Ok(())
    }

    fn close(&mut self, name: &str, operator: &str) -> Result<(), ExpressionError> {
        if self.take('}') {
            Ok(())
        } else {
            Err(bad_arguments(name, operator))
        }
    }
}

fn bad_arguments(name: &str, operator: &str) -> ExpressionError {
    ExpressionError::BadArguments {
        name: name.to_owned(),
        operator: operator.to_owned(),
    }
}
