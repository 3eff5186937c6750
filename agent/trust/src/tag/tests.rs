use proptest::prelude::*;

use super::*;

const TARGET: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn good() -> String {
    format!(
        "object {TARGET}\ntype commit\ntag v1.2.3\ntagger Ada <ada@example.com> 1700000000 +0100\n\n\
         a release\n-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n"
    )
}

#[track_caller]
fn refused(text: &str, because: &str) {
    let Ambiguity(why) = Tag::parse(text.as_bytes()).map(|_| ()).unwrap_err();
    assert!(why.contains(because), "{why}");
}

#[test]
fn a_good_tag_is_read_and_its_payload_is_all_before_the_signature() {
    let text = good();
    let tag = Tag::parse(text.as_bytes()).unwrap();
    assert_eq!(tag.target.to_string(), TARGET);
    assert_eq!(
        (tag.kind, tag.name, tag.time),
        (ObjectKind::Commit, b"v1.2.3".as_slice(), 1_700_000_000)
    );
    let signature = tag.signature.unwrap();
    assert!(signature.starts_with(b"-----BEGIN SSH SIGNATURE-----\n"));
    assert_eq!([tag.payload, signature].concat(), text.as_bytes());
    let at = text.find("-----BEGIN").unwrap();
    assert!(
        Tag::parse(&text.as_bytes()[..at])
            .unwrap()
            .signature
            .is_none()
    );
}

#[test]
fn repeated_missing_and_misplaced_headers_are_refused() {
    let text = good();
    for line in text.lines().take(4) {
        let line = format!("{line}\n");
        assert!(
            Tag::parse(text.replacen(&line, "", 1).as_bytes()).is_err(),
            "without {line}"
        );
        let twice = text.replacen(&line, &format!("{line}{line}"), 1);
        assert!(Tag::parse(twice.as_bytes()).is_err(), "twice {line}");
    }
    let swapped = text.replace("type commit\ntag v1.2.3\n", "tag v1.2.3\ntype commit\n");
    refused(&swapped, "type header is missing or not in its place");
    for header in ["gpgsig x", "gpgsig-sha256 x", "tree x", "object x"] {
        let more = text.replacen("+0100\n", &format!("+0100\n{header}\n"), 1);
        refused(&more, "is repeated or not in its place");
    }
    refused(
        &text.replace("type commit", "type comet"),
        "no kind of object",
    );
    refused(&text.replace("+0100", "0100"), "no date as Git writes it");
    refused(&text.replace("1700000000 ", ""), "no date as Git writes it");
    refused(&text.replace(TARGET, "main"), "no object id");
    refused(&text.replace("a release", "a\0release"), "NUL");
    refused(
        &text.replace("v1.2.3\n", "v1.2.3\n more\n"),
        "holds no name",
    );
    refused("object", "do not end with an empty line");
}

#[test]
fn a_second_signature_is_refused_wherever_it_begins() {
    let text = good();
    for start in [
        "-----BEGIN PGP SIGNATURE-----",
        "-----BEGIN SSH SIGNATURE-----",
        "-----BEGIN PGP MESSAGE-----",
        "-----BEGIN SIGNED MESSAGE-----",
    ] {
        refused(&text.replace("a release", start), "two signatures");
        refused(&format!("{text}{start}\n"), "two signatures");
    }
    let inside = text.replace("a release", "a release -----BEGIN PGP SIGNATURE-----");
    assert!(
        Tag::parse(inside.as_bytes()).is_ok(),
        "only the beginning of a line counts"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in any::<Vec<u8>>(), at in 0usize..200) {
        let _ = Tag::parse(&bytes);
        let text = good();
        let at = at % text.len();
        let mixed = [&text.as_bytes()[..at], &bytes, &text.as_bytes()[at..]].concat();
        if let Ok(tag) = Tag::parse(&mixed) {
            prop_assert_eq!([tag.payload, tag.signature.unwrap_or_default()].concat(), mixed);
        }
    }
}
