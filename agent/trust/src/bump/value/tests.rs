//! Which value may follow which.

use super::{commit_changes, digest_changes, image_rises, version_rises};

#[test]
fn a_version_only_rises() {
    for (old, new) in [
        ("1.2.3", "1.2.4"),
        ("v1.9", "v1.10"),
        ("1", "2"),
        ("1.27-alpine", "1.28-alpine"),
        ("1.0.0-rc.1", "1.0.0-rc.2"),
        ("1.0.0-rc.2", "1.0.0"),
        ("2024.01.09", "2024.10.1"),
        ("1.2.3.4", "1.2.3.5"),
        ("1.2.3+one", "1.2.4+one"),
    ] {
        version_rises(old, new).unwrap();
        assert!(version_rises(new, old).is_err(), "{new} to {old}");
    }
    for (old, new) in [
        ("1.2.3", "1.2.3"),
        ("1.2.3", "1.2.3+two"),
        ("1.2", "1.2.0"),
        ("1.2.3", "latest"),
        ("latest", "1.2.3"),
        ("1.2.3", "v1.2.4"),
        ("1.2.3", ">=1.2.4"),
        ("1.2.3", "1.x"),
        ("1.2.3", "1..4"),
        ("1.2.3", " 1.2.4"),
        ("1.2.3", "1.2.4-"),
        ("1.2.3", "1.2.4+"),
        ("1.2.3", "1.2.4+/../../evil/1.2.4"),
        ("1.2.3", "1.2.4+one@evil:1"),
        ("1.2.3", "1.2.4+one+two"),
        ("1.2.3", "1.2.99999999999999999999999"),
        ("1.2.3", "1.2.3.4.5.6.7.8.9"),
    ] {
        assert!(version_rises(old, new).is_err(), "{old} to {new}");
    }
}

#[test]
fn an_image_stays_in_its_repository() {
    let (one, two) = ("a".repeat(64), "b".repeat(64));
    let at = |name: &str, digest: &str| format!("{name}@sha256:{digest}");
    for (old, new) in [
        ("web:1.0".to_owned(), "web:1.1".to_owned()),
        (
            "host:5000/a/web:1.0".to_owned(),
            "host:5000/a/web:1.1".to_owned(),
        ),
        (at("web:1.0", &one), at("web:1.1", &two)),
        (at("web:1.0", &one), at("web:1.0", &two)),
        (at("web", &one), at("web", &two)),
        ("web:1.0".to_owned(), at("web:1.0", &one)),
        ("web".to_owned(), at("web", &one)),
    ] {
        image_rises(&old, &new).unwrap();
    }
    for (old, new) in [
        ("web:1.0", "evil:1.1"),
        ("host:5000/web", "host:5001/web"),
        ("web:1.0", "web"),
        ("web", "web:1.0"),
        ("web:1.1", "web:1.0"),
        ("web:1.0", "web:latest"),
        ("web:1.0", "web:1.1@sha256:ab"),
        ("web:1.0", "web:1.1@md5:aaaa"),
        ("web:1.0", ":1.1"),
    ] {
        assert!(image_rises(old, new).is_err(), "{old} to {new}");
    }
    assert!(image_rises(&at("web:1.0", &one), "web:1.1").is_err());
}

#[test]
fn digests_and_commits_have_their_form() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    digest_changes(&digest("a"), &digest("b")).unwrap();
    commit_changes(&"a".repeat(40), &"b".repeat(40)).unwrap();
    let longer = format!("sha512:{}", "a".repeat(128));
    digest_changes(&longer, &longer).unwrap();
    assert!(digest_changes(&digest("a"), &longer).is_err());
    for wrong in ["", "latest", "sha256:", "sha256:AB", &"a".repeat(64)] {
        assert!(digest_changes(&digest("a"), wrong).is_err());
        assert!(digest_changes(wrong, &digest("a")).is_err());
        assert!(commit_changes(&"a".repeat(40), wrong).is_err());
    }
}
