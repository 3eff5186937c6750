//! The note of a node: where each of its lines stands, as it is written into the cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_state::{Line, Tip};
use windlass_trust::{Oid, Ratchet};

/// Bytes that are said at most: annotations of an object may have 256 KiB (`TotalAnnotationSizeLimitB`).
const LIMIT: usize = 200 * 1024;
/// Bytes of `,"left":[]`, and of what stands around each commit in it.
const LEFT_KEY: usize = 10;
const AROUND_COMMIT: usize = 3;

/// A note of no lines.
pub(super) const NOTHING: &str = "[]";

/// One line, as it stands in the annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    #[serde(flatten)]
    pub(super) line: Line,
    pub(super) head: String,
    pub(super) counter: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// The reference that led to the head, and what it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<String>,
    /// Where the history of the line begins for the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) introduction: Option<String>,
    /// What overrides left on purpose, the newest first, as far as there was room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) left: Vec<String>,
}

/// The note, made of the one before and of what stands now: what this node forgot, it may still have to be told.
pub(super) fn note(before: &str, stands: Vec<(Line, Ratchet, Option<Tip>)>) -> String {
    let by_line = |said: Said| (said.line.clone(), said);
    let mut lines: BTreeMap<Line, Said> = read(before).into_iter().map(by_line).collect();
    let (mut present, mut past) = (Vec::new(), Vec::new());
    for (line, ratchet, tip) in stands {
        // A line that is followed now comes before those that are only remembered.
        let list = if tip.is_some() {
            &mut present
        } else {
            &mut past
        };
        lines.remove(&line);
        list.push(Said {
            line,
            head: ratchet.head.to_string(),
            counter: ratchet.counter,
            version: ratchet.version,
            reference: tip.as_ref().map(|tip| tip.reference.clone()),
            target: tip.map(|tip| tip.target.to_string()),
            introduction: Some(ratchet.introduction.to_string()),
            left: ratchet.left.iter().map(Oid::to_string).collect(),
        });
    }
    let said = present.into_iter().chain(past).chain(lines.into_values());
    let bounded = serde_json::to_string(&bounded(said.collect()));
    bounded.unwrap_or_else(|_| NOTHING.to_owned())
}

/// What there is room for: where each line stands comes before what any of them left.
fn bounded(mut all: Vec<Said>) -> Vec<Said> {
    let mut room = LIMIT - NOTHING.len();
    let mut left = Vec::new();
    all.retain_mut(|said| {
        let commits = std::mem::take(&mut said.left);
        let length = serde_json::to_string(said).map_or(usize::MAX, |text| text.len() + 1);
        let fits = length <= room;
        if fits {
            room -= length;
            left.push(commits);
        }
        fits
    });
    for (said, commits) in all.iter_mut().zip(left) {
        let Some(mut rest) = room.checked_sub(LEFT_KEY) else {
            break;
        };
        let fits = commits.into_iter().map_while(|commit| {
            rest = rest.checked_sub(commit.len() + AROUND_COMMIT)?;
            Some(commit)
        });
        said.left = fits.collect();
        if !said.left.is_empty() {
            room = rest;
        }
    }
    all
}

