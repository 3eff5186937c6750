//! When a key counts: by the dates in history, never by a clock (docs/decisions/0100).

use windlass_trust::{Introduction, SecretKeys, Signers};

use crate::corpus::{Signable, code, verdict};
use crate::gpg::{DAY, Gpg, MADE};
use crate::kit::{History, Key, Repo, accepted, policy, refused, with_signature};

const YEAR: u32 = 365 * DAY;

#[test]
fn validity_of_a_line_is_judged_by_the_committer_date_as_git_does() {
    let repo = Repo::new();
    let key = repo.key("alice", &["-t", "ed25519"]);
    let signed_at = |time: u32| {
        let payload = Signable::Commit.text(&repo, time);
        with_signature(&payload, &repo.armour(&key, "git", &[], &payload))
    };
    // MADE is 20240101Z.
    for (options, time, ours) in [
        ("valid-after=\"20240101Z\"", MADE, ""),
        ("valid-after=\"20240101Z\"", MADE - 1, "KeyNotYetValid"),
        ("valid-after=\"202401010000Z\"", MADE - 1, "KeyNotYetValid"),
        ("valid-before=\"20240101Z\"", MADE, ""),
        ("valid-before=\"20240101Z\"", MADE + 1, "KeyExpired"),
        ("valid-before=\"20240101000001Z\"", MADE + 1, ""),
        (
            "valid-after=\"20230101Z\",valid-before=\"20250101Z\"",
            MADE,
            "",
        ),
        (
            "valid-after=\"20230101Z\",valid-before=\"20250101Z\"",
            MADE + 2 * YEAR,
            "KeyExpired",
        ),
        (
            "valid-before=\"20250101Z\",namespaces=\"file\"",
            MADE,
            "KeyNotForGit",
        ),
    ] {
        let line = repo.line(&format!("alice {options}"), &key);
        let text = signed_at(time);
        let oid = repo.raw_commit(&text);
        assert_eq!(
            repo.git_accepts(oid, &line),
            ours.is_empty(),
            "git on {options} at {time}"
        );
        let signers = Signers::parse([("allowed_signers", line.as_bytes())]).unwrap();
        let judged = verdict(signers, &text).map_or_else(|reason| reason.code(), |_| "");
        assert_eq!(judged, ours, "{options} at {time}");
    }
}

#[test]
fn a_key_that_has_another_line_which_is_valid_counts() {
    let key = Key::new(1);
    let mut history = History::new();
    let head = history.signed(&key, &[], "first");
    let old = key.line("alice valid-before=\"20200101Z\"");
    let new = key.line("alice valid-after=\"20200101Z\"");
    let both = policy(&format!("{old}{new}"), Introduction::FirstSigned);
    accepted(&history.objects, &both, None, head);
    let refusal = refused(
        &history.objects,
        &policy(&old, Introduction::FirstSigned),
        None,
        head,
    );
    assert_eq!(refusal.reason.code(), "KeyExpired");
    assert!(
        refusal.to_string().contains("of alice had expired"),
        "{refusal}"
    );
}

#[test]
fn an_expired_key_is_of_no_use_for_backdating() {
    let (owner, thief) = (Key::new(1), Key::new(2));
    let mut history = History::new();
    let before = MADE;
    let after = MADE + 2 * YEAR;
    let text = history.text_at(&[], "introduction", before);
    let introduction = history.raw(&text);
    let text = history.text_at(&[introduction], "by the owner, later", after);
    let seen = history.sign(&owner, &text);
    let signers = format!(
        "{}{}",
        owner.line("owner"),
        thief.line("stolen valid-before=\"20250101Z\"")
    );
    let policy = policy(&signers, Introduction::Commit(introduction));
    let backdated = |history: &mut History, parent| {
        let text = history.text_at(&[parent], "backdated", before);
        history.sign(&thief, &text)
    };
    let in_time = backdated(&mut history, introduction);
    accepted(&history.objects, &policy, None, in_time);
    let ratchet = accepted(&history.objects, &policy, None, seen).ratchet;
    let head = backdated(&mut history, seen);
    let refusal = refused(&history.objects, &policy, Some(&ratchet), head);
    assert_eq!(
        (refusal.reason.code(), refusal.commit),
        ("KeyExpired", head)
    );
}

/// A commit signed with `key` at `signed_at`, claiming `claimed`.
fn commit(gpg: &Gpg, key: &str, signed_at: u32, claimed: u32) -> String {
    let payload = Signable::Commit.text(&gpg.repo, claimed);
    with_signature(&payload, &gpg.armour(signed_at, key, &[], &payload))
}

fn judged(gpg: &Gpg, user: &str, text: &str) -> &'static str {
    verdict(gpg.signers(user), text).map_or_else(|reason| reason.code(), |_| "")
}

