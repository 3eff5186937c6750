//! From an object of the cluster to a typed one. One malformed object is one error, never more.

use serde::de::DeserializeOwned;
use thiserror::Error;
use windlass_object::{Object, Value};

use crate::alert::Alert;
use crate::bucket::Bucket;
use crate::git_repository::GitRepository;
use crate::helm_chart::HelmChart;
use crate::helm_release::HelmRelease;
use crate::helm_repository::HelmRepository;
use crate::kustomization::Kustomization;
use crate::names::{
    ALERT, BUCKET, GIT_REPOSITORY, HELM_CHART, HELM_GROUP, HELM_RELEASE, HELM_REPOSITORY,
    KUSTOMIZATION, KUSTOMIZE_GROUP, NOTIFICATION_API_VERSION, NOTIFICATION_GROUP, OCI_REPOSITORY,
    PROVIDER, RECEIVER, RECEIVER_API_VERSION, SOURCE_GROUP,
};
use crate::oci_repository::OciRepository;
use crate::provider::Provider;
use crate::receiver::Receiver;

/// Why an object could not be read.
#[derive(Debug, Error)]
pub enum ParseError {
    /// The object is of another kind.
    #[error("{found} is not a {expected}")]
    Kind {
        /// What was asked for.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A field is missing or of the wrong type.
    #[error("{object}: {field}: {message}; correct the field and apply the object again")]
    Field {
        /// Kind, namespace and name.
        object: String,
        /// Where in the object, as spec.dependsOn[0].name.
        field: String,
        /// What is wrong there.
        message: String,
    },
}

/// Reads a GitRepository of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn git_repository(object: &Object) -> Result<GitRepository, ParseError> {
    typed(
        object,
        SOURCE_GROUP,
        GIT_REPOSITORY,
        crate::names::SOURCE_API_VERSION,
    )
}

/// Reads a Kustomization of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn kustomization(object: &Object) -> Result<Kustomization, ParseError> {
    typed(
        object,
        KUSTOMIZE_GROUP,
        KUSTOMIZATION,
        crate::names::KUSTOMIZE_API_VERSION,
    )
}

/// Reads a HelmRelease of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn helm_release(object: &Object) -> Result<HelmRelease, ParseError> {
    typed(
        object,
        HELM_GROUP,
        HELM_RELEASE,
        crate::names::HELM_API_VERSION,
    )
}

/// Reads a HelmChart of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn helm_chart(object: &Object) -> Result<HelmChart, ParseError> {
    typed(
        object,
        SOURCE_GROUP,
        HELM_CHART,
        crate::names::SOURCE_API_VERSION,
    )
}

/// Reads a HelmRepository of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn helm_repository(object: &Object) -> Result<HelmRepository, ParseError> {
    typed(
        object,
        SOURCE_GROUP,
        HELM_REPOSITORY,
        crate::names::SOURCE_API_VERSION,
    )
}

/// Reads a Bucket of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn bucket(object: &Object) -> Result<Bucket, ParseError> {
    typed(
        object,
        SOURCE_GROUP,
        BUCKET,
        crate::names::SOURCE_API_VERSION,
    )
}

/// Reads an OCIRepository of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn oci_repository(object: &Object) -> Result<OciRepository, ParseError> {
    typed(
        object,
        SOURCE_GROUP,
        OCI_REPOSITORY,
        crate::names::SOURCE_API_VERSION,
    )
}

/// Reads an Alert of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn alert(object: &Object) -> Result<Alert, ParseError> {
    typed(object, NOTIFICATION_GROUP, ALERT, NOTIFICATION_API_VERSION)
}

/// Reads a Provider of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn provider(object: &Object) -> Result<Provider, ParseError> {
    typed(
        object,
        NOTIFICATION_GROUP,
        PROVIDER,
        NOTIFICATION_API_VERSION,
    )
}

/// Reads a Receiver of any version of its group (the fields are the same).
///
/// # Errors
/// When it is of another kind or a field is missing or of the wrong type.
pub fn receiver(object: &Object) -> Result<Receiver, ParseError> {
    typed(object, NOTIFICATION_GROUP, RECEIVER, RECEIVER_API_VERSION)
}

fn typed<T: DeserializeOwned>(
    object: &Object,
    group: &str,
    kind: &'static str,
    api_version: &str,
) -> Result<T, ParseError> {
    let found = object.gvk();
    if found.group != group || found.kind != kind {
        return Err(ParseError::Kind {
            expected: kind,
            found: found.to_string(),
        });
    }
    let mut value = object.as_value().clone();
    if let Some(field) = value.get_mut("apiVersion") {
        *field = Value::from(api_version);
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        // Large, and read by nobody from the typed object.
        metadata.remove("managedFields");
    }
    serde_path_to_error::deserialize(value).map_err(|error| ParseError::Field {
        object: object.key().to_string(),
        field: error.path().to_string(),
        message: error.inner().to_string(),
    })
}

#[cfg(test)]
mod tests;
