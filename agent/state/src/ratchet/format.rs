//! One generation as bytes: a header line with format and checksum, then JSON.
//!
//! ```text
//! windlass-ratchet 1 sha256:<hex of everything after this line>
//! {"number":7,"lines":[{"source":…,"url":…,"selector":…,"head":…,"introduction":…,"counter":3}]}
//! ```
//! A later format may add keys to the JSON (this one ignores them); one that this code would misread gets another
//! number, and this code then refuses it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use windlass_trust::{Oid, Ratchet};

use crate::line::Line;

/// The format that is written, and the newest that is read.
pub(super) const VERSION: u64 = 1;

const MAGIC: &str = "windlass-ratchet";

/// All lines at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) number: u64,
    /// Why an earlier file was lost: a line that is not here may have stood somewhere.
    pub(super) lost: Option<String>,
    pub(super) lines: BTreeMap<Line, Ratchet>,
}

/// Why bytes are no generation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Damage {
    #[error("it does not begin as a ratchet")]
    Header,
    #[error("its format {version} is a newer one")]
    Newer { version: u64 },
    #[error("its checksum does not fit its content")]
    Checksum,
    #[error("its content is not what its format says: {0}")]
    Content(String),
}

#[derive(Serialize, Deserialize)]
struct Body {
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<String>,
    lines: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    line: Line,
    head: Oid,
    introduction: Oid,
    counter: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    spent: Vec<Oid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<Oid>,
}

// === impl Generation ===

impl Generation {
    /// The later one of two.
    pub(super) fn newer(self, other: Generation) -> Generation {
        if other.number > self.number {
            other
        } else {
            self
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let rows = self.lines.iter().map(|(line, ratchet)| Row {
            line: line.clone(),
            head: ratchet.head,
            introduction: ratchet.introduction,
            counter: ratchet.counter,
            version: ratchet.version.clone(),
            spent: ratchet.spent.clone(),
            left: ratchet.left.clone(),
        });
        let body = Body {
            number: self.number,
            lost: self.lost.clone(),
            lines: rows.collect(),
        };
        let body = serde_json::to_vec(&body).expect("strings and numbers are always JSON");
        let mut bytes = format!("{MAGIC} {VERSION} {}\n", checksum(&body)).into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Generation, Damage> {
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(Damage::Header)?;
        let (header, body) = bytes.split_at_checked(end + 1).ok_or(Damage::Header)?;
        let header = std::str::from_utf8(header)
            .map_err(|_| Damage::Header)?
            .trim_end();
        let mut words = header.split(' ');
        if words.next() != Some(MAGIC) {
            return Err(Damage::Header);
        }
        let version: u64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or(Damage::Header)?;
        if version > VERSION {
            return Err(Damage::Newer { version });
        }
        if words.next() != Some(checksum(body).as_str()) {
            return Err(Damage::Checksum);
        }
        let body: Body =
            serde_json::from_slice(body).map_err(|error| Damage::Content(error.to_string()))?;
        let lines = body.lines.into_iter().map(|row| {
            let Row {
                line,
                head,
                introduction,
                counter,
                version,
                spent,
                left,
            } = row;
            (
                line,
                Ratchet {
                    head,
                    introduction,
                    counter,
                    version,
                    spent,
                    left,
                },
            )
        });
        Ok(Generation {
            number: body.number,
            lost: body.lost,
            lines: lines.collect(),
        })
    }
}

fn checksum(body: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
