//! A ConfigMap that says how credentials are come by, in place of a kubeconfig.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::reasons;
use windlass_cluster::{Authority, Cluster, ServiceAccount};
use windlass_object::Object;

use super::{Connected, Place, Seeking, unusable};
use crate::ours;
use crate::work::error::StageError;
use crate::work::may_write;

/// Asked of the API server, which may give no less than ten minutes.
const GOOD_FOR: Duration = Duration::from_secs(3600);
/// A pass that waits for health must not outlive its token.
const RENEWED_AFTER: Duration = Duration::from_secs(1800);

/// Connects as a service account of this cluster, whose tokens the other one takes.
pub(super) async fn connect(
    seeking: Seeking<'_>,
    place: &Place,
    config: &Object,
) -> Result<Connected, StageError> {
    let field = |name: &str| {
        let data = config.pointer("/data").and_then(|data| data.get(name));
        let text = data.and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty())
    };
    check(place, field("provider"))?;
    let missing =
        |name: &str, what: &str| unusable(place, &format!("data.{name} is missing: {what}"));
    let address = field("address")
        .ok_or_else(|| missing("address", "the https:// URL of the other API server"))?;
    let account = field("serviceAccountName").ok_or_else(|| {
        missing(
            "serviceAccountName",
            "the agent runs on a node and has no account of its own to ask with",
        )
    })?;
    let account = ServiceAccount::new(seeking.namespace, account).map_err(|error| {
        unusable(
            place,
            &format!("data.serviceAccountName: {}", error.message),
        )
    })?;
    let audiences = field("audiences").unwrap_or(address);
    let audiences: Vec<String> = audiences
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    may_write(seeking.leadership, seeking.halted)?;
    let authority = Authority::Leader(seeking.leadership);
    let token = seeking
        .cluster
        .service_account_token(authority, &account, &audiences, GOOD_FOR)
        .await
        .map_err(|error| {
            let stage = StageError::request(reasons::RECONCILIATION_FAILED, &error);
            StageError {
                message: unusable(place, &stage.message).message,
                ..stage
            }
        })?;
    let (place_text, authority) = (place.to_string(), field("ca.crt"));
    let cluster = Cluster::from_token(address, authority, &token, &place_text, ours::USER_AGENT);
    Ok(Connected {
        cluster: cluster.map_err(|error| unusable(place, &error.to_string()))?,
        good_until: Some(Instant::now() + RENEWED_AFTER),
    })
}

fn check(place: &Place, provider: Option<&str>) -> Result<(), StageError> {
    let why = match provider {
        Some("generic") => return Ok(()),
        Some(cloud @ ("aws" | "azure" | "gcp")) => format!(
            "data.provider is {cloud}, which is not served by this version of windlass: it would ask a cloud \
             for credentials; use provider generic, or a Secret with a kubeconfig in secretRef"
        ),
        Some(other) => {
            format!("data.provider is {other:?}, which is none of aws, azure, gcp and generic")
        }
        None => "data.provider is missing: generic, or one of aws, azure and gcp".to_owned(),
    };
    Err(unusable(place, &why))
}
