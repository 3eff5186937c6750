//! Receiver, `notification.toolkit.fluxcd.io/v1` (notification-controller, `receiver_types.go`).

use std::collections::BTreeMap;
use std::time::Duration;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::meta::{Condition, LocalReference};
use crate::{text, tolerant};

/// How the path of every webhook begins.
pub const PATH_PREFIX: &str = "/hook/";

/// How often the Secret is read where the Receiver does not say it.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(600);

/// Webhooks of a service, and the objects that one of them makes look for news.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "notification.toolkit.fluxcd.io",
    version = "v1",
    kind = "Receiver",
    plural = "receivers",
    namespaced,
    status = "ReceiverStatus",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-notifications",
    derive = "PartialEq",
    doc = "Webhooks that objects are reconciled at.",
    printcolumn = r#"{ "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" }"#,
    printcolumn = r#"{ "name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status" }"#,
    printcolumn = r#"{ "name": "Status", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].message" }"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "message": "generic-oidc receivers must define at least one oidcProvider",
        "rule": "self.type != 'generic-oidc' || (has(self.oidcProviders) && size(self.oidcProviders) > 0)"
    },
    {
        "message": "oidcProviders can only be set when type is generic-oidc",
        "rule": "self.type == 'generic-oidc' || !has(self.oidcProviders) || size(self.oidcProviders) == 0"
    },
    {
        "message": "secretRef cannot be set when type is generic-oidc",
        "rule": "self.type != 'generic-oidc' || !has(self.secretRef)"
    },
    {
        "message": "secretRef is required when type is not generic-oidc",
        "rule": "self.type == 'generic-oidc' || has(self.secretRef)"
    }
]))]
pub struct ReceiverSpec {
    /// Events of the service that count, such as push; any when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// How often the Secret is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"),
        extend("default" = "10m")
    )]
    pub interval: Option<GoDuration>,
    /// Who hands out the tokens that a request of generic-oidc is proved by.
    #[serde(
        rename = "oidcProviders",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend(
        "x-kubernetes-list-map-keys" = ["issuerURL"],
        "x-kubernetes-list-type" = "map"
    ))]
    pub oidc_providers: Vec<OidcProvider>,
    /// CEL expression over res (the object's metadata), req (the body) and claims (of generic-oidc) that says whether
    /// an object is meant.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub resource_filter: Option<String>,
    /// Objects that are reconciled when a webhook comes.
    pub resources: Vec<ReceiverResource>,
    /// Secret with the token, and for gcr also email and audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
    /// Whether webhooks are refused for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Kind of the service.
    #[serde(rename = "type")]
    pub type_: ReceiverType,
}

/// Objects that are reconciled when a webhook comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverResource {
    /// Group and version of the objects.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub api_version: Option<String>,
    /// CEL expression like resourceFilter, for these objects; both have to hold.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub filter: Option<String>,
    /// Kind of the objects.
    #[schemars(extend("enum" = [
        "Bucket", "GitRepository", "Kustomization", "HelmRelease", "HelmChart", "HelmRepository", "ImageRepository",
        "ImagePolicy", "ImageUpdateAutomation", "OCIRepository", "ArtifactGenerator", "ExternalArtifact"
    ]))]
    pub kind: String,
    /// Labels that the objects must have; only where the name is *.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Name of the object, or * for all of the kind with these labels.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the objects; that of the Receiver when not set.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(min = 1, max = 253))]
    pub namespace: Option<String>,
}

/// Somebody who hands out tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcProvider {
    /// Whom the token has to be for; notification-controller when not set.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub audience: Option<String>,
    /// URL of who hands the tokens out, as in their claim iss.
    #[serde(rename = "issuerURL")]
    #[schemars(regex(pattern = r"^https?://"))]
    pub issuer_url: String,
    /// What has to hold of a token.
    #[schemars(length(min = 1))]
    pub validations: Vec<OidcValidation>,
    /// Values that the validations share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<OidcVariable>,
}

/// What has to hold of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OidcValidation {
    /// CEL expression over claims and vars.
    pub expression: String,
    /// What is answered when it does not hold.
    pub message: String,
}

/// A value that validations share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OidcVariable {
    /// CEL expression over claims and the vars before it.
    pub expression: String,
    /// Its name: an identifier of CEL.
    pub name: String,
}

macro_rules! receiver_types {
    ($($(#[doc = $text:literal])+ $name:ident = $value:literal,)+) => {
        /// Kinds of services.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum ReceiverType {
            $($(#[doc = $text])+ #[serde(rename = $value)] $name,)+
        }

        impl ReceiverType {
            /// Every one of them.
            pub const ALL: &[ReceiverType] = &[$(ReceiverType::$name),+];

            /// The value of `spec.type`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(ReceiverType::$name => $value,)+
                }
            }
        }
    };
}

receiver_types! {
    /// Whoever knows the path.
    Generic = "generic",
    /// Whoever signs the body with the token.
    GenericHmac = "generic-hmac",
    /// Whoever has a token of one of the providers.
    GenericOidc = "generic-oidc",
    /// GitHub, and what speaks like it (Gitea, Forgejo).
    GitHub = "github",
    /// GitLab.
    GitLab = "gitlab",
    /// Bitbucket Server and Data Center.
    Bitbucket = "bitbucket",
    /// Harbor.
    Harbor = "harbor",
    /// Docker Hub.
    DockerHub = "dockerhub",
    /// Quay.
    Quay = "quay",
    /// Google's registries, over Pub/Sub.
    Gcr = "gcr",
    /// Sonatype Nexus.
    Nexus = "nexus",
    /// Azure's registry.
    Acr = "acr",
    /// Whoever tells of CDEvents.
    CdEvents = "cdevents",
}

/// What is known about the Receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct ReceiverStatus {
    /// Statements about the object; Ready is always there.
    #[serde(
        default,
        deserialize_with = "tolerant::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub conditions: Vec<Condition>,
    /// The last value of the annotation reconcile.fluxcd.io/requestedAt that was acted on.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_handled_reconcile_at: Option<String>,
    /// The last metadata.generation that was reconciled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Path of the webhook: /hook/ and the SHA-256 of token, name and namespace.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub webhook_path: Option<String>,
}

impl ReceiverSpec {
    /// How often the Secret is read.
    #[must_use]
    pub fn effective_interval(&self) -> Duration {
        self.interval.map_or(DEFAULT_INTERVAL, Into::into)
    }
}
