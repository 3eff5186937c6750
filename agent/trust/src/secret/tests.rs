use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

fn parse(entries: &[(&str, &str)]) -> Result<SecretKeys, SecretKeysError> {
    SecretKeys::parse(entries.iter().map(|(name, text)| (*name, text.as_bytes())))
}

#[test]
fn lines_of_authorized_keys_are_read_as_flux_reads_them() {
    let lines = format!(
        "# mine\n\n{KEY} alice@example.com\nno-pty,command=\"echo hi\" {KEY}\n  {KEY} with blanks in it\n"
    );
    let keys = parse(&[("alice.sshpub", &lines)]).unwrap();
    assert_eq!(keys.signers.len(), 3);
    assert!(parse(&[]).unwrap().is_empty());
    assert!(
        parse(&[("alice.sshpub", "\n# nobody\n")])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn entries_of_other_names_count_only_when_they_hold_openpgp_keys() {
    assert!(
        parse(&[("password", "hunter2"), ("known_hosts", KEY)])
            .unwrap()
            .is_empty()
    );
    let broken = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
    for name in ["author1.asc", "author1", "key.gpg"] {
        let error = parse(&[(name, broken)]).unwrap_err();
        assert_eq!(error.entry, name);
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_named_with_its_line() {
    for (entry, text, because) in [
        (
            "a.sshpub",
            format!("{KEY}\nssh-ed25519 AAAA\n"),
            "line 2: the key is cut short",
        ),
        ("a.sshpub", "alice".to_owned(), "line 1: the key is missing"),
        (
            "a.asc",
            KEY.to_owned(),
            "block 1 is no armoured public key: its first line is broken",
        ),
    ] {
        let error = parse(&[(entry, &text)]).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(because) && shown.contains(entry), "{shown}");
    }
}

#[test]
fn what_is_not_signed_or_not_readable_is_told_apart() {
    let keys = parse(&[("a.sshpub", KEY)]).unwrap();
    let who = "Ada <ada@example.com> 1700000000 +0000";
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let commit = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nx\n");
    let tag = format!("object {tree}\ntype commit\ntag v1\ntagger {who}\n\nx\n");
    assert_eq!(
        keys.commit_signer(commit.as_bytes()),
        Err(RefusalReason::Unsigned)
    );
    assert_eq!(
        keys.tag_signer(tag.as_bytes()),
        Err(RefusalReason::Unsigned)
    );
    for broken in ["", "tree", &tag] {
        let reason = keys.commit_signer(broken.as_bytes()).unwrap_err();
        assert_eq!(reason.code(), "AmbiguousObject");
    }
    assert_eq!(
        keys.tag_signer(commit.as_bytes()).unwrap_err().code(),
        "AmbiguousObject"
    );
}
