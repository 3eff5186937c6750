//! Every kind of key, hash and object, signed by the real programs: we and git say the same of the
//! good ones and of each way to spoil them, and nobody accepts a changed byte.

use windlass_trust::{
    Introduction, Mode, ObjectKind, Policy, RefusalReason, SecretKeys, SignatureKind, Signers,
    Verdict, verify,
};

use crate::gpg::{DAY, Gpg, MADE};
use crate::kit::{Objects, Repo, with_signature};

const SSH_KINDS: [(&str, &[&str]); 7] = [
    ("ed25519", &["-t", "ed25519"]),
    ("ecdsa-256", &["-t", "ecdsa", "-b", "256"]),
    ("ecdsa-384", &["-t", "ecdsa", "-b", "384"]),
    ("ecdsa-521", &["-t", "ecdsa", "-b", "521"]),
    ("rsa-2048", &["-t", "rsa", "-b", "2048"]),
    ("rsa-2056", &["-t", "rsa", "-b", "2056"]),
    ("rsa-3072", &["-t", "rsa", "-b", "3072"]),
];

/// Each with the options of `gpg` that it is tried with.
const OPENPGP_KINDS: [(&str, &[&[&str]]); 6] = [
    (
        "ed25519",
        &[
            &["--digest-algo", "SHA256"],
            &["--digest-algo", "SHA512"],
            &["--textmode"],
        ],
    ),
    ("nistp256", &[&["--digest-algo", "SHA256"]]),
    ("nistp384", &[&["--digest-algo", "SHA384"]]),
    ("nistp521", &[&["--digest-algo", "SHA512"]]),
    ("rsa2048", &[&["--digest-algo", "SHA256"], &["--textmode"]]),
    ("rsa3072", &[&["--digest-algo", "SHA384"]]),
];

const WHO: &str = "Ada <ada@example.com>";

/// An object to sign, and how a signature is put into it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signable {
    Commit,
    Tag,
}

impl Signable {
    pub(crate) const BOTH: [Self; 2] = [Self::Commit, Self::Tag];

    pub(crate) fn text(self, repo: &Repo, time: u32) -> String {
        match self {
            Self::Commit => {
                let tree = repo.git(&["mktree"]);
                format!(
                    "tree {tree}\nauthor {WHO} {time} +0000\ncommitter {WHO} {time} +0000\n\nsubject\n\nbody\n"
                )
            }
            Self::Tag => {
                let commit = repo.raw_commit(&Self::Commit.text(repo, time));
                format!(
                    "object {commit}\ntype commit\ntag v1\ntagger {WHO} {time} +0000\n\nsubject\n\nbody\n"
                )
            }
        }
    }

    pub(crate) fn signed(self, payload: &str, armour: &str) -> String {
        match self {
            Self::Commit => with_signature(payload, armour),
            Self::Tag => format!("{payload}{armour}"),
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }

    pub(crate) const fn verify(self) -> &'static str {
        match self {
            Self::Commit => "verify-commit",
            Self::Tag => "verify-tag",
        }
    }

    /// Writes the object into the repository; gives its id.
    pub(crate) fn write(self, repo: &Repo, text: &str) -> String {
        let arguments = [
            "hash-object",
            "-t",
            self.kind(),
            "-w",
            "--literally",
            "--stdin",
        ];
        repo.git_with(&arguments, text.as_bytes())
    }

    /// Our verdict: who signed or why nobody did.
    pub(crate) fn judged(
        self,
        secret: &SecretKeys,
        text: &str,
    ) -> Result<windlass_trust::Signer, RefusalReason> {
        match self {
            Self::Commit => secret.commit_signer(text.as_bytes()),
            Self::Tag => secret.tag_signer(text.as_bytes()).map(|tag| tag.signer),
        }
    }
}

/// The verdict of the node's own rules on a commit without parents.
pub(crate) fn verdict(signers: Signers, text: &str) -> Result<String, RefusalReason> {
    let mut objects = Objects::default();
    let head = objects.put(ObjectKind::Commit, text.as_bytes());
    let policy = Policy {
        signers,
        introduction: Introduction::FirstSigned,
        mode: Mode::All,
    };
    match verify(&objects, &policy, None, &head).unwrap() {
        Verdict::Accepted(accepted) => Ok(accepted.signer),
        Verdict::Refused(refusal) => Err(refusal.reason),
    }
}

pub(crate) fn code(judged: &Result<windlass_trust::Signer, RefusalReason>) -> &'static str {
    judged.as_ref().map_or_else(RefusalReason::code, |_| "")
}

fn public(key: &std::path::Path) -> Vec<u8> {
    std::fs::read(key.with_extension("pub")).unwrap()
}

