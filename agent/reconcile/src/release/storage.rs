//! The Secrets that hold the revisions of a release, as Helm keeps them.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_api::names;
use windlass_api::reasons;
use windlass_cluster::{
    Authority, Cluster, Detail, ErrorClass, PatchOptions, Preconditions, Propagation, Resource,
    Scope,
};
use windlass_helm::{Record, RecordError, Status, secret_name};
use windlass_object::{GroupVersionKind, Object};

use super::pass::Pass;
use crate::work::error::StageError;

/// What the API server takes as the data of a Secret (`MaxSecretSize`).
const SECRET_BYTES: usize = 1 << 20;

/// The revisions of a release.
#[derive(Debug)]
pub(super) struct Storage {
    namespace: String,
    release: String,
    secrets: Resource,
    /// By their number.
    kept: BTreeMap<i64, Revision>,
}

#[derive(Debug)]
struct Revision {
    resource_version: String,
    record: Result<Record, RecordError>,
}

/// What a pass left of a release in the storage, for whoever is told of changes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) namespace: String,
    pub(crate) release: String,
    /// The resourceVersions of the Secrets, by the number of the revision.
    pub(crate) versions: BTreeMap<i64, String>,
}

/// The number of the revision that a Secret holds, by its name.
pub(crate) fn version_in(secret: &str, release: &str) -> Option<i64> {
    let version = secret.strip_prefix(&secret_name(release, 0).replace(".v0", ".v"))?;
    version.parse().ok()
}

// === impl Storage ===

impl Storage {
    /// Reads all revisions.
    pub(super) async fn load(
        client: &Cluster,
        namespace: &str,
        release: &str,
    ) -> Result<Self, StageError> {
        let failed = |error| {
            let stage = StageError::request(reasons::STATE_ERROR, &error);
            StageError {
                message: format!("Could not determine release state: {}", stage.message),
                ..stage
            }
        };
        let kind = GroupVersionKind::new("v1", "Secret");
        let secrets = client.resolve(&kind).await.map_err(failed)?;
        let scope = Scope {
            namespace: namespace.to_owned(),
            label_selector: format!("{},name={release}", names::HELM_RECORDS),
            ..Scope::default()
        };
        let found = client
            .list(&secrets, &scope, Detail::Object)
            .await
            .map_err(failed)?;
        let kept = found.iter().filter_map(|secret| {
            let version = version_in(secret.name(), release)?;
            let kept = Revision {
                resource_version: secret.resource_version().unwrap_or_default().to_owned(),
                record: Record::from_secret(secret.as_value()),
            };
            Some((version, kept))
        });
        Ok(Self {
            namespace: namespace.to_owned(),
            release: release.to_owned(),
            kept: kept.collect(),
            secrets,
        })
    }

    /// What there is now.
    pub(super) fn left(&self) -> Kept {
        let versions = self.kept.iter();
        Kept {
            namespace: self.namespace.clone(),
            release: self.release.clone(),
            versions: versions
                .map(|(version, kept)| (*version, kept.resource_version.clone()))
                .collect(),
        }
    }

    /// The newest revision.
    ///
    /// # Errors
    /// It cannot be read: what stands in the cluster cannot be told.
    pub(super) fn last(&self) -> Result<Option<&Record>, StageError> {
        let Some((version, kept)) = self.kept.last_key_value() else {
            return Ok(None);
        };
        kept.record.as_ref().map(Some).map_err(|error| {
            let (namespace, name) = (&self.namespace, secret_name(&self.release, *version));
            let message = format!(
                "Could not determine release state: Secret {namespace}/{name}: {error}; restore it, or delete it to \
                 go on from the revision before"
            );
            StageError::retry(reasons::STATE_ERROR, message)
        })
    }

    /// A revision; none where it is not kept or cannot be read.
    pub(super) fn get(&self, version: i64) -> Option<&Record> {
        self.kept.get(&version)?.record.as_ref().ok()
    }