#[test]
fn an_openpgp_key_counts_until_it_expires_whatever_the_clock_says() {
    let gpg = Gpg::new();
    let key = gpg.key("Ada", "ed25519", "1y");
    let in_time = commit(&gpg, &key, MADE + DAY, MADE + DAY);
    let oid = Signable::Commit.write(&gpg.repo, &in_time);
    assert!(gpg.git_accepts(MADE + 2 * DAY, "verify-commit", &oid));
    assert!(
        !gpg.git_accepts(MADE + 2 * YEAR, "verify-commit", &oid),
        "gpg goes by its clock"
    );
    assert_eq!(judged(&gpg, &key, &in_time), "");
    let claimed_later = commit(&gpg, &key, MADE + DAY, MADE + 2 * YEAR);
    assert_eq!(judged(&gpg, &key, &claimed_later), "KeyExpired");
    let claimed_earlier = commit(&gpg, &key, MADE + DAY, MADE - DAY);
    assert_eq!(judged(&gpg, &key, &claimed_earlier), "KeyNotYetValid");
    // Prolonged, it counts for what came after the first date.
    gpg.run(MADE + 2 * DAY, &["--quick-set-expire", &key, "20y"], b"");
    assert_eq!(judged(&gpg, &key, &claimed_later), "");
    gpg.run(MADE + 3 * DAY, &["--quick-set-expire", &key, "1y"], b"");
    assert_eq!(
        judged(&gpg, &key, &claimed_later),
        "KeyExpired",
        "the newest self-signature counts"
    );
}

#[test]
fn a_subkey_signs_while_it_and_its_certificate_count() {
    let gpg = Gpg::new();
    let key = gpg.key("Ada", "ed25519", "2y");
    let subkey = gpg.subkey(&key, "ed25519", "1y");
    assert_ne!(key, subkey);
    let at = |claimed| commit(&gpg, &subkey, MADE + DAY, claimed);
    let in_time = at(MADE + DAY);
    let oid = Signable::Commit.write(&gpg.repo, &in_time);
    assert!(gpg.git_accepts(MADE + 2 * DAY, "verify-commit", &oid));
    assert_eq!(judged(&gpg, &key, &in_time), "");
    assert_eq!(judged(&gpg, &key, &at(MADE + YEAR + DAY)), "KeyExpired");
    let secret = SecretKeys::parse([("ada.asc", gpg.certificate(&key).as_slice())]).unwrap();
    let signer = secret.commit_signer(in_time.as_bytes()).unwrap();
    assert_eq!(
        signer.key, key,
        "the certificate is named by its primary key"
    );
    assert_eq!(
        signer.flux_key(),
        &key[24..],
        "Flux names the primary key's id"
    );
    // Prolonged beyond its certificate it ends with that.
    gpg.run(
        MADE + DAY,
        &["--quick-set-expire", &key, "10y", &subkey],
        b"",
    );
    assert_eq!(judged(&gpg, &key, &at(MADE + YEAR + DAY)), "");
    assert_eq!(judged(&gpg, &key, &at(MADE + 3 * YEAR)), "KeyExpired");
    let (before, after) = (at(MADE + 4 * DAY), at(MADE + 5 * DAY));
    gpg.edit(
        MADE + 5 * DAY,
        &key,
        &["key 1", "revkey", "y", "2", "", "y", "save"],
    );
    assert_eq!(
        judged(&gpg, &key, &before),
        "",
        "superseded: earlier ones count"
    );
    assert_eq!(judged(&gpg, &key, &after), "KeyRevoked");
    let primary = commit(&gpg, &key, MADE + DAY, MADE + 6 * DAY);
    assert_eq!(
        judged(&gpg, &key, &primary),
        "",
        "the primary key is not revoked"
    );
}

#[test]
fn t41_a_compromised_key_never_counts_and_a_retired_one_for_what_came_before() {
    for (reason, before) in [
        ("0", "KeyRevoked"),
        ("1", "KeyRevoked"),
        ("2", ""),
        ("3", ""),
    ] {
        let gpg = Gpg::new();
        let key = gpg.key("Ada", "ed25519", "0");
        let early = commit(&gpg, &key, MADE + DAY, MADE + DAY);
        let late = commit(&gpg, &key, MADE + DAY, MADE + 9 * DAY);
        let unrevoked = gpg.certificate(&key);
        assert_eq!(judged(&gpg, &key, &early), "");
        gpg.edit(
            MADE + 5 * DAY,
            &key,
            &["revkey", "y", reason, "", "y", "save"],
        );
        assert_eq!(judged(&gpg, &key, &early), before, "reason {reason}");
        assert_eq!(judged(&gpg, &key, &late), "KeyRevoked", "reason {reason}");
        let oid = Signable::Commit.write(&gpg.repo, &late);
        assert!(
            !gpg.git_accepts(MADE + 9 * DAY, "verify-commit", &oid),
            "git, reason {reason}"
        );
        // Beside an old copy the revocation counts.
        let revoked = gpg.certificate(&key);
        let both = [
            ("a.asc", unrevoked.as_slice()),
            ("b.asc", revoked.as_slice()),
        ];
        for files in [both, [both[1], both[0]]] {
            let secret = SecretKeys::parse(files).unwrap();
            assert_eq!(code(&secret.commit_signer(late.as_bytes())), "KeyRevoked");
        }
    }
}
