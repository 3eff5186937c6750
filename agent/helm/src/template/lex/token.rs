//! Tokens.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    End,
    Text,
    LeftDelimiter,
    RightDelimiter,
    Space,
    Assign,
    Declare,
    Pipe,
    Comma,
    Character,
    LeftParenthesis,
    RightParenthesis,
    Identifier,
    Keyword,
    Boolean,
    Dot,
    Nil,
    Field,
    Variable,
    Number,
    CharacterConstant,
    Quoted,
    RawQuoted,
}

/// A token: its place in the text and its own text (the message, of an error).
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) position: usize,
    pub(crate) text: String,
}