    /// Every revision that can be read, oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.kept
            .values()
            .filter_map(|kept| kept.record.as_ref().ok())
    }

    /// The newest revision that is deployed.
    pub(super) fn deployed(&self) -> Option<&Record> {
        self.all()
            .rev()
            .find(|record| record.status() == Status::Deployed)
    }

    /// Keeps a new revision; the oldest make room where there are as many as may be.
    pub(super) async fn create(&mut self, pass: &Pass, record: &Record) -> Result<(), StageError> {
        self.make_room(pass).await?;
        let secret = self.secret(record, None)?;
        let authority = Authority::Leader(&pass.leadership);
        let created = pass
            .client
            .create(authority, &self.secrets, &secret, names::HELM_CONTROLLER)
            .await
            .map_err(|error| failed(&secret, &error))?;
        self.note(record, &created);
        Ok(())
    }

    /// Keeps what became of a revision.
    pub(super) async fn update(&mut self, pass: &Pass, record: &Record) -> Result<(), StageError> {
        let known = self.kept.get(&record.version);
        let known = known.map(|kept| kept.resource_version.clone());
        let secret = self.secret(record, known)?;
        let authority = Authority::Leader(&pass.leadership);
        let options = PatchOptions {
            subresource: None,
            manager: names::HELM_CONTROLLER,
        };
        let replaced = pass
            .client
            .replace(authority, &self.secrets, &secret, &options)
            .await
            .map_err(|error| failed(&secret, &error))?;
        self.note(record, &replaced);
        Ok(())
    }

    /// Forgets a revision.
    pub(super) async fn delete(&mut self, pass: &Pass, version: i64) -> Result<(), StageError> {
        let name = secret_name(&self.release, version);
        let (authority, background) =
            (Authority::Leader(&pass.leadership), Propagation::Background);
        let any = Preconditions::default();
        let deleted = pass
            .client
            .delete(
                authority,
                &self.secrets,
                &self.namespace,
                &name,
                &any,
                background,
            )
            .await;
        match deleted {
            Err(error) if error.class() != ErrorClass::NotFound => {
                Err(StageError::request(reasons::RECONCILE_ERROR, &error))
            }
            _ => {
                self.kept.remove(&version);
                Ok(())
            }
        }
    }

    /// The number of the newest revision.
    pub(super) fn newest(&self) -> Option<i64> {
        self.kept.last_key_value().map(|(version, _)| *version)
    }

    /// Forgets all revisions.
    pub(super) async fn purge(&mut self, pass: &Pass) -> Result<(), StageError> {
        let versions: Vec<i64> = self.kept.keys().copied().collect();
        for version in versions {
            self.delete(pass, version).await?;
        }
        Ok(())
    }

    /// Deletes the oldest revisions, but not the one that is deployed.
    async fn make_room(&mut self, pass: &Pass) -> Result<(), StageError> {
        let Ok(most @ 1..) = usize::try_from(pass.spec.effective_max_history()) else {
            return Ok(());
        };
        let deployed = self.deployed().map(|record| record.version);
        let others = self.kept.keys().copied();
        let others = others.filter(|version| Some(*version) != deployed);
        let surplus = (self.kept.len() + 1).saturating_sub(most);
        let oldest: Vec<i64> = others.take(surplus).collect();
        for version in oldest {
            self.delete(pass, version).await?;
        }
        Ok(())
    }

    fn secret(&self, record: &Record, known: Option<String>) -> Result<Object, StageError> {
        let now = jiff::Timestamp::now();
        let mut secret = record.to_secret(&self.namespace, now, known.is_some());
        let metadata = secret.get_mut("metadata").and_then(Value::as_object_mut);
        if let (Some(version), Some(metadata)) = (known, metadata) {
            metadata.insert("resourceVersion".to_owned(), version.into());
        }
        let data = secret.pointer("/data/release").and_then(Value::as_str);
        // The data is base64 of what the API server counts.
        let bytes = data.map_or(0, |data| data.len() / 4 * 3);
        if bytes > SECRET_BYTES {
            let message = format!(
                "the record of the release takes {bytes} bytes and a Secret holds {SECRET_BYTES}; leave files out of \
                 the chart with .helmignore, or split it"
            );
            return Err(StageError::retry(reasons::RECONCILE_ERROR, message));
        }
        Object::from_value(secret)
            .map_err(|error| StageError::retry(reasons::RECONCILE_ERROR, error.to_string()))
    }

    fn note(&mut self, record: &Record, secret: &Object) {
        let kept = Revision {
            resource_version: secret.resource_version().unwrap_or_default().to_owned(),
            record: Ok(record.clone()),
        };
        self.kept.insert(record.version, kept);
    }
}

fn failed(secret: &Object, error: &windlass_cluster::RequestError) -> StageError {
    let stage = StageError::request(reasons::RECONCILE_ERROR, error);
    StageError {
        message: format!("{}: {}", secret.key(), stage.message),
        ..stage
    }
}
