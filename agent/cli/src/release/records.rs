//! The revisions of a release that the cluster keeps.

use std::collections::BTreeMap;

use windlass_api::names;
use windlass_cluster::{Detail, Scope};
use windlass_helm::{Record, Status, secret_name};
use windlass_object::GroupVersionKind;
use windlass_release::Owner;

use crate::error::CommandError;
use crate::session::Session;

/// The revisions, by their number.
#[derive(Debug, Default)]
pub(super) struct History(BTreeMap<i64, Record>);

/// Reads the Secrets that Helm keeps them in.
pub(super) async fn load(session: &Session, owner: &Owner<'_>) -> Result<History, CommandError> {
    let kind = GroupVersionKind::new("v1", "Secret");
    let secrets = session.cluster.resolve(&kind).await?;
    let release = owner.release_name();
    let scope = Scope {
        namespace: owner.storage_namespace().to_owned(),
        label_selector: format!("{},name={release}", names::HELM_RECORDS),
        ..Scope::default()
    };
    let found = session
        .cluster
        .list(&secrets, &scope, Detail::Object)
        .await?;
    let mut history = BTreeMap::new();
    for secret in found {
        let record = Record::from_secret(secret.as_value()).map_err(|error| {
            let (namespace, name) = (owner.storage_namespace(), secret.name());
            CommandError::Build(format!("Secret {namespace}/{name}: {error}"))
        })?;
        if secret.name() == secret_name(&release, record.version) {
            history.insert(record.version, record);
        }
    }
    Ok(History(history))
}

// === impl History ===

impl History {
    /// The number of the next revision.
    pub(super) fn next_version(&self) -> i64 {
        let last = self.0.last_key_value();
        last.map_or(1, |(version, _)| version.saturating_add(1))
    }

    fn before_version(&self) -> Option<i64> {
        let (newest, last) = self.0.last_key_value()?;
        match last.status() {
            Status::Uninstalled => None,
            Status::Deployed => Some(*newest),
            _ => {
                let mut revisions = self.0.iter().rev();
                let deployed = revisions.find(|(_, one)| one.status() == Status::Deployed);
                Some(deployed.map_or(*newest, |(version, _)| *version))
            }
        }
    }

    /// The revision that the next one takes the place of: the deployed one, or else the newest; none where the release
    /// was uninstalled.
    pub(super) fn before(&self) -> Option<&Record> {
        self.0.get(&self.before_version()?)
    }

    /// As [`History::before`], without the others.
    pub(super) fn into_before(mut self) -> Option<Record> {
        let version = self.before_version()?;
        self.0.remove(&version)
    }
}
