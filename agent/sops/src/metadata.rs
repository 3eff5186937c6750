//! The `sops` block: keys, rule, MAC.

use crate::cipher::flag;
use crate::error::Error;
use crate::keys::MasterKey;
use crate::rules::{Rule, Written};
use crate::tree::{Branch, Entry, Node};

/// What a `sops` block says.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// Each group holds a part of the data key, or all of it when there is one group.
    pub(crate) groups: Vec<Vec<MasterKey>>,
    /// How many groups it takes.
    pub(crate) threshold: usize,
    pub(crate) rule: Rule,
    pub(crate) mac: String,
    pub(crate) mac_only_encrypted: bool,
    /// RFC 3339, whole seconds: what the MAC is bound to.
    pub(crate) last_modified: String,
}

/// The lists of keys that SOPS knows, and the field that names a key in each.
const REMOTE_KEYS: [(&str, &str); 5] = [
    ("kms", "arn"),
    ("gcp_kms", "resource_id"),
    ("hckms", "key_id"),
    ("azure_kv", "vault_url"),
    ("hc_vault", "vault_address"),
];

// === impl Metadata ===

impl Metadata {
    pub(crate) fn read(branch: &Branch) -> Result<Self, Error> {
        let fields = Fields(branch);
        let rule = Rule::new(Written {
            unencrypted_suffix: fields.text("unencrypted_suffix"),
            encrypted_suffix: fields.text("encrypted_suffix"),
            unencrypted_regex: fields.text("unencrypted_regex"),
            encrypted_regex: fields.text("encrypted_regex"),
            unencrypted_comment_regex: fields.text("unencrypted_comment_regex"),
            encrypted_comment_regex: fields.text("encrypted_comment_regex"),
        })?;
        let only_encrypted = fields.text("mac_only_encrypted");
        Ok(Self {
            groups: groups(fields)?,
            threshold: fields.text("shamir_threshold").parse().unwrap_or_default(),
            rule,
            mac: fields.text("mac"),
            mac_only_encrypted: flag(&only_encrypted).unwrap_or_default(),
            last_modified: whole_seconds(&fields.text("lastmodified"))?,
        })
    }
}

fn groups(fields: Fields<'_>) -> Result<Vec<Vec<MasterKey>>, Error> {
    let single = group(fields);
    if !single.is_empty() {
        return Ok(vec![single]);
    }
    let groups: Vec<_> = fields.maps("key_groups").map(group).collect();
    if groups.is_empty() {
        return Err(Error::Metadata("no keys found in file".to_owned()));
    }
    Ok(groups)
}

/// The keys of one group, in the order in which they are tried: what needs no one else first.
fn group(fields: Fields<'_>) -> Vec<MasterKey> {
    let age = fields.maps("age").map(|key| MasterKey::Age {
        recipient: key.text("recipient"),
        encrypted: key.text("enc"),
    });
    let pgp = fields.maps("pgp").map(|key| MasterKey::Pgp {
        fingerprint: key.text("fp"),
        encrypted: key.text("enc"),
    });
    let remote = REMOTE_KEYS.into_iter().flat_map(|(kind, name)| {
        fields.maps(kind).map(move |key| MasterKey::Remote {
            kind,
            name: key.text(name),
        })
    });
    age.chain(pgp).chain(remote).collect()
}

/// A time as Go reads and writes it in RFC 3339: without fractions, `Z` for no offset.
fn whole_seconds(text: &str) -> Result<String, Error> {
    let broken = || Error::Metadata(format!("lastmodified is no time of RFC 3339: {text:?}"));
    text.parse::<jiff::Timestamp>().map_err(|_| broken())?;
    let (date, time) = text.split_once('T').ok_or_else(broken)?;
    let at = time.find(['Z', '+', '-']).ok_or_else(broken)?;
    let (clock, offset) = time.split_at(at);
    let seconds = clock.split('.').next().unwrap_or_default();
    let offset = if offset == "+00:00" { "Z" } else { offset };
    Ok(format!("{date}T{seconds}{offset}"))
}

/// A map of which the values may be of any type, as SOPS reads it: flat formats know only text.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a Branch);

// === impl Fields ===

impl<'a> Fields<'a> {
    fn get(self, wanted: &str) -> Option<&'a Node> {
        self.0.iter().find_map(|entry| match entry {
            Entry::Pair(key, node) if key == wanted => Some(node),
            _ => None,
        })
    }

    fn text(self, key: &str) -> String {
        let bytes = self.get(key).and_then(Node::digested);
        bytes.map_or_else(String::new, |bytes| {
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    fn maps(self, key: &str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        let nodes = match self.get(key) {
            Some(Node::List(nodes)) => nodes.as_slice(),
            _ => &[],
        };
        nodes.iter().filter_map(|node| match node {
            Node::Map(branch) => Some(Fields(branch)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_normalised_as_go_does() {
        for (text, expected) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05-07:00", "2026-01-02T03:04:05-07:00"),
        ] {
            assert_eq!(whole_seconds(text).unwrap(), expected);
        }
        assert!(whole_seconds("yesterday").is_err());
        assert!(whole_seconds("").is_err());
    }
}
