//! The fence of decision 5: before a batch of writes the leader writes its epoch into the object it works for.
//!
//! A Lease is no lock: a leader that slept past its term may wake and go on. Its next fence carries the
//! resourceVersion it knows, and the new leader's own fence has moved that, so it fails here.

use serde_json::{Value, json};
use windlass_api::reasons;
use windlass_cluster::{
    Authority, Cluster, EpochFloor, ErrorClass, Leadership, PatchOptions, Resource,
};

use super::error::{Class, StageError};
use crate::named::Named;
use crate::ours;
use crate::seen::Meta;

/// How often a conflict caused by somebody else's annotation is read again before the pass gives up.
const CONFLICT_LIMIT: usize = 5;

/// The write position of one object in this term of leadership.
#[derive(Debug)]
pub(crate) struct Fence<'a> {
    cluster: &'a Cluster,
    leadership: &'a Leadership,
    floor: &'a EpochFloor,
    resource: &'a Resource,
    name: Named,
    resource_version: String,
}

impl<'a> Fence<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        (leadership, floor): (&'a Leadership, &'a EpochFloor),
        resource: &'a Resource,
        meta: &Meta,
    ) -> Self {
        Fence {
            cluster,
            leadership,
            floor,
            resource,
            name: meta.name.clone(),
            resource_version: meta.resource_version.clone(),
        }
    }

    /// Takes the resourceVersion of an answer to one of our own writes of the object.
    pub(crate) fn moved_to(&mut self, resource_version: &str) {
        resource_version.clone_into(&mut self.resource_version);
    }

    /// The resourceVersion of the last write.
    pub(crate) fn resource_version(&self) -> &str {
        &self.resource_version
    }

    /// Makes the conditional write. An error of class `NotLeading` means another leader has been here.
    pub(crate) async fn raise(&mut self) -> Result<(), StageError> {
        for _ in 0..CONFLICT_LIMIT {
            let epoch = self.leadership.epoch();
            let body = json!({"metadata": {
                "resourceVersion": self.resource_version,
                "annotations": {(ours::EPOCH): epoch.to_string()},
            }});
            let options = PatchOptions {
                subresource: None,
                manager: ours::MANAGER,
            };
            let authority = Authority::Leader(self.leadership);
            let (namespace, name) = (&self.name.namespace, &self.name.name);
            let answer = self
                .cluster
                .patch_merge(authority, self.resource, namespace, name, &body, &options)
                .await;
            match answer {
                Ok(object) => {
                    self.moved_to(object.resource_version().unwrap_or_default());
                    return Ok(());
                }
                Err(error) if error.class() == ErrorClass::Conflict => self.read_again().await?,
                Err(error) if error.class() == ErrorClass::NotFound => {
                    return Err(StageError::gone());
                }
                Err(error) => {
                    return Err(StageError::request(reasons::RECONCILIATION_FAILED, &error));
                }
            }
        }
        Err(StageError::retry(
            reasons::RECONCILIATION_FAILED,
            format!(
                "{} is changed faster than its epoch can be written; trying again",
                self.name
            ),
        ))
    }

    async fn read_again(&mut self) -> Result<(), StageError> {
        let live = self
            .cluster
            .get(self.resource, &self.name.namespace, &self.name.name)
            .await
            .map_err(|error| StageError::request(reasons::RECONCILIATION_FAILED, &error))?
            .ok_or_else(StageError::gone)?;
        let epoch = epoch_of(live.as_value());
        if epoch > self.leadership.epoch() {
            // A Lease that was made anew begins behind: the next term starts above this.
            self.floor.raise(epoch);
            return Err(StageError {
                reason: reasons::RECONCILIATION_FAILED,
                message: "another node leads".to_owned(),
                class: Class::NotLeading,
            });
        }
        self.moved_to(live.resource_version().unwrap_or_default());
        Ok(())
    }
}

fn epoch_of(object: &Value) -> u64 {
    let annotations = object.pointer("/metadata/annotations");
    let epoch = annotations
        .and_then(|map| map.get(ours::EPOCH))
        .and_then(Value::as_str);
    epoch.and_then(|text| text.parse().ok()).unwrap_or(0)
}
