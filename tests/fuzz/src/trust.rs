//! The parsers of `trust`, reached through its public door.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_trust::{
    Introduction, Mode, ObjectKind, ObjectReader, Oid, Policy, RawObject, ReadError, SecretKeys,
    Signers, Verdict, VerifiedTree, hash, missing_objects, verify,
};

/// A key whose private half nobody has: nothing can be signed by it.
const NOBODY: &str =
    "nobody ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n";

/// Keys whose private halves are gone; what they signed is kept in `corpus/`, but never over [`HEADERS`].
const LISTED: [(&str, &[u8]); 6] = [
    (
        "a.sshpub",
        include_bytes!("../corpus/trust_secret/ed25519.sshpub"),
    ),
    (
        "b.sshpub",
        include_bytes!("../corpus/trust_secret/ecdsa256.sshpub"),
    ),
    (
        "c.sshpub",
        include_bytes!("../corpus/trust_secret/ecdsa384.sshpub"),
    ),
    (
        "d.sshpub",
        include_bytes!("../corpus/trust_secret/ecdsa521.sshpub"),
    ),
    (
        "e.sshpub",
        include_bytes!("../corpus/trust_secret/rsa.sshpub"),
    ),
    (
        "f.asc",
        include_bytes!("../corpus/trust_secret/certificate.asc"),
    ),
];

/// The headers before a signature, as Git writes them.
pub(crate) const HEADERS: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
    author Ada <ada@example.com> 1700000000 +0000\n\
    committer Ada <ada@example.com> 1700000000 +0000\n";

#[derive(Default)]
pub(crate) struct Objects(HashMap<Oid, RawObject>);

impl ObjectReader for Objects {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        Ok(self.0.get(oid).cloned())
    }
}

impl Objects {
    /// Keeps an object; `None` when the bytes are a collision attack.
    pub(crate) fn put(&mut self, kind: ObjectKind, bytes: &[u8]) -> Option<Oid> {
        let oid = hash(kind, bytes).ok()?;
        let bytes = bytes.to_vec();
        self.0.insert(oid, RawObject { kind, bytes });
        Some(oid)
    }

    /// Keeps a tag over a commit, with this message.
    pub(crate) fn tag(&mut self, name: &str, (commit, message): (&Oid, &[u8])) -> Option<Oid> {
        let text = format!(
            "object {commit}\ntype commit\ntag {name}\ntagger Ada <ada@example.com> 1700000000 +0000\n\n"
        );
        self.put(ObjectKind::Tag, &[text.as_bytes(), message].concat())
    }
}

/// A commit: no bytes are accepted where only nobody may sign.
pub(crate) fn commit(bytes: &[u8]) {
    judged_as_head(ObjectKind::Commit, bytes);
    judged_by_a_secret(bytes);
}

/// An annotated tag.
pub(crate) fn tag(bytes: &[u8]) {
    judged_as_head(ObjectKind::Tag, bytes);
    judged_by_a_secret(bytes);
}

/// The signature of a commit whose other bytes are in order.
pub(crate) fn signature(bytes: &[u8]) {
    let commit = signed_with(bytes);
    judged_as_head(ObjectKind::Commit, &commit);
    judged_by_a_secret(&commit);
}

/// The bytes in the armour of an SSH signature.
pub(crate) fn sshsig(bytes: &[u8]) {
    judged_by_listed_keys(&armoured("SSH SIGNATURE-----", bytes));
}

/// The packets in the armour of an OpenPGP signature.
pub(crate) fn openpgp(bytes: &[u8]) {
    judged_by_listed_keys(&armoured("PGP SIGNATURE-----\n", bytes));
}

/// The packets in the armour of an OpenPGP keyring.
pub(crate) fn keyring(bytes: &[u8]) {
    signers(armoured("PGP PUBLIC KEY BLOCK-----\n", bytes).as_bytes());
}

