//! Go templates: text to tokens to trees.

mod lex;
pub(crate) mod node;
pub(crate) mod parse;
