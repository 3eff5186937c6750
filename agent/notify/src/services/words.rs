//! What the messages of several services have in common.

use crate::event::{Event, Severity};

/// `kustomization/apps.flux-system`, as most of Flux's messages name an object.
pub(super) fn object(event: &Event) -> String {
    let object = &event.involved_object;
    let kind = object.kind.to_lowercase();
    format!("{kind}/{}.{}", object.name, object.namespace)
}

/// One of two, by whether it is bad news.
pub(super) fn by_severity<T>(event: &Event, info: T, error: T) -> T {
    match event.severity {
        Severity::Info => info,
        Severity::Error => error,
    }
}

/// Cuts a text to a service's limit of characters, and shows that it was cut.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept = text.chars().take(limit.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// A reason as words: `HealthCheckFailed` is `health check failed`.
pub(super) fn reason(reason: &str) -> String {
    let mut words = String::new();
    let characters: Vec<char> = reason.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| characters.get(index));
        let after = characters.get(index + 1);
        let begins = character.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        if begins {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words() {
        assert_eq!(reason("HealthCheckFailed"), "health check failed");
        assert_eq!(reason("InvalidCELExpression"), "invalid cel expression");
        assert_eq!(reason("Progressing"), "progressing");
        assert_eq!(reason(""), "");
    }

    #[test]
    fn a_text_that_is_cut_shows_it_and_is_no_longer_than_allowed() {
        assert_eq!(cut("häuser", 6), "häuser");
        assert_eq!(cut("häuser", 5), "häus…");
    }
}