#[test]
fn t04_every_ssh_key_and_hash_is_judged_as_git_judges_it() {
    let repo = Repo::new();
    for (name, options) in SSH_KINDS {
        let key = repo.key(name, options);
        let other = repo.key(&format!("other-{name}"), options);
        let line = repo.line("alice@example.com", &key);
        std::fs::write(repo.path().join(".signers"), &line).unwrap();
        let secret = SecretKeys::parse([("alice.sshpub", public(&key).as_slice())]).unwrap();
        for object in Signable::BOTH {
            let payload = object.text(&repo, MADE);
            for hash in ["hashalg=sha256", "hashalg=sha512"] {
                let sign = |key, namespace| {
                    object.signed(
                        &payload,
                        &repo.armour(key, namespace, &["-O", hash], &payload),
                    )
                };
                let good = sign(&key, "git");
                for (text, ours) in [
                    (good.clone(), ""),
                    (good.replace("\n\nbody", "\n\nb0dy"), "BadSignature"),
                    (good.replace(" +0000", " +0100"), "BadSignature"),
                    (sign(&other, "git"), "UnknownKey"),
                    (sign(&key, "file"), "WrongNamespace"),
                    (payload.clone(), "Unsigned"),
                ] {
                    let judged = object.judged(&secret, &text);
                    let label = format!("{name}, {hash}, {}", object.kind());
                    assert_eq!(code(&judged), ours, "{label}: {judged:?}");
                    let oid = object.write(&repo, &text);
                    let configured = [
                        "-c",
                        "gpg.format=ssh",
                        "-c",
                        "gpg.ssh.allowedSignersFile=.signers",
                    ];
                    let (git, _) = repo.run(
                        "git",
                        &[&configured[..], &[object.verify(), &oid]].concat(),
                        b"",
                    );
                    assert_eq!(git, ours.is_empty(), "git on {label}, {ours}");
                }
                let signer = object.judged(&secret, &good).unwrap();
                let (_, printed) = repo.run("ssh-keygen", &["-lf", key.to_str().unwrap()], b"");
                let printed = String::from_utf8(printed).unwrap();
                assert_eq!(printed.split(' ').nth(1), Some(signer.key.as_str()));
                assert_eq!(
                    (signer.principal.as_str(), signer.kind),
                    (name, SignatureKind::Ssh)
                );
                assert_eq!(signer.flux_key(), signer.key);
                if object == Signable::Commit {
                    let signers = Signers::parse([("allowed_signers", line.as_bytes())]).unwrap();
                    assert_eq!(verdict(signers, &good).as_deref(), Ok("alice@example.com"));
                }
            }
        }
    }
}

#[test]
fn every_openpgp_key_and_hash_is_judged_as_git_judges_it() {
    let (gpg, stranger) = (Gpg::new(), Gpg::new());
    let other = stranger.key("Mallory", "ed25519", "0");
    for (algorithm, digests) in OPENPGP_KINDS {
        let user = format!("Ada ({algorithm}) <ada@example.com>");
        let key = gpg.key(&user, algorithm, "0");
        let certificate = gpg.certificate(&key);
        let secret = SecretKeys::parse([("ada.asc", certificate.as_slice())]).unwrap();
        for object in Signable::BOTH {
            let payload = object.text(&gpg.repo, MADE + DAY);
            for options in digests {
                let armour = gpg.armour(MADE + DAY, &key, options, &payload);
                let good = object.signed(&payload, &armour);
                let by_other = stranger.armour(MADE + DAY, &other, &[], &payload);
                for (text, ours) in [
                    (good.clone(), ""),
                    (good.replace("\n\nbody", "\n\nb0dy"), "BadSignature"),
                    (object.signed(&payload, &by_other), "UnknownKey"),
                    (payload.clone(), "Unsigned"),
                ] {
                    let judged = object.judged(&secret, &text);
                    let label = format!("{algorithm}, {options:?}, {}", object.kind());
                    assert_eq!(code(&judged), ours, "{label}: {judged:?}");
                    let oid = object.write(&gpg.repo, &text);
                    let git = gpg.git_accepts(MADE + 2 * DAY, object.verify(), &oid);
                    assert_eq!(git, ours.is_empty(), "git on {label}, {ours}");
                }
                let signer = object.judged(&secret, &good).unwrap();
                assert_eq!(
                    (signer.principal, signer.key.as_str()),
                    (user.clone(), key.as_str())
                );
                assert_eq!(signer.kind, SignatureKind::OpenPgp);
                if object == Signable::Commit {
                    assert_eq!(verdict(gpg.signers(&key), &good), Ok(user.clone()));
                }
            }
        }
    }
}

