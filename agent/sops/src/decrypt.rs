//! From bytes or a built object to plaintext.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cipher::{self, Cipher};
use crate::error::Error;
use crate::format::Format;
use crate::keys::{KeyService, MasterKey};
use crate::metadata::Metadata;
use crate::plain::Plain;
use crate::shamir;
use crate::store;
use crate::tree::{Branch, Entry, Node};
use crate::walk;

/// The largest document that is decrypted, in bytes: the limit of kustomize-controller.
pub const MAXIMUM_SIZE: usize = 5 << 20;

/// The field of an object or document that holds everything about its encryption.
const METADATA: &str = "sops";

/// Decrypts documents with the keys of one service, which is asked once per data key.
pub struct Decryptor<'k> {
    keys: &'k dyn KeyService,
    /// Data keys by the digest of what they were opened from.
    opened: RefCell<HashMap<[u8; 32], Plain>>,
}

/// What a document says in the clear.
#[derive(Debug)]
pub struct Decrypted {
    /// The document in the wanted format.
    pub plain: Plain,
    /// Whether it is all that was encrypted.
    pub integrity: Integrity,
}

/// What the message authentication code (MAC) of a document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing was added, removed, moved or changed since it was encrypted.
    Intact,
    /// It was changed by hand: values in the clear, or what values there are.
    Changed,
    /// It has no MAC.
    Unsigned,
}

/// Whether an object is encrypted: it has a `sops` block with a MAC.
#[must_use]
pub fn is_encrypted(object: &Value) -> bool {
    let mac = object.get(METADATA).and_then(|block| block.get("mac"));
    mac.is_some_and(|mac| !mac.is_null() && mac.as_str() != Some(""))
}

/// A loaded document and the key to it.
struct Opened {
    branches: Vec<Branch>,
    metadata: Metadata,
    cipher: Cipher,
}

// === impl Decryptor ===

impl<'k> Decryptor<'k> {
    /// A decryptor that knows no data key yet.
    #[must_use]
    pub fn new(keys: &'k dyn KeyService) -> Self {
        Self {
            keys,
            opened: RefCell::default(),
        }
    }

    /// Decrypts a document of one format into one of the same or another format.
    ///
    /// # Errors
    /// It is too large or unreadable, no key opens it, a value was tampered with, or the plaintext
    /// has no form in the wanted format.
    pub fn decrypt(&self, bytes: &[u8], input: Format, output: Format) -> Result<Decrypted, Error> {
        let mut opened = self.open(bytes, input)?;
        let integrity = opened.decrypt()?;
        let plain = store::write(&opened.branches, output).map_err(|reason| Error::Unwritable {
            format: output,
            reason,
        })?;
        Ok(Decrypted { plain, integrity })
    }

    /// Tells whether a document is all that was encrypted, without writing it.
    ///
    /// # Errors
    /// As [`Decryptor::decrypt`].
    pub fn integrity(&self, bytes: &[u8], format: Format) -> Result<Integrity, Error> {
        self.open(bytes, format)?.decrypt()
    }

    /// Decrypts an object that was built from encrypted files, and drops its `sops` block. Its MAC
    /// says nothing: a build adds fields and orders them anew.
    ///
    /// # Errors
    /// No key opens it, or a value was tampered with.
    pub fn decrypt_object(&self, object: Value) -> Result<Value, Error> {
        let Node::Map(branch) = store::json::from_value(object) else {
            return Err(Error::NoMetadata {
                format: Format::Json,
            });
        };
        let mut opened = self.unlock(vec![branch], Format::Json, Nesting::Kept)?;
        if opened.metadata.rule.needs_comments() {
            let message = "encrypted_comment_regex and unencrypted_comment_regex cannot be used \
                for objects, because a build keeps no comments; use encrypted_regex";
            return Err(Error::Metadata(message.to_owned()));
        }
        opened.decrypt()?;
        let branch = opened.branches.pop().unwrap_or_default();
        Ok(store::json::into_value(Node::Map(branch)))
    }

    fn open(&self, bytes: &[u8], format: Format) -> Result<Opened, Error> {
        if bytes.len() > MAXIMUM_SIZE {
            return Err(Error::TooLarge {
                size: bytes.len(),
                limit: MAXIMUM_SIZE,
            });
        }
        let branches =
            store::read(bytes, format).map_err(|reason| Error::Unreadable { format, reason })?;
        let nesting = match format {
            Format::Dotenv => Nesting::Flat,
            Format::Ini => Nesting::FlatBelow,
            Format::Binary | Format::Json | Format::Yaml => Nesting::Kept,
        };
        self.unlock(branches, format, nesting)
    }

    fn unlock(
        &self,
        mut branches: Vec<Branch>,
        format: Format,
        nesting: Nesting,
    ) -> Result<Opened, Error> {
        let block = nesting.extract(&mut branches);
        let block = block.map_err(|reason| Error::Unreadable { format, reason })?;
        let metadata = Metadata::read(&block.ok_or(Error::NoMetadata { format })?)?;
        let key = self.data_key(&metadata)?;
        let wrong = || Error::NoKey("the data key does not have 32 bytes".to_owned());
        Ok(Opened {
            branches,
            cipher: Cipher::new(&key).ok_or_else(wrong)?,
            metadata,
        })
    }

