//! A `windlass.policy` on its way to the next version: changed where it has to be, remarks and all else as they were.

use std::fs;
use std::io;
use std::path::PathBuf;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};
use windlass_trust::{Charter, Oid, POLICY_FILE, Revocation, Signers, policy_file};

use super::super::clone::LocalClone;
use super::super::error::TrustError;
use super::super::revision;
use super::super::signing_key::Public;
use super::{may_follow, read};

/// The file in the working tree, before it is written again.
pub(crate) struct Draft {
    path: PathBuf,
    document: DocumentMut,
    committed: Option<Vec<u8>>,
}

/// Somebody to let in.
pub(crate) struct NewPrincipal<'a> {
    pub(crate) name: &'a str,
    pub(crate) public: &'a Public,
    pub(crate) paths: &'a [String],
    pub(crate) bumps: bool,
}

const PRINCIPALS: &str = "principal";
const REVOKED: &str = "revoked";

// === impl Draft ===

impl Draft {
    /// Takes the file of the working tree, or begins one; what is committed at HEAD is what it has to follow.
    pub(crate) fn open(clone: &LocalClone) -> Result<Self, TrustError> {
        let path = clone.work_dir().join(POLICY_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(TrustError::Read { path, source }),
        };
        Self::of(clone, path, &text)
    }

    /// Takes a text that is to become the file.
    pub(crate) fn of(clone: &LocalClone, path: PathBuf, text: &str) -> Result<Self, TrustError> {
        let document = text.parse().map_err(|error| TrustError::Wanted {
            what: format!("{POLICY_FILE}: {error}"),
            next: "correct it; docs/policy.md has every field".to_owned(),
        })?;
        let head: Oid = revision::commit(clone, "HEAD")?;
        Ok(Self {
            path,
            document,
            committed: policy_file(clone, &head)?,
        })
    }

    /// Lets somebody in, or gives somebody who is in another key.
    pub(crate) fn add(&mut self, new: &NewPrincipal<'_>) -> Result<(), TrustError> {
        let key = match new.public {
            Public::Ssh(key) => format!("{key} {}", new.name),
            Public::OpenPgp(certificate) => format!("\n{}", certificate.trim_start()),
        };
        let tables = tables(&mut self.document, PRINCIPALS)?;
        if let Some(known) = tables.iter_mut().find(|table| names(table, new.name)) {
            if !new.paths.is_empty() || new.bumps {
                return Err(TrustError::Wanted {
                    what: format!("{} stands in {POLICY_FILE} already, and a key is all that is added", new.name),
                    next: "leave --paths and --role away, or change them with `windlass trust policy edit`".to_owned(),
                });
            }
            keys_of(known)?.push(key);
            return Ok(());
        }
        let mut table = Table::new();
        table.insert("name", value(new.name));
        if new.bumps {
            table.insert("role", value("bump"));
        }
        if !new.paths.is_empty() {
            table.insert("paths", value(new.paths.iter().collect::<Array>()));
        }
        table.insert("keys", value(Array::from_iter([key])));
        tables.push(table);
        Ok(())
    }

    /// Takes a principal out, or one of its keys by the fingerprint; says what is gone.
    pub(crate) fn retire(&mut self, who: &str) -> Result<String, TrustError> {
        let tables = tables(&mut self.document, PRINCIPALS)?;
        let named = tables.iter().position(|table| names(table, who));
        if let Some(at) = named {
            tables.remove(at);
            return Ok(who.to_owned());
        }
        let mut found = None;
        for (number, table) in tables.iter_mut().enumerate() {
            let keys = keys_of(table)?;
            let is_it = |key: &str| fingerprints(key).iter().any(|print| print == who);
            let at = keys.iter().position(|key| key.as_str().is_some_and(is_it));
            if let Some(at) = at {
                keys.remove(at);
                found = Some((number, keys.is_empty()));
                break;
            }
        }
        match found {
            None => Err(unknown(who)),
            Some((number, is_last)) => {
                if is_last {
                    tables.remove(number);
                }
                Ok(format!("the key {who}"))
            }
        }
    }