/// One that cannot be read says nothing, nor does what was left and is no commit.
pub(super) fn read(text: &str) -> Vec<Said> {
    let values: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let said = values.into_iter().map(serde_json::from_value::<Said>);
    let mut said: Vec<Said> = said.filter_map(Result::ok).collect();
    let is_commit = |text: &String| text.parse::<Oid>().is_ok();
    said.iter_mut().for_each(|said| said.left.retain(is_commit));
    said
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use windlass_trust::Origin;

    use super::*;
    use crate::witness::{introduction, witnessed};

    fn line(source: &str) -> Line {
        Line {
            source: source.to_owned(),
            url: "https://git.example.com/house.git".to_owned(),
            selector: "branch main".to_owned(),
        }
    }

    fn stands(source: &str, byte: u8, followed: bool) -> (Line, Ratchet, Option<Tip>) {
        let head = Oid::from_bytes([byte; 20]);
        let ratchet = Ratchet {
            head,
            introduction: Oid::from_bytes([1; 20]),
            counter: byte.into(),
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        };
        let tip = Tip {
            target: head,
            reference: "refs/heads/main".to_owned(),
        };
        (line(source), ratchet, followed.then_some(tip))
    }

    #[test]
    fn what_is_said_is_read_again_and_what_is_forgotten_stays_said() {
        let first = note(
            "",
            vec![stands("a/root", 2, true), stands("a/old", 3, false)],
        );
        // The node lost all, and knows the root again.
        let second = note(&first, vec![stands("a/root", 4, true)]);
        let read = witnessed("n", &second);
        let heads: Vec<_> = read
            .iter()
            .map(|one| (one.line.source.as_str(), one.memory.counter))
            .collect();
        assert_eq!(heads, [("a/root", 4), ("a/old", 3)]);
        let root = &read[0].memory;
        let head = Oid::from_bytes([4; 20]);
        assert_eq!(root.origin, Origin::Witness("node n".to_owned()));
        assert_eq!(root.found, Some(("refs/heads/main".to_owned(), head)));
        assert_eq!(note(&second, vec![stands("a/root", 4, true)]), second);
        let begins = Oid::from_bytes([1; 20]).to_string();
        assert_eq!(introduction(&second, &line("a/root")), Some(begins));
        assert_eq!(introduction(&second, &line("a/other")), None);
    }

    #[test]
    fn what_cannot_be_read_says_nothing_and_the_rest_counts() {
        assert!(witnessed("n", "no list").is_empty());
        let good = note("", vec![stands("a/root", 2, true)]);
        let mixed = good.replacen('[', r#"[7,{"source":"x"},"#, 1);
        assert_eq!(witnessed("n", &mixed), witnessed("n", &good));
    }

    #[test]
    fn the_note_is_bounded_and_keeps_what_is_followed() {
        let mut all: Vec<_> = (0..2000)
            .map(|number| stands(&format!("a/past-{number:04}"), 2, false))
            .collect();
        all.push(stands("a/root", 3, true));
        let text = note("", all);
        assert!(text.len() <= LIMIT, "{}", text.len());
        assert_eq!(witnessed("n", &text)[0].line, line("a/root"));
    }

    #[test]
    fn where_lines_stand_is_said_however_much_they_left() {
        let mut all: Vec<_> = (1..=8)
            .map(|n| stands(&format!("a/{n}"), n, true))
            .collect();
        for (_, ratchet, _) in &mut all {
            ratchet.left = vec![Oid::from_bytes([9; 20]); 1000];
        }
        let text = note("", all);
        let room = LEFT_KEY + 40 + AROUND_COMMIT;
        assert!(
            text.len() <= LIMIT && text.len() > LIMIT - room,
            "{}",
            text.len()
        );
        let said = read(&text);
        let left: Vec<usize> = said.iter().map(|said| said.left.len()).collect();
        assert_eq!(left[..4], [1000; 4]);
        assert!(
            (1..1000).contains(&left[4]) && left[5..] == [0; 3],
            "{left:?}"
        );
        assert_eq!(said[7].head, Oid::from_bytes([8; 20]).to_string());
    }

    #[test]
    fn what_somebody_else_wrote_into_the_note_does_not_make_it_too_long() {
        let mut before = read(&note("", vec![stands("z/old", 2, false)]));
        let commit = Oid::from_bytes([7; 20]).to_string();
        before[0].left = vec!["x".repeat(190 * 1024), commit.clone(), "\"".repeat(40)];
        let before = serde_json::to_string(&before).unwrap();
        let mut all: Vec<_> = (1..=4)
            .map(|n| stands(&format!("a/{n}"), n, true))
            .collect();
        for (_, ratchet, _) in &mut all {
            ratchet.left = vec![Oid::from_bytes([9; 20]); 1000];
        }
        let text = note(&before, all.clone());
        assert!(text.len() <= LIMIT, "{}", text.len());
        let old = read(&text).pop().unwrap();
        assert_eq!((old.line, old.left), (line("z/old"), vec![commit]));
        assert_eq!(note(&text, all), text);
    }

    /// A note in which anything may be said twice, too long, or of another type.
    fn written() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            3 => Just(line("a/1").url),
            2 => Just("7".repeat(40)),
            1 => "\\PC{0,60}",
            1 => (0usize..150_000).prop_map(|length| "\"".repeat(length)),
        ];
        let value = prop_oneof![
            6 => text.clone().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            2 => proptest::collection::vec(text, 0..8).prop_map(Value::from),
        ];
        let names = [
            "source",
            "url",
            "selector",
            "head",
            "counter",
            "version",
            "reference",
            "target",
            "introduction",
            "left",
            "other",
        ];
        let changes =
            proptest::collection::vec((proptest::sample::select(names.to_vec()), value), 0..4);
        let lines = proptest::collection::vec(changes, 0..5);
        let cut = (any::<proptest::sample::Index>(), 0..20u8);
        (lines, cut).prop_map(|(lines, (at, cuts))| {
            let whole = note("", vec![stands("z/old", 2, false)]);
            let mut said: Vec<Value> = Vec::new();
            for changes in lines {
                let mut one: Vec<Value> = serde_json::from_str(&whole).unwrap();
                changes
                    .into_iter()
                    .for_each(|(name, value)| one[0][name] = value);
                said.append(&mut one);
            }
            let mut text = Value::from(said).to_string();
            // One of twenty is broken off somewhere.
            let end = (0..=at.index(text.len() + 1))
                .rev()
                .find(|end| text.is_char_boundary(*end));
            text.truncate(end.filter(|_| cuts == 0).unwrap_or(text.len()));
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn whatever_lies_there_the_next_note_is_bounded_and_says_where_this_node_stands(before in written()) {
            let stands = || vec![stands("a/root", 3, true)];
            let text = note(&before, stands());
            prop_assert!(text.len() <= LIMIT, "{}", text.len());
            prop_assert_eq!(&read(&text)[0].line, &line("a/root"));
            prop_assert_eq!(note(&text, stands()), text);
        }
    }
}