    fn data_key(&self, metadata: &Metadata) -> Result<Plain, Error> {
        let name = digest(metadata);
        if let Some(key) = self.opened.borrow().get(&name) {
            return Ok(key.clone());
        }
        let mut parts = Vec::new();
        let mut failures = Vec::new();
        for group in &metadata.groups {
            match self.part(group) {
                Ok(part) => parts.push(part),
                Err(failure) => failures.push(failure),
            }
        }
        let failed = |wanted: usize| {
            let (opened, all) = (parts.len(), metadata.groups.len());
            let groups =
                format!("{opened} of {all} key groups could be opened, {wanted} are needed");
            Error::NoKey(format!("{groups}: {}", failures.join("; ")))
        };
        let key = match (metadata.groups.len(), parts.as_slice()) {
            (1, [whole]) => whole.clone(),
            (1, _) => return Err(Error::NoKey(failures.join("; "))),
            // A threshold that is not written means that all groups are needed.
            (all, parts) => {
                let wanted = if metadata.threshold == 0 {
                    all
                } else {
                    metadata.threshold
                };
                if parts.len() < wanted.max(2) {
                    return Err(failed(wanted.max(2)));
                }
                shamir::combine(parts)?
            }
        };
        self.opened.borrow_mut().insert(name, key.clone());
        Ok(key)
    }

    /// The part of the data key that a group holds: any of its keys gives it.
    fn part(&self, group: &[MasterKey]) -> Result<Plain, String> {
        let mut failures = Vec::new();
        for key in group {
            match self.keys.open(key) {
                Ok(part) => return Ok(part),
                Err(error) => failures.push(format!("{key}: {error}")),
            }
        }
        Err(failures.join(", "))
    }
}

impl fmt::Debug for Decryptor<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Decryptor")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

// === impl Opened ===

impl Opened {
    fn decrypt(&mut self) -> Result<Integrity, Error> {
        let metadata = &self.metadata;
        let (rule, only) = (&metadata.rule, metadata.mac_only_encrypted);
        let computed = walk::decrypt(&mut self.branches, rule, only, &self.cipher)?;
        if metadata.mac.is_empty() {
            return Ok(Integrity::Unsigned);
        }
        let written = self
            .cipher
            .decrypt(metadata.mac.as_bytes(), &metadata.last_modified);
        Ok(match written {
            Ok(Node::Text(written)) if written[..] == *computed.as_bytes() => Integrity::Intact,
            _ => Integrity::Changed,
        })
    }
}

/// Where a format keeps its `sops` block.
#[derive(Clone, Copy)]
enum Nesting {
    /// In one key, nested.
    Kept,
    /// In one key, flat.
    FlatBelow,
    /// In keys that begin with `sops_`, flat.
    Flat,
}

// === impl Nesting ===

impl Nesting {
    /// Takes the block out of all branches and gives that of the first.
    fn extract(self, branches: &mut [Branch]) -> Result<Option<Branch>, String> {
        let mut block = None;
        for (index, branch) in branches.iter_mut().enumerate() {
            let taken = match self {
                Self::Flat if index > 0 => None,
                Self::Flat => take_prefixed(branch),
                Self::Kept | Self::FlatBelow => take_block(branch)?,
            };
            if index == 0 {
                block = taken;
            }
        }
        match self {
            Self::Kept => Ok(block),
            Self::FlatBelow => block
                .map(with_line_breaks)
                .map(crate::flatten::unflatten)
                .transpose(),
            Self::Flat => block.map(crate::flatten::unflatten).transpose(),
        }
    }
}

fn take_block(branch: &mut Branch) -> Result<Option<Branch>, String> {
    let is_block = |entry: &Entry| matches!(entry, Entry::Pair(key, _) if key == METADATA);
    let blocks: Vec<Entry> = branch.extract_if(.., |entry| is_block(entry)).collect();
    if blocks.len() > 1 {
        return Err(format!("{METADATA} is there twice"));
    }
    match blocks.into_iter().next() {
        None => Ok(None),
        Some(Entry::Pair(_, Node::Map(block))) => Ok(Some(block)),
        Some(_) => Err(format!("{METADATA} is no map")),
    }
}

fn take_prefixed(branch: &mut Branch) -> Option<Branch> {
    let mut block = Vec::new();
    branch.retain(|entry| match entry {
        Entry::Pair(key, value) => match key.strip_prefix("sops_") {
            Some(rest) => {
                block.push(Entry::Pair(rest.to_owned(), value.clone()));
                false
            }
            None => true,
        },
        Entry::Comment(_) => true,
    });
    (!block.is_empty()).then_some(block)
}

/// INI escapes line breaks of the block once more.
fn with_line_breaks(block: Branch) -> Branch {
    let entries = block.into_iter().map(|entry| match entry {
        Entry::Pair(key, Node::Text(text)) => {
            let text = String::from_utf8_lossy(&text).replace("\\n", "\n");
            Entry::Pair(key, Node::text(text))
        }
        other => other,
    });
    entries.collect()
}

fn digest(metadata: &Metadata) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(metadata.threshold.to_le_bytes());
    for group in &metadata.groups {
        hash.update(group.len().to_le_bytes());
        for key in group {
            let text = match key {
                MasterKey::Age { encrypted, .. } | MasterKey::Pgp { encrypted, .. } => encrypted,
                MasterKey::Remote { name, .. } => name,
            };
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
    }
    hash.finalize().into()
}

/// Whether a value of an object that says nothing of SOPS is a ciphertext all the same.
#[must_use]
pub fn is_ciphertext(value: &str) -> bool {
    value.starts_with(cipher::PREFIX)
}
