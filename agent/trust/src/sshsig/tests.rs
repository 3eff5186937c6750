use proptest::prelude::*;

use super::*;

fn blob(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = b"SSHSIG\0\0\0\x01".to_vec();
    for part in parts {
        out.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

fn armoured(bytes: &[u8]) -> String {
    let digits = STANDARD.encode(bytes);
    format!("-----BEGIN SSH SIGNATURE-----\n{digits}\n-----END SSH SIGNATURE-----")
}

fn parse(bytes: &[u8]) -> Result<SshSignature, &'static str> {
    SshSignature::parse(armoured(bytes).as_bytes())
}

#[test]
fn the_fields_are_read_in_their_order() {
    let signature = parse(&blob(&[b"key", b"git", b"", b"sha512", b"sig"])).unwrap();
    assert_eq!(signature.public_key, b"key");
    assert_eq!(signature.namespace, b"git");
    assert_eq!(signature.hash_algorithm, b"sha512");
    assert_eq!(signature.signature, b"sig");
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let whole = blob(&[b"key", b"git", b"", b"sha512", b"sig"]);
    for length in 0..whole.len() {
        assert!(parse(&whole[..length]).is_err(), "cut to {length}");
    }
    assert_eq!(
        parse(&[&whole, b"x".as_slice()].concat()),
        Err("bytes follow the signature")
    );
    let reserved = blob(&[b"key", b"git", b"r", b"sha512", b"sig"]);
    assert_eq!(parse(&reserved), Err("its reserved field is not empty"));
    let mut version = whole.clone();
    version[9] = 2;
    assert_eq!(parse(&version), Err("its version is not 1"));
    let mut length = whole;
    length[10] = 0xff;
    assert_eq!(parse(&length), Err("its public key is cut short"));
}

#[test]
fn the_armour_is_read_strictly() {
    let good = armoured(&blob(&[b"key", b"git", b"", b"sha512", b"sig"]));
    assert!(SshSignature::parse(format!("{good}\n").as_bytes()).is_ok());
    for (bad, why) in [
        (
            good.replace("END SSH", "END PGP"),
            "its last line is missing",
        ),
        (format!("{good}\nmore"), "text follows its last line"),
        (
            good.replace("SIGNATURE-----\nU", "SIGNATURE-----\n*"),
            "it is not base64",
        ),
        (good.replace('\n', "\r\n"), "its first line is broken"),
        (
            format!("{good}{}", "\n".repeat(MAX_ARMOUR_BYTES)),
            "it is longer than any SSH signature",
        ),
        (String::new(), "its first line is broken"),
    ] {
        assert_eq!(SshSignature::parse(bad.as_bytes()), Err(why));
    }
}

#[test]
fn only_two_hashes_are_known() {
    assert_eq!(MessageHash::parse(b"sha256"), Some(MessageHash::Sha256));
    assert_eq!(MessageHash::parse(b"sha512"), Some(MessageHash::Sha512));
    for other in [b"sha1".as_slice(), b"SHA512", b"", b"sha384"] {
        assert_eq!(MessageHash::parse(other), None);
    }
}

#[test]
fn the_message_is_hashed_as_one_whatever_the_cut() {
    let whole = signed_bytes(Namespace::Git, MessageHash::Sha256, (b"one two", b""));
    assert_eq!(
        signed_bytes(Namespace::Git, MessageHash::Sha256, (b"one", b" two")),
        whole
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in any::<Vec<u8>>()) {
        let _ = SshSignature::parse(&bytes);
        let _ = parse(&bytes);
        let _ = parse(&[b"SSHSIG\0\0\0\x01".as_slice(), &bytes].concat());
    }
}