/// The bytes of an SSH key in a trust file, under every name of a type.
pub(crate) fn ssh_key(bytes: &[u8]) {
    let key = STANDARD.encode(bytes);
    for name in [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "sk-ssh-ed25519@openssh.com",
    ] {
        signers(format!("alice {name} {key}").as_bytes());
    }
}

/// Builds an armour; `label` is the rest of its first line and what stands before its digits.
fn armoured(label: &str, bytes: &[u8]) -> String {
    let digits = STANDARD.encode(bytes);
    let end = label.trim_end();
    format!("-----BEGIN {label}\n{digits}\n-----END {end}\n")
}

fn signed_with(armour: &[u8]) -> Vec<u8> {
    let mut commit = HEADERS.as_bytes().to_vec();
    commit.extend_from_slice(b"gpgsig ");
    for byte in armour {
        commit.push(*byte);
        if *byte == b'\n' {
            commit.push(b' ');
        }
    }
    commit.extend_from_slice(b"\n\nsubject\n");
    commit
}

fn judged_by_listed_keys(armour: &str) {
    static KEYS: LazyLock<SecretKeys> =
        LazyLock::new(|| SecretKeys::parse(LISTED).unwrap_or_default());
    assert!(!KEYS.is_empty(), "the keys are read");
    let commit = signed_with(armour.trim_end().as_bytes());
    assert!(KEYS.commit_signer(&commit).is_err(), "nobody signed it");
}

/// A trust file of the node.
pub(crate) fn signers(bytes: &[u8]) {
    if let Err(error) = Signers::parse([("file", bytes)]) {
        assert!(!error.to_string().is_empty(), "an error says something");
    }
}

/// An entry of a Secret with public keys.
pub(crate) fn secret(bytes: &[u8]) {
    for name in ["keys.asc", "keys.sshpub", "keys"] {
        let _ = SecretKeys::parse([(name, bytes)]).is_ok();
    }
}

/// A directory, listed and walked.
pub(crate) fn tree(bytes: &[u8]) {
    let mut objects = Objects::default();
    let Some(tree) = objects.put(ObjectKind::Tree, bytes) else {
        return;
    };
    let text = format!(
        "tree {tree}\n{}\nx\n",
        HEADERS.split_once('\n').map_or("", |(_, rest)| rest)
    );
    let Some(commit) = objects.put(ObjectKind::Commit, text.as_bytes()) else {
        return;
    };
    let policy = policy(Introduction::Commit(commit));
    let Ok(Verdict::Accepted(accepted)) = verify(&objects, &policy, None, &commit) else {
        return;
    };
    let tree = VerifiedTree::new(&accepted.source, &objects);
    for path in ["", ".", "a", "a/b", "../a", ".git"] {
        let _ = (
            tree.read(path).is_ok(),
            tree.list(path).is_ok(),
            tree.kind(path).is_ok(),
        );
    }
    let _ = missing_objects(&objects, &accepted.source).is_ok();
}

pub(crate) fn policy(introduction: Introduction) -> Policy {
    Policy {
        signers: Signers::parse([("nobody", NOBODY.as_bytes())]).unwrap_or_default(),
        introduction,
        mode: Mode::All,
    }
}

fn judged_as_head(kind: ObjectKind, bytes: &[u8]) {
    let mut objects = Objects::default();
    let Some(head) = objects.put(kind, bytes) else {
        return;
    };
    let verdict = verify(&objects, &policy(Introduction::FirstSigned), None, &head);
    assert!(
        !matches!(verdict, Ok(Verdict::Accepted(_))),
        "nobody signed it"
    );
}

fn judged_by_a_secret(bytes: &[u8]) {
    let keys = SecretKeys::parse([(
        "nobody.sshpub",
        NOBODY.trim_start_matches("nobody ").as_bytes(),
    )])
    .unwrap_or_default();
    assert!(!keys.is_empty(), "the key is read");
    assert!(keys.commit_signer(bytes).is_err(), "nobody signed it");
    assert!(keys.tag_signer(bytes).is_err(), "nobody signed it");
}
