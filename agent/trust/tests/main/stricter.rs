//! Where we are stricter than git on purpose: each case is accepted by git and refused here, for a
//! reason that docs/decisions/0102 gives. What is no commit of ours but a trust file is here too.

use std::path::Path;

use windlass_trust::{SecretKeys, Signers};

use crate::corpus::{Signable, code, verdict};
use crate::gpg::{DAY, Gpg, MADE};
use crate::kit::{Repo, with_signature};

/// What git says of an object under OpenPGP, and what we say.
#[track_caller]
fn differs(gpg: &Gpg, user: &str, object: Signable, text: &str, ours: &str) {
    let oid = object.write(&gpg.repo, text);
    assert!(
        gpg.git_accepts(MADE + 2 * DAY, object.verify(), &oid),
        "git refuses it too: {ours}"
    );
    let secret = SecretKeys::parse([("a.asc", gpg.certificate(user).as_slice())]).unwrap();
    assert_eq!(code(&object.judged(&secret, text)), ours);
}

fn git_accepts_ssh(repo: &Repo, object: Signable, signers: &str, text: &str) -> bool {
    std::fs::write(repo.path().join(".signers"), signers).unwrap();
    let oid = object.write(repo, text);
    let configured = [
        "-c",
        "gpg.format=ssh",
        "-c",
        "gpg.ssh.allowedSignersFile=.signers",
    ];
    let arguments = [&configured[..], &[object.verify(), &oid]].concat();
    repo.run("git", &arguments, b"").0
}

fn authorized(key: &Path) -> SecretKeys {
    let line = std::fs::read(key.with_extension("pub")).unwrap();
    SecretKeys::parse([("a.sshpub", line.as_slice())]).unwrap()
}

#[test]
fn t04_an_openpgp_signature_with_a_weak_hash_is_refused() {
    let gpg = Gpg::new();
    let key = gpg.key("Ada", "rsa2048", "0");
    let payload = Signable::Commit.text(&gpg.repo, MADE + DAY);
    for digest in ["SHA1", "SHA224", "RIPEMD160"] {
        let armour = gpg.armour(MADE + DAY, &key, &["--digest-algo", digest], &payload);
        differs(
            &gpg,
            &key,
            Signable::Commit,
            &with_signature(&payload, &armour),
            "UnsupportedHash",
        );
    }
}

#[test]
fn what_openpgp_leaves_unsigned_may_not_say_anything() {
    let gpg = Gpg::new();
    let key = gpg.key("Ada", "ed25519", "0");
    let object = Signable::Commit;
    let payload = object.text(&gpg.repo, MADE + DAY);
    let armour = gpg.armour(MADE + DAY, &key, &[], &payload);
    let behind = with_signature(&payload, &format!("{armour}more"));
    differs(&gpg, &key, object, &behind, "MalformedSignature");
    let without_sum: String = armour
        .lines()
        .map(|line| if line.starts_with('=') { "=AAAA" } else { line })
        .map(|line| format!("{line}\n"))
        .collect();
    let oid = object.write(&gpg.repo, &with_signature(&payload, &without_sum));
    assert!(
        !gpg.git_accepts(MADE + 2 * DAY, "verify-commit", &oid),
        "gpg checks the sum as well"
    );
    let notation = ["--sig-notation", "!x@example.com=y"];
    let critical = gpg.armour(MADE + DAY, &key, &notation, &payload);
    let secret = SecretKeys::parse([("a.asc", gpg.certificate(&key).as_slice())]).unwrap();
    let judged = object.judged(&secret, &with_signature(&payload, &critical));
    assert_eq!(code(&judged), "MalformedSignature");
}

#[test]
fn certificates_that_cannot_sign_as_we_ask_refuse_their_file_by_name() {
    let gpg = Gpg::new();
    for (algorithm, because) in [
        (
            "dsa2048",
            "none of its keys can be used: DSA is not supported any more",
        ),
        (
            "rsa1024",
            "none of its keys can be used: the RSA key has 1024 bits, fewer than 2048",
        ),
        (
            "brainpoolP256r1",
            "none of its keys can be used: its curve is not supported",
        ),
    ] {
        let key = gpg.key(algorithm, algorithm, "0");
        let certificate = gpg.certificate(&key);
        let error = Signers::parse([("trust.d/ada.asc", certificate.as_slice())]).unwrap_err();
        assert_eq!(error.file, "trust.d/ada.asc");
        let text = error.to_string();
        assert!(text.contains(because) && text.contains(&key), "{text}");
    }
    gpg.run(
        MADE,
        &["--quick-gen-key", "Eve", "ed25519", "cert", "0"],
        b"",
    );
    let error = Signers::parse([("eve", gpg.certificate("Eve").as_slice())]).unwrap_err();
    assert!(
        error.message.contains("none of its keys may sign"),
        "{error}"
    );
}