#[test]
fn t03_no_signed_object_is_accepted_with_any_byte_changed() {
    let repo = Repo::new();
    let gpg = Gpg::new();
    for object in Signable::BOTH {
        let payload = object.text(&repo, MADE + DAY);
        for (name, options) in SSH_KINDS.into_iter().take(5) {
            let key = repo.key(&format!("{name}-{}", object.kind()), options);
            let secret = SecretKeys::parse([("a.sshpub", public(&key).as_slice())]).unwrap();
            let good = object.signed(&payload, &repo.armour(&key, "git", &[], &payload));
            changed_bytes_are_refused(object, &secret, &good, name);
        }
        for algorithm in ["ed25519", "nistp256", "rsa2048"] {
            let user = format!("{algorithm} {}", object.kind());
            let key = gpg.key(&user, algorithm, "0");
            let secret = SecretKeys::parse([("a.asc", gpg.certificate(&key).as_slice())]).unwrap();
            let good = object.signed(&payload, &gpg.armour(MADE + DAY, &key, &[], &payload));
            changed_bytes_are_refused(object, &secret, &good, algorithm);
        }
    }
}

/// Changes one bit of each byte, another one in turn.
fn changed_bytes_are_refused(object: Signable, secret: &SecretKeys, good: &str, name: &str) {
    let judged = |bytes: &[u8]| match object {
        Signable::Commit => secret.commit_signer(bytes).map(|_| ()),
        Signable::Tag => secret.tag_signer(bytes).map(|_| ()),
    };
    let good = good.as_bytes();
    assert_eq!(judged(good), Ok(()), "{name}");
    for at in 0..good.len() {
        let mask = 1 << (at % 8);
        let mut bytes = good.to_vec();
        bytes[at] ^= mask;
        assert!(judged(&bytes).is_err(), "{name}: byte {at} xor {mask}");
    }
}

/// Pieces of which broken armour is made, beside single bytes.
const PIECES: [&str; 8] = [
    "-----BEGIN SSH SIGNATURE-----\n ",
    "-----END SSH SIGNATURE-----\n ",
    "-----BEGIN PGP SIGNATURE-----\n \n ",
    "\ngpgsig ",
    "\n",
    "=",
    "U1NIU0lH",
    "\0",
];

/// Says whether two texts differ only in what the formats leave open: where the lines of an armour's digits end, and
/// whether OpenPGP's check sum follows them.
fn same_digits(text: &str, good: &str) -> bool {
    let parts = |text: &str| {
        let (head, armour) = text.split_once("SIGNATURE-----\n ")?;
        let (digits, tail) = armour.split_once("\n -----END")?;
        let (digits, _sum) = digits.split_once("\n =").unwrap_or((digits, ""));
        Some((head.to_owned(), digits.replace("\n ", ""), tail.to_owned()))
    };
    parts(text).is_some() && parts(text) == parts(good)
}

/// The matrix's million in a build with optimisation; without it a part of them, which takes as long.
#[test]
fn t03_no_broken_armour_is_accepted_and_none_breaks_the_verifier() {
    let repo = Repo::new();
    let gpg = Gpg::new();
    let (ssh, pgp) = (
        repo.key("a", &["-t", "ed25519"]),
        gpg.key("Ada", "ed25519", "0"),
    );
    let payload = Signable::Commit.text(&repo, MADE + DAY);
    let secret = SecretKeys::parse([
        ("a.sshpub", public(&ssh).as_slice()),
        ("a.asc", gpg.certificate(&pgp).as_slice()),
    ])
    .unwrap();
    let good = [
        repo.armour(&ssh, "git", &[], &payload),
        gpg.armour(MADE + DAY, &pgp, &[], &payload),
    ]
    .map(|armour| Signable::Commit.signed(&payload, &armour).into_bytes());
    let blobs = if cfg!(debug_assertions) {
        10_000
    } else {
        1_000_000
    };
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    for number in 0..blobs {
        let good = &good[number % good.len()];
        assert!(
            number >= 2 || secret.commit_signer(good).is_ok(),
            "the untouched one counts"
        );
        let mut bytes = good.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            let end = (at + next(40)).min(bytes.len());
            match next(4) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes[at] ^= 1 << next(8),
                2 => drop(bytes.splice(at..at, PIECES[next(PIECES.len())].bytes())),
                _ => {
                    let piece = bytes[at..end].to_vec();
                    let to = next(bytes.len());
                    drop(bytes.splice(to..to, piece));
                }
            }
        }
        if bytes != *good {
            let (text, good) = (
                String::from_utf8_lossy(&bytes),
                String::from_utf8_lossy(good),
            );
            let judged = secret.commit_signer(&bytes);
            assert!(judged.is_err() || same_digits(&text, &good), "{text:?}");
        }
    }
}
