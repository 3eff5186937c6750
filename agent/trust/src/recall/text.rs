//! What an override says, in the message of its tag.

use crate::Oid;

/// Most commits that one override leaves: what is between them and the one it goes back to.
const MAX_LEFT: usize = 10_000;

const TO: &str = "Go back to ";
const FROM: &str = "from ";

/// An override: which commits are left for which older one, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// The commits that are left. A node that stands at one of them goes back.
    pub from: Vec<Oid>,
    /// The commit to go back to.
    pub to: Oid,
    /// Why, in one line of a person's words.
    pub reason: String,
}

/// The name of the tag that says so, without `refs/tags/`.
#[must_use]
pub fn recall_tag(to: &Oid) -> String {
    format!("windlass-override/{to}")
}

// === impl Recall ===

impl Recall {
    /// The message of the tag.
    #[must_use]
    pub fn message(&self) -> String {
        let reason = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut text = format!("{TO}{}\n\n{reason}\n\n", self.to);
        for from in &self.from {
            text.push_str(&format!("{FROM}{from}\n"));
        }
        text
    }

    /// Reads the message of a tag.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(message: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(message).map_err(|_| "its message is no UTF-8")?;
        let mut parts = text.trim_end().splitn(3, "\n\n");
        let (Some(first), Some(reason), Some(list)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err("its message is not that of an override");
        };
        let to = first.strip_prefix(TO).and_then(|oid| oid.parse().ok());
        let to = to.ok_or("its message does not begin with where to go back to")?;
        if reason.trim().is_empty() || reason.contains('\n') {
            return Err("its message gives no reason in one line");
        }
        let from: Option<Vec<Oid>> = list
            .lines()
            .take(MAX_LEFT + 1)
            .map(|line| line.strip_prefix(FROM)?.parse().ok())
            .collect();
        match from {
            Some(from) if from.len() <= MAX_LEFT => Ok(Self {
                from,
                to,
                reason: reason.to_owned(),
            }),
            Some(_) => Err("it leaves too many commits at once"),
            None => Err("its message ends with something else than the commits that it leaves"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(byte: u8) -> Oid {
        Oid::from_bytes([byte; 20])
    }

    #[test]
    fn a_message_is_read_as_it_was_written_and_nothing_else_is() {
        let recall = Recall {
            from: vec![oid(1), oid(2)],
            to: oid(3),
            reason: "the new  boiler\nburns".to_owned(),
        };
        let text = recall.message();
        let read = Recall::parse(text.as_bytes()).unwrap();
        assert_eq!(read.reason, "the new boiler burns");
        assert_eq!((&read.from, read.to), (&recall.from, recall.to));
        let from = format!("from {}\n", oid(1));
        for (old, new) in [
            ("Go back to", "Go to"),
            ("the new boiler burns", " "),
            ("the new boiler burns", "two\nlines"),
            (from.as_str(), "from here\n"),
            (from.as_str(), "\n"),
            ("\n\nthe", "\nthe"),
        ] {
            let changed = text.replacen(old, new, 1);
            assert_ne!(changed, text);
            assert!(Recall::parse(changed.as_bytes()).is_err(), "{changed}");
        }
        assert!(Recall::parse(b"\xff").is_err());
        let many = text.clone() + &from.repeat(MAX_LEFT);
        assert!(Recall::parse(many.as_bytes()).is_err());
    }
}
