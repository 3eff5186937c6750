//! Through a document in SOPS' order: every encrypted value is decrypted, every value counts for the MAC.

use sha2::{Digest, Sha512};

use crate::cipher::Cipher;
use crate::error::Error;
use crate::rules::{Place, Rule};
use crate::tree::{Branch, Comment, Entry, Node};

/// What a MAC over encrypted values alone starts with (sha256 of `sops`), so that it never equals
/// one over all values.
const ONLY_ENCRYPTED_START: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// Decrypts the branches in place and gives the MAC over what they say.
pub(crate) fn decrypt(
    branches: &mut [Branch],
    rule: &Rule,
    mac_only_encrypted: bool,
    cipher: &Cipher,
) -> Result<String, Error> {
    let mut hash = Sha512::new();
    if mac_only_encrypted {
        hash.update(ONLY_ENCRYPTED_START);
    }
    let mut walk = Walk {
        rule,
        mac_only_encrypted,
        cipher,
        hash,
        path: Vec::new(),
        comments: Vec::new(),
    };
    for branch in branches {
        walk.branch(branch)?;
    }
    Ok(hex::encode_upper(walk.hash.finalize()))
}

struct Walk<'a> {
    rule: &'a Rule,
    mac_only_encrypted: bool,
    cipher: &'a Cipher,
    hash: Sha512,
    path: Vec<String>,
    /// The comments since the last value, per level of nesting.
    comments: Vec<Vec<Vec<u8>>>,
}

// === impl Walk ===

impl Walk<'_> {
    fn branch(&mut self, branch: &mut Branch) -> Result<(), Error> {
        self.comments.push(Vec::new());
        for entry in branch {
            match entry {
                Entry::Comment(comment) => {
                    self.comment(comment)?;
                }
                Entry::Pair(key, value) => {
                    self.path.push(key.clone());
                    self.node(value)?;
                    self.path.pop();
                    self.forget();
                }
            }
        }
        self.comments.pop();
        Ok(())
    }

    fn list(&mut self, nodes: &mut [Node]) -> Result<(), Error> {
        self.comments.push(Vec::new());
        for node in nodes {
            if let Node::Comment(comment) = node {
                self.comment(comment)?;
            } else {
                self.node(node)?;
                self.forget();
            }
        }
        self.comments.pop();
        Ok(())
    }

    fn node(&mut self, node: &mut Node) -> Result<(), Error> {
        match node {
            Node::Map(branch) => self.branch(branch),
            Node::List(nodes) => self.list(nodes),
            Node::Null | Node::Comment(_) => Ok(()),
            leaf => self.leaf(leaf),
        }
    }

    fn leaf(&mut self, leaf: &mut Node) -> Result<(), Error> {
        let encrypted = self.is_encrypted(false);
        if encrypted {
            *leaf = match leaf {
                Node::Text(text) => self
                    .cipher
                    .decrypt(text, &self.bound())
                    .map_err(|reason| self.error(reason))?,
                _ => return Err(self.error("a value that must be encrypted is not")),
            };
        }
        if (encrypted || !self.mac_only_encrypted)
            && let Some(bytes) = leaf.digested()
        {
            self.hash.update(&*bytes);
        }
        Ok(())
    }

    /// Decrypts a comment, when it is encrypted. One that was never encrypted stands for itself:
    /// older versions of SOPS left comments alone.
    fn comment(&mut self, comment: &mut Comment) -> Result<(), Error> {
        if let Some(level) = self.comments.last_mut() {
            level.push(comment.text.to_vec());
        }
        if !self.is_encrypted(true) {
            return Ok(());
        }
        match self.cipher.decrypt(&comment.text, &self.bound()) {
            Ok(Node::Comment(decrypted)) => *comment = decrypted,
            Ok(Node::Text(text)) => {
                // A value in a comment's place counts as a value.
                self.hash.update(&*text);
                comment.text = text;
            }
            Ok(_) => return Err(self.error("a comment decrypts to something else")),
            Err(_) => {}
        }
        Ok(())
    }

    fn is_encrypted(&self, is_comment: bool) -> bool {
        self.rule.encrypts(Place {
            path: &self.path,
            comments: &self.comments,
            is_comment,
        })
    }

    /// What a value here is bound to: SOPS takes the keys, but no position in a list.
    fn bound(&self) -> String {
        self.path.join(":") + ":"
    }

    fn forget(&mut self) {
        if let Some(level) = self.comments.last_mut() {
            level.clear();
        }
    }

    fn error(&self, reason: &str) -> Error {
        Error::Value {
            path: self.path.join("."),
            reason: reason.to_owned(),
        }
    }
}