#[test]
fn keyrings_are_read_whole_or_refused_with_the_place() {
    let gpg = Gpg::new();
    let ada = gpg.key("Ada", "ed25519", "0");
    let bob = gpg.key("Bob", "nistp256", "0");
    let (one, two) = (gpg.certificate(&ada), gpg.certificate(&bob));
    let together = gpg.run(MADE, &["--armor", "--export"], b"");
    let lines = b"# a comment\nalice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n";
    for (files, count) in [
        (vec![one.clone()], 1),
        (vec![one.clone(), two.clone(), lines.to_vec()], 3),
        (vec![together], 2),
        (vec![[one.as_slice(), b"\n\n", &two].concat()], 2),
    ] {
        let files = files.iter().map(|bytes| ("file", bytes.as_slice()));
        assert_eq!(Signers::parse(files).unwrap().len(), count);
    }
    let text = String::from_utf8(one.clone()).unwrap();
    let secret = gpg.run(MADE, &["--armor", "--export-secret-keys", &ada], b"");
    let binary = gpg.run(MADE, &["--export", &ada], b"");
    for (bytes, because) in [
        (
            text.replace("-----END", "-----ENDE").into_bytes(),
            "block 1 is no armoured public key",
        ),
        (
            [one.as_slice(), b"rest"].concat(),
            "block 2 is no armoured public key",
        ),
        (secret, "block 1 holds a secret key"),
        (binary, "write an OpenPGP keyring with gpg --armor --export"),
        (
            b"alice ssh-ed25519 AAAA\n".to_vec(),
            "line 1: the key is cut short",
        ),
        (b"\xff\n".to_vec(), "line 1 is not text"),
        (
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n\n".to_vec(),
            "an empty line stands among",
        ),
    ] {
        let error = Signers::parse([("keys", bytes.as_slice())]).unwrap_err();
        assert!(error.message.contains(because), "{error}");
    }
}

#[test]
fn t04_a_short_rsa_key_refuses_its_file_and_a_time_needs_a_zone() {
    let repo = Repo::new();
    let short = repo.key("short", &["-t", "rsa", "-b", "1024"]);
    let ada = repo.key("ada", &["-t", "ed25519"]);
    let payload = Signable::Commit.text(&repo, MADE);
    for (key, options, because) in [
        (
            &short,
            "alice",
            "line 1: the RSA key has 1024 bits, fewer than 2048",
        ),
        (
            &ada,
            "alice valid-after=\"20200101\"",
            "line 1: valid-after is \"20200101\", in no time zone",
        ),
        (&ada, "alice,!bob", "line 1: a negated principal"),
    ] {
        let line = repo.line(options, key);
        let text = with_signature(&payload, &repo.armour(key, "git", &[], &payload));
        assert!(
            git_accepts_ssh(&repo, Signable::Commit, &line, &text),
            "git on {options}"
        );
        let error = Signers::parse([("allowed_signers", line.as_bytes())]).unwrap_err();
        assert!(error.message.contains(because), "{error}");
    }
    // Not listed, a short key is named for what it is.
    let text = with_signature(&payload, &repo.armour(&short, "git", &[], &payload));
    let signers = Signers::parse([("allowed_signers", repo.line("ada", &ada).as_bytes())]).unwrap();
    let reason = verdict(signers, &text).unwrap_err();
    assert_eq!(reason.code(), "WeakKey");
    assert!(reason.to_string().contains("1024 bits"), "{reason}");
}

#[test]
fn t01_t02_tags_that_two_readers_could_read_differently_are_refused() {
    let repo = Repo::new();
    let key = repo.key("alice", &["-t", "ed25519"]);
    let line = repo.line("alice", &key);
    let object = Signable::Tag;
    let good = object.text(&repo, MADE);
    let other = repo.raw_commit(&Signable::Commit.text(&repo, MADE + 1));
    let signed = |payload: &str| format!("{payload}{}", repo.armour(&key, "git", &[], payload));
    let object_line = good.lines().next().unwrap();
    let tagger = good.lines().nth(3).unwrap();
    for payload in [
        good.replace(object_line, &format!("{object_line}\nobject {other}")),
        good.replace(object_line, &format!("object {other}\n{object_line}")),
        good.replace("type commit\ntag v1", "tag v1\ntype commit"),
        good.replace(tagger, &format!("{tagger}\n{tagger}")),
        good.replace(tagger, &format!("{tagger}\nTree x")),
        good.replace(" +0000", ""),
        format!("{good}-----BEGIN PGP SIGNATURE-----\n"),
        signed(&good),
    ] {
        let text = signed(&payload);
        assert!(
            git_accepts_ssh(&repo, object, &line, &text),
            "git on:\n{payload}"
        );
        let judged = object.judged(&authorized(&key), &text);
        assert_eq!(code(&judged), "AmbiguousObject", "{payload}");
    }
    for payload in [
        good.replace(&format!("{tagger}\n"), ""),
        good.replace("body", "bo\0dy"),
    ] {
        let text = signed(&payload);
        let judged = object.judged(&authorized(&key), &text);
        assert_eq!(code(&judged), "AmbiguousObject", "{payload}");
    }
}

#[test]
fn t02_one_armour_with_two_openpgp_signatures_is_refused() {
    let gpg = Gpg::new();
    let (ada, bob) = (
        gpg.key("Ada", "ed25519", "0"),
        gpg.key("Bob", "ed25519", "0"),
    );
    let payload = Signable::Commit.text(&gpg.repo, MADE + DAY);
    let armour = gpg.armour(MADE + DAY, &ada, &["--local-user", &bob], &payload);
    let certificates = [
        ("a.asc", gpg.certificate(&ada)),
        ("b.asc", gpg.certificate(&bob)),
    ];
    let entries = certificates
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()));
    let secret = SecretKeys::parse(entries).unwrap();
    let text = with_signature(&payload, &armour);
    assert_eq!(
        code(&secret.commit_signer(text.as_bytes())),
        "AmbiguousObject"
    );
    let oid = Signable::Commit.write(&gpg.repo, &text);
    assert!(
        !gpg.git_accepts(MADE + 2 * DAY, "verify-commit", &oid),
        "git refuses it too"
    );
}
