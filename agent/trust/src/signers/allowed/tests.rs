use super::*;

/// The public half of a key made for this test.
const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

fn parse(text: &str) -> Result<Vec<(String, bool)>, SignersError> {
    let signers = AllowedSigners::parse(text)?.lines;
    Ok(signers
        .into_iter()
        .map(|line| (line.principals, line.options.signs_git))
        .collect())
}

#[track_caller]
fn refused(line: &str, because: &str) {
    let error = AllowedSigners::parse(&format!("# first\n{line}\n")).unwrap_err();
    assert_eq!(error.line, 2);
    let text = error.to_string();
    assert!(text.contains(because) && text.contains("line 2"), "{text}");
}

#[test]
fn comments_blank_lines_and_trailing_comments_are_skipped() {
    let text = format!(
        "\n# a comment\n  # another\nalice ssh-ed25519 {KEY}\r\n\tbob\tssh-ed25519  {KEY} his key # x\n"
    );
    assert_eq!(
        parse(&text).unwrap(),
        [("alice".to_owned(), true), ("bob".to_owned(), true)]
    );
    assert!(AllowedSigners::parse("").unwrap().is_empty());
    assert_eq!(AllowedSigners::parse(&text).unwrap().len(), 2);
}

#[test]
fn namespaces_limit_a_line() {
    for (option, git) in [
        ("namespaces=\"git\"", true),
        ("Namespaces=\"file,git\"", true),
        ("namespaces=\"file\"", false),
        ("namespaces=\"*\"", true),
        ("namespaces=\"!git,*\"", false),
        ("namespaces=\"!file,g*t\"", true),
    ] {
        let text = format!("alice {option} ssh-ed25519 {KEY}");
        assert_eq!(
            parse(&text).unwrap(),
            [("alice".to_owned(), git)],
            "{option}"
        );
    }
}

#[test]
fn quoted_principals_may_hold_blanks() {
    let text = format!("\"alice b,bob\" ssh-ed25519 {KEY}");
    assert_eq!(parse(&text).unwrap()[0].0, "alice b,bob");
}

#[test]
fn what_cannot_be_honoured_refuses_the_file_and_names_the_line() {
    refused(
        &format!("a cert-authority ssh-ed25519 {KEY}"),
        "cert-authority is not supported",
    );
    refused(&format!("a zoo ssh-ed25519 {KEY}"), "\"zoo\" is not known");
    refused(
        &format!("a namespaces=\"git\",namespaces=\"x\" ssh-ed25519 {KEY}"),
        "namespaces is there twice",
    );
    refused(
        &format!("a namespaces=\"\" ssh-ed25519 {KEY}"),
        "empty pattern",
    );
    refused(&format!("!a ssh-ed25519 {KEY}"), "negated principal");
    refused(&format!("a,,b ssh-ed25519 {KEY}"), "principal is empty");
    refused(&format!("\"a ssh-ed25519 {KEY}"), "quote is not closed");
    refused("a ssh-rsa AAAA", "the key is cut short");
    refused(
        &format!("a ssh-rsa {KEY}"),
        "the key is of type ssh-ed25519, but \"ssh-rsa\" stands before it",
    );
    let dsa = STANDARD.encode(b"\0\0\0\x07ssh-dss\0\0\0\0");
    refused(&format!("a ssh-dss {dsa}"), "\"ssh-dss\" is not supported");
    refused("alice", "key is missing");
    refused("a ssh-ed25519", "key is missing after its type");
    refused("a ssh-ed25519 A*", "not base64");
    refused("a ssh-ed25519 AAAAB3NzaC1yc2E=", "the key is cut short");
    refused(&format!("ssh-ed25519 {KEY}"), "is not known");
}

#[test]
fn a_weak_key_is_refused() {
    // The neutral element: every signature by it could be forged.
    let mut wire = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    wire.extend_from_slice(&[1]);
    wire.extend_from_slice(&[0; 31]);
    refused(
        &format!("a ssh-ed25519 {}", STANDARD.encode(wire)),
        "not a usable point",
    );
}

#[test]
fn a_huge_file_is_refused() {
    assert!(AllowedSigners::parse(&"#".repeat(MAX_FILE_BYTES + 1)).is_err());
}
