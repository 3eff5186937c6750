//! Provider, `notification.toolkit.fluxcd.io/v1beta3` (notification-controller, `provider_types.go`).

use std::time::Duration;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::meta::LocalReference;
use crate::text;

/// How long sending may take where the Provider does not say it.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// Where notifications are sent to. It has no status, as in Flux: what goes wrong is an event of the Alert.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "notification.toolkit.fluxcd.io",
    version = "v1beta3",
    kind = "Provider",
    plural = "providers",
    namespaced,
    category = "all",
    category = "fluxcd",
    category = "fluxcd-notifications",
    derive = "PartialEq",
    doc = "A place that notifications are sent to.",
    printcolumn = r#"{ "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" }"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "message": "spec.commitStatusExpr is only supported for the 'github', 'gitlab', 'gitea', 'bitbucketserver', 'bitbucket', 'azuredevops' provider types",
    "rule": "self.type == 'github' || self.type == 'gitlab' || self.type == 'gitea' || self.type == 'bitbucketserver' || self.type == 'bitbucket' || self.type == 'azuredevops' || !has(self.commitStatusExpr)"
}]))]
pub struct ProviderSpec {
    /// URL that notifications are sent to.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 2048))]
    pub address: Option<String>,
    /// Secret with ca.crt, and tls.crt and tls.key for TLS in which both sides prove who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalReference>,
    /// Name of the channel, room, topic or environment at the service.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 2048))]
    pub channel: Option<String>,
    /// CEL expression over event, alert and provider that gives the identifier of a commit status.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub commit_status_expr: Option<String>,
    /// Has no effect; kept for objects of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub interval: Option<GoDuration>,
    /// URL of a proxy. Use proxySecretRef instead.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 2048), regex(pattern = r"^(http|https)://.*$"))]
    pub proxy: Option<String>,
    /// Secret with the address, username and password of a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalReference>,
    /// Secret with the credentials for the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
    /// Service account that stands for this Provider at a cloud provider.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub service_account_name: Option<String>,
    /// Whether nothing is sent for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// How long sending one notification may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"))]
    pub timeout: Option<GoDuration>,
    /// Kind of the service.
    #[serde(rename = "type")]
    pub type_: ProviderType,
    /// Name under which notifications are posted.
    #[serde(
        default,
        deserialize_with = "text::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 2048))]
    pub username: Option<String>,
}

macro_rules! provider_types {
    ($($(#[doc = $text:literal])+ $name:ident = $value:literal,)+) => {
        /// Kinds of services.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum ProviderType {
            $($(#[doc = $text])+ #[serde(rename = $value)] $name,)+
        }

        impl ProviderType {
            /// Every one of them.
            pub const ALL: &[ProviderType] = &[$(ProviderType::$name),+];

            /// The value of `spec.type`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(ProviderType::$name => $value,)+
                }
            }
        }
    };
}

provider_types! {
    /// A webhook that takes Flux's own JSON.
    Generic = "generic",
    /// The same, signed with a key that both sides know.
    GenericHmac = "generic-hmac",
    /// Slack, and what speaks like it.
    Slack = "slack",
    /// Discord.
    Discord = "discord",
    /// Microsoft Teams.
    MsTeams = "msteams",
    /// Rocket.Chat.
    Rocket = "rocket",
    /// Commit statuses of GitHub.
    GitHub = "github",
    /// Commit statuses of GitLab.
    GitLab = "gitlab",
    /// Commit statuses of Gitea and Forgejo.
    Gitea = "gitea",
    /// Comments on pull requests of Gitea and Forgejo.
    GiteaPullRequestComment = "giteapullrequestcomment",
    /// Build statuses of Bitbucket Server and Data Center.
    BitbucketServer = "bitbucketserver",
    /// Build statuses of Bitbucket Cloud.
    Bitbucket = "bitbucket",
    /// Commit statuses of Azure DevOps.
    AzureDevOps = "azuredevops",
    /// Google Chat.
    GoogleChat = "googlechat",
    /// Google Pub/Sub.
    GooglePubSub = "googlepubsub",
    /// Webex.
    Webex = "webex",
    /// Sentry.
    Sentry = "sentry",
    /// Azure Event Hubs.
    AzureEventHub = "azureeventhub",
    /// Telegram.
    Telegram = "telegram",
    /// Lark.
    Lark = "lark",
    /// Matrix.
    Matrix = "matrix",
    /// Opsgenie.
    Opsgenie = "opsgenie",
    /// Prometheus' Alertmanager.
    Alertmanager = "alertmanager",
    /// Annotations of Grafana.
    Grafana = "grafana",
    /// Repository dispatch events of GitHub.
    GitHubDispatch = "githubdispatch",
    /// Comments on pull requests of GitHub.
    GitHubPullRequestComment = "githubpullrequestcomment",
    /// Comments on merge requests of GitLab.
    GitLabMergeRequestComment = "gitlabmergerequestcomment",
    /// PagerDuty.
    PagerDuty = "pagerduty",
    /// Datadog.
    Datadog = "datadog",
    /// NATS.
    Nats = "nats",
    /// Zulip.
    Zulip = "zulip",
    /// Traces over OpenTelemetry.
    Otel = "otel",
}

impl ProviderSpec {
    /// How long sending one notification may take.
    #[must_use]
    pub fn effective_timeout(&self) -> Duration {
        self.timeout.map_or(DEFAULT_TIMEOUT, Duration::from)
    }
}
