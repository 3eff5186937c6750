//! `trust policy sign`: one more root's signature over the policy file, where it asks for more than one.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use windlass_trust::{POLICY_FILE, POLICY_SIGNATURES, Signers, policy_signers, signatures};

use super::super::arguments::PolicySignArguments;
use super::super::clone::LocalClone;
use super::super::error::TrustError;
use super::super::pins::Pins;
use super::super::programs::Git;
use super::super::signing_key::SigningKey;
use super::super::words::counted;
use super::read;
use crate::screen::Screen;

pub(super) fn run(
    screen: &mut Screen<'_>,
    arguments: &PolicySignArguments,
) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let git = Git::new(clone.work_dir());
    let path = clone.work_dir().join(POLICY_FILE);
    let policy = contents(&path)?;
    let threshold = read(&policy)?.threshold();
    let roots = Pins::of(&clone).signers(&arguments.signers)?;
    let key = match &arguments.key {
        Some(key) => SigningKey::named(&git, key)?,
        None => SigningKey::usual(&git)?.ok_or_else(|| TrustError::Wanted {
            what: "which key signs is not known".to_owned(),
            next: "name it with --key".to_owned(),
        })?,
    };
    let beside = clone.work_dir().join(POLICY_SIGNATURES);
    let known = match fs::read(&beside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|source| TrustError::Read {
            path: beside.clone(),
            source,
        })?,
    };
    let mut kept = Kept::of(&policy, &known, &roots);
    let armour = git.sign_policy(&key, &path)?;
    let signer = kept.add(&policy, &armour, &roots)?;
    fs::write(&beside, &kept.file).map_err(|source| TrustError::Write {
        path: beside,
        source,
    })?;
    let of = counted(kept.keys.len(), "key");
    screen.success(&format!(
        "{signer} signed {POLICY_FILE}: {of} of the {threshold} that it asks for"
    ))?;
    Ok(screen.action(&format!(
        "commit it with the policy: git add {POLICY_FILE} {POLICY_SIGNATURES}; whose key signs the commit counts too"
    ))?)
}

/// The signatures that count.
struct Kept {
    file: Vec<u8>,
    keys: BTreeSet<String>,
}

// === impl Kept ===

impl Kept {
    fn of(policy: &[u8], file: &[u8], roots: &Signers) -> Self {
        let mut kept = Self {
            file: Vec::new(),
            keys: BTreeSet::new(),
        };
        for armour in signatures(file) {
            // One over an older file counts no more.
            let _ = kept.add(policy, armour, roots);
        }
        kept
    }

    /// Adds a signature and says whose it is.
    fn add(&mut self, policy: &[u8], armour: &[u8], roots: &Signers) -> Result<String, TrustError> {
        let judged = policy_signers(policy, armour, roots, Timestamp::now().as_second());
        let signer = match judged.into_iter().next() {
            Some(Ok(signer)) => signer,
            Some(Err(reason)) => return Err(not_counting(&reason.to_string())),
            None => return Err(not_counting("it is no signature")),
        };
        if self.keys.insert(signer.key) {
            self.file.extend_from_slice(armour.trim_ascii_end());
            self.file.push(b'\n');
        }
        Ok(signer.principal)
    }
}

fn not_counting(why: &str) -> TrustError {
    TrustError::Wanted {
        what: format!("nodes would not count this signature: {why}"),
        next: "sign with a key that is pinned on the nodes; --key names it and --signers says which they are".to_owned(),
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, TrustError> {
    fs::read(path).map_err(|source| TrustError::Read {
        path: path.to_owned(),
        source,
    })
}
