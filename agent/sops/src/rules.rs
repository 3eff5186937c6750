//! Which values of a document are encrypted.

use regex::bytes::Regex;

use crate::error::Error;

/// The one rule of a document.
#[derive(Debug)]
pub(crate) enum Rule {
    UnencryptedSuffix(String),
    EncryptedSuffix(String),
    UnencryptedPath(Regex),
    EncryptedPath(Regex),
    UnencryptedComment(Regex),
    EncryptedComment(Regex),
}

/// What SOPS takes when a document names no rule.
const DEFAULT_SUFFIX: &str = "_unencrypted";

/// Where a value stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a [String],
    /// The comments before it, per level of nesting.
    pub(crate) comments: &'a [Vec<Vec<u8>>],
    /// Whether it is a comment itself, and so the last of `comments`.
    pub(crate) is_comment: bool,
}

/// What a `sops` block can say about rules.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) unencrypted_suffix: String,
    pub(crate) encrypted_suffix: String,
    pub(crate) unencrypted_regex: String,
    pub(crate) encrypted_regex: String,
    pub(crate) unencrypted_comment_regex: String,
    pub(crate) encrypted_comment_regex: String,
}

// === impl Rule ===

impl Rule {
    pub(crate) fn new(written: Written) -> Result<Self, Error> {
        let mut rules = Vec::new();
        for (suffix, rule) in [
            (
                written.unencrypted_suffix,
                Self::UnencryptedSuffix as fn(_) -> _,
            ),
            (written.encrypted_suffix, Self::EncryptedSuffix),
        ] {
            if !suffix.is_empty() {
                rules.push(rule(suffix));
            }
        }
        for (name, pattern, rule) in [
            (
                "unencrypted_regex",
                written.unencrypted_regex,
                Self::UnencryptedPath as fn(_) -> _,
            ),
            (
                "encrypted_regex",
                written.encrypted_regex,
                Self::EncryptedPath,
            ),
            (
                "unencrypted_comment_regex",
                written.unencrypted_comment_regex,
                Self::UnencryptedComment,
            ),
            (
                "encrypted_comment_regex",
                written.encrypted_comment_regex,
                Self::EncryptedComment,
            ),
        ] {
            if !pattern.is_empty() {
                let regex = Regex::new(&pattern).map_err(|error| {
                    Error::Metadata(format!("{name} is no regular expression: {error}"))
                })?;
                rules.push(rule(regex));
            }
        }
        if rules.len() > 1 {
            let message = "it has more than one of encrypted_suffix, unencrypted_suffix, \
                encrypted_regex, unencrypted_regex, encrypted_comment_regex and \
                unencrypted_comment_regex";
            return Err(Error::Metadata(message.to_owned()));
        }
        Ok(rules
            .pop()
            .unwrap_or_else(|| Self::UnencryptedSuffix(DEFAULT_SUFFIX.to_owned())))
    }

    /// Whether it looks at comments, which an object that was built has none of.
    pub(crate) fn needs_comments(&self) -> bool {
        matches!(
            self,
            Self::UnencryptedComment(_) | Self::EncryptedComment(_)
        )
    }

    pub(crate) fn encrypts(&self, place: Place<'_>) -> bool {
        let ends = |suffix: &String| place.path.iter().any(|key| key.ends_with(suffix.as_str()));
        let matches = |regex: &Regex| place.path.iter().any(|key| regex.is_match(key.as_bytes()));
        match self {
            Self::UnencryptedSuffix(suffix) => !ends(suffix),
            Self::EncryptedSuffix(suffix) => ends(suffix),
            Self::UnencryptedPath(regex) => !matches(regex),
            Self::EncryptedPath(regex) => matches(regex),
            Self::UnencryptedComment(regex) => !place
                .comments
                .iter()
                .flatten()
                .any(|comment| regex.is_match(comment)),
            Self::EncryptedComment(regex) => {
                // A comment that says "encrypt what follows" is not encrypted itself.
                let own = usize::from(place.is_comment);
                let before = place
                    .comments
                    .iter()
                    .map(Vec::len)
                    .sum::<usize>()
                    .saturating_sub(own);
                let mut seen = place.comments.iter().flatten().take(before);
                seen.any(|comment| regex.is_match(comment))
            }
        }
    }
}
