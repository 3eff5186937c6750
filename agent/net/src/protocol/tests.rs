use windlass_wire::{FailureClass, Reference};

use super::*;
use crate::reference::{Resolved, Wanted};

const OID: &str = "1111111111111111111111111111111111111111";
const PEELED: &str = "2222222222222222222222222222222222222222";

fn line(text: &str) -> String {
    format!("{:04x}{text}\n", text.len() + 5)
}

fn greet(
    answer: &str,
    reference: Reference,
) -> Result<(Version, Result<Resolved, Failure>), Failure> {
    let wanted = Wanted::parse(&reference).unwrap();
    let mut selection = Selection::new(&wanted);
    let version = read_greeting(&mut Lines::new(answer.as_bytes()), &mut selection, 10)?;
    Ok((version, selection.finish("https://git.test/r")))
}

fn main_branch() -> Reference {
    Reference::Branch("main".into())
}

#[test]
fn version_two_is_recognised_with_and_without_the_service_line() {
    let capabilities = [
        "version 2",
        "agent=git/2",
        "ls-refs=unborn",
        "fetch=shallow",
        "object-format=sha1",
    ]
    .map(line)
    .concat();
    let service = line("# service=git-upload-pack");
    for answer in [
        format!("{capabilities}0000"),
        format!("{service}0000{capabilities}0000"),
    ] {
        assert_eq!(greet(&answer, main_branch()).unwrap().0, Version::Two);
    }
}

#[test]
fn version_zero_and_one_list_references_at_once() {
    let first = format!("{OID} HEAD\0multi_ack side-band-64k ofs-delta allow-tip-sha1-in-want");
    let rest = [
        first,
        format!("{OID} refs/heads/main"),
        format!("{OID} refs/tags/v1.0.0"),
        format!("{PEELED} refs/tags/v1.0.0^{{}}"),
        format!("shallow {OID}"),
    ]
    .map(|text| line(&text))
    .concat();
    for answer in [
        format!("{rest}0000"),
        format!("{}{rest}0000", line("version 1")),
    ] {
        let (version, resolved) = greet(&answer, main_branch()).unwrap();
        let expected = Version::Zero {
            any_commit: false,
            ofs_delta: true,
            thin_pack: true,
        };
        assert_eq!(version, expected);
        assert_eq!(resolved.unwrap().target.to_string(), OID);
        let (_, tag) = greet(&answer, Reference::Tag("v1.0.0".into())).unwrap();
        assert_eq!(tag.unwrap().target.to_string(), OID);
    }
}

#[test]
fn more_references_than_the_limit_end_the_fetch() {
    let first = line(&format!("{OID} HEAD\0side-band-64k"));
    let answer = format!(
        "{first}{}0000",
        line(&format!("{OID} refs/heads/x")).repeat(10)
    );
    assert_eq!(
        greet(&answer, main_branch()).unwrap_err().class,
        FailureClass::Refused
    );
    let wanted = Wanted::parse(&main_branch()).unwrap();
    let list = line(&format!("{OID} refs/heads/x")).repeat(11);
    let mut lines = Lines::new(list.as_bytes());
    let failure = read_list(&mut lines, &mut Selection::new(&wanted), 10).unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
}

#[test]
fn what_is_not_supported_is_named() {
    let sha256 = ["version 2", "ls-refs", "fetch", "object-format=sha256"]
        .map(line)
        .concat();
    let message = greet(&format!("{sha256}0000"), main_branch())
        .unwrap_err()
        .message;
    assert!(message.contains("SHA-1"), "{message}");
    let old = line(&format!("{OID} HEAD\0ofs-delta"));
    let message = greet(&format!("{old}0000"), main_branch())
        .unwrap_err()
        .message;
    assert!(message.contains("side-band-64k"), "{message}");
    let error = line("ERR access denied\u{1b}[31m or repository not exported");
    let message = greet(&error, main_branch()).unwrap_err().message;
    assert!(message.contains("access denied [31m or"), "{message}");
}

#[test]
fn garbage_is_a_failure_and_no_panic() {
    for answer in [
        "", "0000", "0001", "00", "zzzz", "0004", "0005x", "ffff", "0006\0\0", "<html>",
    ] {
        assert!(greet(answer, main_branch()).is_err(), "{answer:?}");
    }
}

#[test]
fn a_pack_is_asked_for_in_one_go() {
    let oid = ObjectId::from_hex(OID.as_bytes()).unwrap();
    let have = ObjectId::from_hex(PEELED.as_bytes()).unwrap();
    let haves = Haves {
        commits: vec![have],
        shallow: vec![have],
    };
    let text = |version| String::from_utf8(pack_request(version, &[oid], &haves)).unwrap();
    let two = text(Version::Two);
    assert!(two.starts_with("0012command=fetch\n0001"), "{two}");
    assert!(
        two.contains("000ethin-pack\n") && two.ends_with("0009done\n0000"),
        "{two}"
    );
    assert!(two.contains(&format!("0035shallow {PEELED}\n")), "{two}");
    let zero = text(Version::Zero {
        any_commit: true,
        ofs_delta: true,
        thin_pack: true,
    });
    assert!(zero.contains(&format!(
        "want {OID} side-band-64k no-progress ofs-delta thin-pack\n0000"
    )));
    assert!(
        zero.ends_with(&format!("0032have {PEELED}\n0009done\n")),
        "{zero}"
    );
}

#[test]
fn a_single_commit_is_asked_for_and_where_it_ends_is_read() {
    let oid = ObjectId::from_hex(OID.as_bytes()).unwrap();
    let text = String::from_utf8(single_request(oid)).unwrap();
    assert!(
        text.contains("000ddeepen 1\n") && !text.contains("have"),
        "{text}"
    );
    let answer = format!("0011shallow-info\n0034shallow {OID}0001000dpackfile\n0007\u{1}ab0000");
    let read = read_pack_header(Lines::new(answer.as_bytes()), Version::Two)
        .ok()
        .unwrap();
    assert_eq!(read.shallow, [oid]);
    let (mut pack, mut bytes) = (read.pack, Vec::new());
    std::io::Read::read_to_end(&mut pack, &mut bytes).unwrap();
    assert_eq!(bytes, b"ab");
}
