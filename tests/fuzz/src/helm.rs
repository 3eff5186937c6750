//! Releases in Secrets, which anyone who may write Secrets in a namespace can write.

use windlass_helm::{Record, config_digest, snapshot_digest};

/// A release's JSON: what is read is written again and reads as the same.
pub(crate) fn record(bytes: &[u8]) {
    let Ok(record) = Record::from_json(bytes) else {
        return;
    };
    let again = Record::from_json(&record.to_json());
    assert_eq!(
        again.as_ref(),
        Ok(&record),
        "a record was written otherwise than read"
    );
    assert_eq!(snapshot_digest(&record, "").len(), "sha256:".len() + 64);
    assert_eq!(config_digest(&record.config).len(), "sha256:".len() + 64);
}
