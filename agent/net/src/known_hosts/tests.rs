use super::*;

/// A key in SSH's encoding whose content is one byte.
fn key(algorithm: &str, content: u8) -> Vec<u8> {
    let mut key = u32::try_from(algorithm.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    key.extend(algorithm.bytes());
    key.extend([0, 0, 0, 1, content]);
    key
}

fn ed25519(content: u8) -> Vec<u8> {
    key("ssh-ed25519", content)
}

fn line(hosts: &str, content: u8) -> String {
    format!("{hosts} ssh-ed25519 {}\n", BASE64.encode(ed25519(content)))
}

fn hashed(name: &str) -> String {
    let salt = [7; 20];
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let hash = ring::hmac::sign(&hmac, name.as_bytes());
    format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(hash))
}

#[track_caller]
fn check(text: &str, host: &str, port: u16, expected: Verdict) {
    let known = KnownHosts::parse(text).unwrap();
    assert_eq!(known.judge(host, port, &ed25519(1)), expected);
}

#[test]
fn a_listed_key_is_trusted_and_another_is_not() {
    check(&line("git.test", 1), "git.test", 22, Verdict::Trusted);
    check(
        &line("Git.Test,10.0.0.1", 1),
        "git.test",
        22,
        Verdict::Trusted,
    );
    check(&line("git.test", 2), "git.test", 22, Verdict::Mismatch);
    check(&line("other.test", 1), "git.test", 22, Verdict::Unknown);
    check("", "git.test", 22, Verdict::Unknown);
}

#[test]
fn any_of_several_keys_in_any_order_will_do() {
    let (one, two) = (line("git.test", 1), line("git.test", 2));
    check(&format!("{one}{two}"), "git.test", 22, Verdict::Trusted);
    check(&format!("{two}{one}"), "git.test", 22, Verdict::Trusted);
    let rsa = format!("git.test ssh-rsa {}\n", BASE64.encode(key("ssh-rsa", 9)));
    check(&format!("{rsa}{one}"), "git.test", 22, Verdict::Trusted);
    let known = KnownHosts::parse(&format!("{rsa}{one}@revoked {two}")).unwrap();
    assert_eq!(known.algorithms("git.test", 22), ["ssh-rsa", "ssh-ed25519"]);
}

#[test]
fn revoked_wins_wherever_it_stands() {
    let (trusted, revoked) = (line("git.test", 1), format!("@revoked {}", line("*", 1)));
    check(
        &format!("{trusted}{revoked}"),
        "git.test",
        22,
        Verdict::Revoked,
    );
    check(
        &format!("{revoked}{trusted}"),
        "git.test",
        22,
        Verdict::Revoked,
    );
    check(
        &format!("{revoked}{trusted}"),
        "git.test",
        2222,
        Verdict::Revoked,
    );
    check(
        &format!("@revoked {}{trusted}", line("*", 2)),
        "git.test",
        22,
        Verdict::Trusted,
    );
}

#[test]
fn an_authority_is_no_host_key() {
    let authority = format!("@cert-authority {}", line("*.test", 1));
    check(&authority, "git.test", 22, Verdict::OnlyAuthority);
    check(
        &format!("{authority}{}", line("git.test", 1)),
        "git.test",
        22,
        Verdict::Trusted,
    );
    check(
        &format!("{authority}{}", line("git.test", 2)),
        "git.test",
        22,
        Verdict::Mismatch,
    );
}

#[test]
fn a_port_is_part_of_the_name() {
    check(
        &line("[git.test]:2222", 1),
        "git.test",
        2222,
        Verdict::Trusted,
    );
    check(
        &line("[git.test]:2222", 1),
        "git.test",
        22,
        Verdict::Unknown,
    );
    check(
        &line("[git.test]:2222", 2),
        "git.test",
        2222,
        Verdict::Mismatch,
    );
    check(&line("git.test", 1), "git.test", 2222, Verdict::Trusted);
    check(&line("git.test", 2), "git.test", 2222, Verdict::Unknown);
}

#[test]
fn hashed_names_are_found() {
    check(
        &line(&hashed("git.test"), 1),
        "git.test",
        22,
        Verdict::Trusted,
    );
    check(
        &line(&hashed("[git.test]:2222"), 1),
        "git.test",
        2222,
        Verdict::Trusted,
    );
    check(
        &line(&hashed("git.test"), 1),
        "other.test",
        22,
        Verdict::Unknown,
    );
}

#[test]
fn patterns_match_and_exclude() {
    check(
        &line("*.test,!git.test", 1),
        "git.test",
        22,
        Verdict::Unknown,
    );
    check(
        &line("!git.test,*.test", 1),
        "git.test",
        22,
        Verdict::Unknown,
    );
    check(
        &line("*.test,!git.test", 1),
        "other.test",
        22,
        Verdict::Trusted,
    );
    check(&line("g?t.te*", 1), "git.test", 22, Verdict::Trusted);
    check(&line("*", 1), "git.test", 22, Verdict::Trusted);
    check(&line("*x*", 1), "git.test", 22, Verdict::Unknown);
    let stars = "*a".repeat(2000);
    check(&line(&stars, 1), &"a".repeat(250), 22, Verdict::Unknown);
}

#[test]
fn unreadable_lines_are_skipped_but_never_revocations() {
    let text = format!(
        "# comment\n\nnonsense\ngit.test ssh-ed25519 AAAA\n{}",
        line("git.test", 1)
    );
    check(&text, "git.test", 22, Verdict::Trusted);
    assert_eq!(KnownHosts::parse(&text).unwrap().unreadable_line(), Some(3));
    let mislabelled = format!("git.test ssh-rsa {}", BASE64.encode(ed25519(1)));
    check(&mislabelled, "git.test", 22, Verdict::Unknown);
    for line in [
        "@revoked *",
        "@revoked * ssh-ed25519 ???",
        "@something x y z",
        "@",
    ] {
        assert_eq!(
            KnownHosts::parse(&format!("\n{line}")).unwrap_err(),
            KnownHostsError { line: 2 }
        );
    }
}

#[test]
fn the_fingerprint_is_the_one_ssh_shows() {
    assert_eq!(
        fingerprint(b""),
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
    );
}
