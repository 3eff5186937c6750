//! When a commit deletes so much, or something so precious, that a person has to confirm it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use windlass_object::ObjectKey;

/// Objects that a message names; the others are counted.
const NAMED: usize = 10;
/// Hex digits of a token: enough that no two sets of objects of one Kustomization share it.
const TOKEN: usize = 12;

/// How much may be deleted without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Whether anything is asked at all.
    pub on: bool,
    /// Percent of what the Kustomization holds; more is asked about.
    pub share: u32,
    /// Fewer objects are never too many.
    pub least: usize,
}

/// A live object that is about to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doomed {
    /// Which one.
    pub key: ObjectKey,
    /// Which incarnation: what was confirmed once does not count for an object that comes back.
    pub uid: String,
    /// Why it is asked about whatever the numbers are.
    pub precious: Option<String>,
}

/// What one revision would delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The objects, those of deleted Kustomizations and releases among them.
    pub doomed: Vec<Doomed>,
    /// How many objects there are, counted in the same way.
    pub held: usize,
    /// Nothing at all would be left.
    pub empties: bool,
}

impl Limits {
    /// The limits that a Kustomization's annotation asks for.
    ///
    /// # Errors
    /// What is wrong with the annotation; the limits stay.
    pub fn with_annotation(self, annotation: Option<&str>) -> Result<Limits, String> {
        let Some(text) = annotation else {
            return Ok(self);
        };
        if text.eq_ignore_ascii_case("disabled") {
            return Ok(Limits { on: false, ..self });
        }
        let percent = text.strip_suffix('%').and_then(|text| text.parse().ok());
        match percent.filter(|percent| (1..=100).contains(percent)) {
            Some(share) => Ok(Limits {
                on: true,
                share,
                ..self
            }),
            None => Err(format!(
                "{text:?} is neither \"disabled\" nor a share such as \"50%\""
            )),
        }
    }
}

impl Deletion {
    /// Why a person has to confirm it; empty when nobody has to.
    pub fn reasons(&self, limits: Limits) -> Vec<String> {
        let mut reasons = Vec::new();
        if !limits.on || self.doomed.is_empty() {
            return reasons;
        }
        let count = self.doomed.len();
        let share = usize::try_from(limits.share).unwrap_or(100);
        if count >= limits.least && count * 100 > self.held * share {
            reasons.push(format!("these are more than {} %", limits.share));
        }
        if self.empties {
            reasons.push("nothing would be left".to_owned());
        }
        let precious = self.doomed.iter().filter_map(|doomed| {
            let why = doomed.precious.as_ref()?;
            Some(format!("{} {why}", doomed.key))
        });
        reasons.extend(in_short(precious.collect()));
        reasons
    }

    /// Stands for exactly this set of objects.
    pub fn token(&self) -> String {
        let mut doomed: Vec<&Doomed> = self.doomed.iter().collect();
        doomed.sort();
        let mut hash = Sha256::new();
        for Doomed { key, uid, .. } in doomed {
            hash.update(format!("{key} {} {uid}\n", key.group));
        }
        let mut token = hex::encode(hash.finalize());
        token.truncate(TOKEN);
        token
    }

    /// The objects in words, the first ones by name.
    pub fn describe(&self) -> String {
        let names = self.doomed.iter().map(|doomed| doomed.key.to_string());
        let mut text = format!("{} of {} objects: ", self.doomed.len(), self.held);
        let _ = write!(text, "{}", in_short(names.collect()).join(", "));
        text
    }
}

fn in_short(mut texts: Vec<String>) -> Vec<String> {
    if texts.len() > NAMED {
        let more = texts.len() - NAMED;
        texts.truncate(NAMED);
        texts.push(format!("and {more} more"));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        on: true,
        share: 30,
        least: 10,
    };

    fn deletion(count: usize, held: usize) -> Deletion {
        let doomed = |number: usize| Doomed {
            key: ObjectKey {
                kind: "ConfigMap".to_owned(),
                namespace: "apps".to_owned(),
                name: format!("map-{number}"),
                ..ObjectKey::default()
            },
            uid: number.to_string(),
            precious: None,
        };
        Deletion {
            doomed: (0..count).map(doomed).collect(),
            held,
            empties: false,
        }
    }

    #[test]
    fn more_than_the_share_is_asked_about_and_fewer_than_the_least_never() {
        let asked = |count, held| !deletion(count, held).reasons(LIMITS).is_empty();
        assert!(asked(10, 33));
        assert!(!asked(10, 34), "29.4 %");
        assert!(!asked(30, 100), "30 % is not more than 30 %");
        assert!(asked(31, 100));
        assert!(!asked(9, 9));
        assert!(!asked(0, 0));
    }

    #[test]
    fn what_is_precious_or_leaves_nothing_is_asked_about_by_itself() {
        let mut one = deletion(1, 100);
        one.doomed[0].precious = Some("holds data".to_owned());
        assert_eq!(one.reasons(LIMITS), ["ConfigMap/apps/map-0 holds data"]);
        let mut last = deletion(1, 1);
        last.empties = true;
        assert_eq!(last.reasons(LIMITS), ["nothing would be left"]);
        let off = Limits {
            on: false,
            ..LIMITS
        };
        assert!(one.reasons(off).is_empty() && last.reasons(off).is_empty());
    }

    #[test]
    fn the_annotation_switches_off_or_sets_the_share() {
        let with = |text| LIMITS.with_annotation(Some(text));
        assert!(!with("disabled").unwrap().on);
        assert_eq!(with("50%").unwrap().share, 50);
        assert!(with("0%").is_err() && with("101%").is_err() && with("many").is_err());
        assert_eq!(LIMITS.with_annotation(None), Ok(LIMITS));
    }

    #[test]
    fn a_token_stands_for_one_set_of_incarnations_in_any_order() {
        let one = deletion(12, 12);
        let mut turned = one.clone();
        turned.doomed.reverse();
        assert_eq!(one.token(), turned.token());
        turned.doomed[0].uid = "again".to_owned();
        assert_ne!(one.token(), turned.token());
        assert_ne!(one.token(), deletion(11, 12).token());
    }

    #[test]
    fn a_message_names_ten_and_counts_the_rest() {
        let text = deletion(12, 40).describe();
        assert!(
            text.starts_with("12 of 40 objects: ConfigMap/apps/map-0, "),
            "{text}"
        );
        assert!(text.ends_with("ConfigMap/apps/map-9, and 2 more"), "{text}");
    }
}
