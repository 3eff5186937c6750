//! Heartbeats: whose count, how long, and what a tag that is none is told.

use windlass_trust::{
    Heartbeat, Mode, ObjectKind, Oid, VerifiedSource, descends, heartbeat_message, read_heartbeat,
    wants_heartbeat,
};

use crate::charted::{Charted, ada, eve, revoked};
use crate::kit::{Key, accepted};

const MADE: i64 = 1_800_000_000;

fn bot() -> Key {
    Key::new(5)
}

fn with(policy: &str) -> (Charted, VerifiedSource) {
    let it = Charted::with(policy, &[("apps/web.yaml", "web: 1\n")]);
    let policy = it.house.policy(Mode::Path);
    let source = accepted(&it.house.history.objects, &policy, None, it.start).source;
    (it, source)
}

/// A policy that lets the bot sign heartbeats.
fn asking(more: &str) -> String {
    let line = bot().line("x");
    let (_, key) = line.trim().split_once(' ').unwrap();
    format!("version = 1\n[heartbeat]\nkeys = [{key:?}]\n{more}")
}

fn tag(it: &mut Charted, key: Option<&Key>, name: &str, target: Oid, message: &str) -> Oid {
    let payload = format!(
        "object {target}\ntype commit\ntag {name}\ntagger A <a@example.com> {MADE} +0000\n\n{message}"
    );
    let armour = key.map(|key| key.armour("git", payload.as_bytes()));
    let text = payload + &armour.unwrap_or_default();
    it.house
        .history
        .objects
        .put(ObjectKind::Tag, text.as_bytes())
}

/// What the node hears of a tag; a refusal as its code and text.
fn heard(it: &Charted, source: &VerifiedSource, tag: Oid) -> Result<Heartbeat, String> {
    let policy = it.house.policy(Mode::Path);
    let read = read_heartbeat(&it.house.history.objects, &policy, source, tag).unwrap();
    read.map_err(|reason| format!("{} {reason}", reason.code()))
}

#[test]
fn a_policy_asks_for_heartbeats_or_does_not() {
    for (policy, asked) in [
        ("version = 1\n".to_owned(), false),
        ("version = 1\n[heartbeat]\n".to_owned(), true),
        (asking(""), true),
    ] {
        let (it, source) = with(&policy);
        let wants = wants_heartbeat(&it.house.history.objects, &source).unwrap();
        assert_eq!(wants, asked, "{policy}");
    }
    let wrong = windlass_trust::Charter::parse(b"version = 1\n[heartbeat]\nkeys = [\"x\"]\n");
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains("heartbeat: \"x\" is no key")
    );
    let wrong = windlass_trust::Charter::parse(b"version = 1\n[heartbeat]\nkey = []\n");
    assert!(wrong.is_err(), "what is not understood is refused");
}

#[test]
fn roots_and_listed_keys_are_heard_and_nobody_else() {
    let (mut it, source) = with(&asking(""));
    let (start, until) = (it.start, MADE + 3600);
    let message = heartbeat_message(until);
    let said = |signer: &str| {
        Ok(Heartbeat {
            signer: signer.to_owned(),
            commit: start,
            until,
        })
    };
    let mut hear = |key: Option<&Key>| {
        let tag = tag(&mut it, key, "windlass-heartbeat", start, &message);
        heard(&it, &source, tag)
    };
    assert_eq!(hear(Some(&ada())), said("ada"));
    assert_eq!(hear(Some(&bot())), said("heartbeat"));
    assert!(hear(Some(&eve())).unwrap_err().starts_with("UnknownKey"));
    assert!(hear(None).unwrap_err().starts_with("Unsigned"));
}

#[test]
fn a_revoked_key_is_not_heard() {
    for key in [bot(), ada()] {
        let (mut it, source) = with(&asking(&revoked(&key, "soft")));
        let (start, message) = (it.start, heartbeat_message(MADE + 3600));
        let tag = tag(&mut it, Some(&key), "windlass-heartbeat", start, &message);
        let why = heard(&it, &source, tag).unwrap_err();
        assert!(why.starts_with("RevokedByPolicy"), "{why}");
    }
}

#[test]
fn a_tag_that_is_no_heartbeat_is_told_why() {
    let (mut it, source) = with(&asking(""));
    let start = it.start;
    let year = 366 * 24 * 3600;
    for (name, message, part) in [
        ("v1", heartbeat_message(MADE + 60), "under the name"),
        (
            "windlass-heartbeat",
            "until tomorrow\n".to_owned(),
            "until when",
        ),
        ("windlass-heartbeat", "\n".to_owned(), "until when"),
        (
            "windlass-heartbeat",
            heartbeat_message(MADE + year + 1),
            "more than a year",
        ),
    ] {
        let tag = tag(&mut it, Some(&ada()), name, start, &message);
        let why = heard(&it, &source, tag).unwrap_err();
        assert!(why.contains(part), "{why}");
    }
    let longest = heartbeat_message(MADE + year);
    let tag = tag(&mut it, Some(&ada()), "windlass-heartbeat", start, &longest);
    heard(&it, &source, tag).unwrap();
    assert!(
        heard(&it, &source, start)
            .unwrap_err()
            .contains("no annotated tag")
    );
}

#[test]
fn a_commit_that_is_not_shown_is_not_behind_the_revision() {
    let mut it = Charted::new();
    let start = it.start;
    let next = it.change(&ada(), &[start], "apps/web.yaml", "web: 2\n");
    let beside = it.commit(&ada(), &[start], "beside");
    let objects = &it.house.history.objects;
    for (commit, older, goes_on) in [
        (next, start, true),
        (next, next, true),
        (start, next, false),
        (next, beside, false),
        (next, Oid::from_bytes([7; 20]), false),
    ] {
        assert_eq!(
            descends(objects, (&commit, &older), None),
            goes_on,
            "{commit} {older}"
        );
    }
}