    /// Revokes a key by its fingerprint, or every key of a principal; gives the fingerprints.
    pub(crate) fn revoke(
        &mut self,
        who: &str,
        how: Revocation,
        reason: &str,
    ) -> Result<Vec<String>, TrustError> {
        let tables_of_people = tables(&mut self.document, PRINCIPALS)?;
        let keys: Vec<String> = match tables_of_people.iter_mut().find(|table| names(table, who)) {
            Some(table) => {
                let keys = keys_of(table)?;
                let keys = keys.iter().filter_map(|key| key.as_str());
                keys.flat_map(fingerprints).collect()
            }
            None if is_fingerprint(who) => vec![who.to_owned()],
            None => return Err(unknown(who)),
        };
        let revoked = tables(&mut self.document, REVOKED)?;
        for key in &keys {
            let how = match how {
                Revocation::Soft => "soft",
                Revocation::Hard => "hard",
            };
            let mut entry = Table::new();
            entry.insert("key", value(key));
            entry.insert("as", value(how));
            if !reason.is_empty() {
                entry.insert("reason", value(reason));
            }
            let is_it = |table: &Table| table.get("key").and_then(Item::as_str) == Some(key);
            let known = revoked.iter().position(is_it);
            match known.and_then(|at| revoked.get_mut(at)) {
                Some(known) => *known = entry,
                None => revoked.push(entry),
            }
        }
        Ok(keys)
    }

    /// Raises the version above the committed one where it is not, and says what the file is now.
    ///
    /// # Errors
    /// It could not follow the committed one.
    pub(crate) fn finish(mut self) -> Result<Finished, TrustError> {
        let before = self.committed.as_deref().map(Charter::parse);
        let before = before.and_then(Result::ok);
        let floor = before.as_ref().map_or(0, Charter::version);
        let version = self.document.get("version").and_then(Item::as_integer);
        let version = version.and_then(|version| u64::try_from(version).ok());
        if version.is_none_or(|version| version <= floor) {
            let next = i64::try_from(floor.saturating_add(1)).unwrap_or(i64::MAX);
            self.set_version(next);
        }
        let text = self.document.to_string();
        let charter = read(text.as_bytes())?;
        if let Some(before) = &before {
            may_follow(&charter, before, "the file", "the committed one")?;
        }
        Ok(Finished {
            path: self.path,
            text,
            charter,
        })
    }

    fn set_version(&mut self, version: i64) {
        match self
            .document
            .get_mut("version")
            .and_then(Item::as_value_mut)
        {
            Some(known) => {
                let decor = known.decor().clone();
                *known = version.into();
                *known.decor_mut() = decor;
            }
            None => {
                self.document.insert("version", value(version));
            }
        }
    }
}

/// A file that may take the place of the committed one.
pub(crate) struct Finished {
    path: PathBuf,
    pub(crate) text: String,
    pub(crate) charter: Charter,
}

// === impl Finished ===

impl Finished {
    /// Writes it into the working tree.
    pub(crate) fn write(&self) -> Result<(), TrustError> {
        fs::write(&self.path, &self.text).map_err(|source| {
            let path = self.path.clone();
            TrustError::Write { path, source }
        })
    }
}

fn tables<'d>(
    document: &'d mut DocumentMut,
    name: &str,
) -> Result<&'d mut ArrayOfTables, TrustError> {
    let item = document
        .entry(name)
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut()
        .ok_or_else(|| written_otherwise(&format!("{name} is not written as [[{name}]]")))
}

fn keys_of(table: &mut Table) -> Result<&mut Array, TrustError> {
    let keys = table.get_mut("keys").and_then(Item::as_array_mut);
    keys.ok_or_else(|| written_otherwise("a principal has no list of keys"))
}

fn names(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_str) == Some(name)
}

/// The fingerprints of one entry of `keys`; none where it cannot be read.
fn fingerprints(key: &str) -> Vec<String> {
    let key = key.trim();
    let file = match key.starts_with("-----BEGIN ") {
        true => key.to_owned(),
        false => format!("x {key}"),
    };
    let signers = Signers::parse([("key", file.as_bytes())]).unwrap_or_default();
    signers.keys().into_iter().map(|key| key.key).collect()
}

fn is_fingerprint(who: &str) -> bool {
    let is_hex = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    who.starts_with("SHA256:") || (who.len() >= 40 && is_hex(who))
}

fn written_otherwise(what: &str) -> TrustError {
    TrustError::Wanted {
        what: format!("{POLICY_FILE}: {what}"),
        next: "change it with `windlass trust policy edit`; docs/policy.md shows how it is written"
            .to_owned(),
    }
}

fn unknown(who: &str) -> TrustError {
    TrustError::Wanted {
        what: format!("{who} is neither a name nor a key's fingerprint in {POLICY_FILE}"),
        next: "`windlass trust policy show` prints both".to_owned(),
    }
}
