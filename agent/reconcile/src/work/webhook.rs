//! A webhook that gives no answer: which it is, what it waits for, and the way out when it blocks its own repair.

use serde_json::Value;
use windlass_cluster::{Cluster, Detail, RequestError, Resource, Scope};
use windlass_object::{GroupVersionKind, Object, ObjectKey};

use super::error::StageError;
use crate::named::Named;

const GROUP: &str = "admissionregistration.k8s.io";

/// A webhook that the API server could not ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silent {
    /// Its name; what converts between versions has none.
    name: Option<String>,
    pub(crate) asked: Asked,
}

/// How a webhook is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    /// Through this Service.
    Through(Named),
    /// At a URL of its own, of which no watch tells whether it answers.
    AtUrl,
}

/// Reads the API server's words for a webhook that it could not ask.
pub(crate) fn silent(message: &str) -> Option<Silent> {
    let (_, after) = message
        .split_once("failed calling webhook ")
        .map(|(before, after)| (before, (true, after)))
        .or_else(|| {
            let (before, after) = message.split_once("conversion webhook for ")?;
            Some((before, (false, after)))
        })?;
    let (named, after) = after;
    let name = after
        .strip_prefix('"')
        .and_then(|text| text.split('"').next());
    let host = after.split_once("Post \"https://").and_then(|(_, url)| {
        let end = url.find(['/', ':', '"'])?;
        url.get(..end)
    });
    let service = host.and_then(|host| {
        let (name, namespace) = host.strip_suffix(".svc")?.split_once('.')?;
        Some(Named::new(namespace, name))
    });
    Some(Silent {
        name: name.filter(|_| named).map(str::to_owned),
        asked: service.map_or(Asked::AtUrl, Asked::Through),
    })
}

/// Says whose webhook it is that gives no answer, and what helps; `held` is what the owner of the objects has in its
/// inventory.
pub(crate) async fn explain(target: &Cluster, held: &[ObjectKey], error: StageError) -> StageError {
    let Some(silent) = silent(&error.message) else {
        return error;
    };
    let configuration = match &silent.name {
        Some(name) => configuration(target, name).await,
        None => Ok(None),
    };
    let configuration = match configuration {
        Ok(configuration) => configuration,
        Err(unread) => {
            tracing::debug!(error = %unread, "whose webhook it is cannot be read");
            None
        }
    };
    let words = words(&silent, configuration.as_ref(), held);
    StageError {
        message: format!("{}; {words}", error.message),
        ..error
    }
}

fn words(silent: &Silent, configuration: Option<&ObjectKey>, held: &[ObjectKey]) -> String {
    let of = configuration.map_or(String::new(), |it| format!(" of {it}"));
    let Asked::Through(service) = &silent.asked else {
        return format!("the webhook{of} is asked at a URL of its own, which gives no good answer");
    };
    let through = format!("the webhook{of} answers through Service {service}");
    let its_service = ObjectKey {
        group: String::new(),
        kind: "Service".to_owned(),
        namespace: service.namespace.clone(),
        name: service.name.clone(),
    };
    let Some(configuration) = configuration.filter(|_| held.contains(&its_service)) else {
        return format!("{through}; tried again when its endpoints or its caBundle change");
    };
    let back = if held.contains(configuration) {
        "this Kustomization makes it again"
    } else {
        "whoever made it has to make it again"
    };
    format!(
        "{through}, which this same Kustomization brings: it blocks its own repair. Way out: kubectl delete \
         {}s.{GROUP} {}; {back}",
        configuration.kind.to_ascii_lowercase(),
        configuration.name
    )
}

/// The configuration that holds the webhook of that name.
async fn configuration(target: &Cluster, webhook: &str) -> Result<Option<ObjectKey>, RequestError> {
    for kind in configurations() {
        let found = target.list(&kind, &Scope::all(), Detail::Object).await?;
        if let Some(found) = found.iter().find(|found| holds(found, webhook)) {
            return Ok(Some(found.key()));
        }
    }
    Ok(None)
}

fn holds(configuration: &Object, webhook: &str) -> bool {
    let webhooks = configuration.pointer("/webhooks").and_then(Value::as_array);
    let mut webhooks = webhooks.into_iter().flatten();
    webhooks.any(|one| one.get("name").and_then(Value::as_str) == Some(webhook))
}

/// Both kinds that put webhooks in front of requests.
pub(crate) fn configurations() -> [Resource; 2] {
    let kind = |kind: &str| Resource {
        gvk: GroupVersionKind::new(&format!("{GROUP}/v1"), kind),
        plural: format!("{}s", kind.to_ascii_lowercase()),
        namespaced: false,
        watchable: true,
        has_status: false,
    };
    [
        kind("ValidatingWebhookConfiguration"),
        kind("MutatingWebhookConfiguration"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
        let group = if kind == "Service" { "" } else { GROUP };
        ObjectKey {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_words_of_the_api_server_are_read() {
        let service = |name: Option<&str>| Silent {
            name: name.map(str::to_owned),
            asked: Asked::Through(Named::new("policy", "gate")),
        };
        let cases = [
            (
                "Internal error occurred: failed calling webhook \"check.example.org\": failed to call webhook: \
                 Post \"https://gate.policy.svc:443/validate?timeout=10s\": no endpoints available for service \"gate\"",
                Some(service(Some("check.example.org"))),
            ),
            (
                "conversion webhook for example.org/v1, Kind=Thing failed: Post \
                 \"https://gate.policy.svc/convert?timeout=30s\": x509: certificate signed by unknown authority",
                Some(service(None)),
            ),
            (
                "failed calling webhook \"u.example.org\": failed to call webhook: Post \
                 \"https://127.0.0.1:1/validate?timeout=1s\": connect: connection refused",
                Some(Silent {
                    name: Some("u.example.org".to_owned()),
                    asked: Asked::AtUrl,
                }),
            ),
            (
                "admission webhook \"check.example.org\" denied the request: no",
                None,
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(silent(message), expected, "{message}");
        }
    }

    #[test]
    fn a_webhook_that_blocks_its_own_repair_is_told_with_the_way_out() {
        let silent = Silent {
            name: Some("check".to_owned()),
            asked: Asked::Through(Named::new("policy", "gate")),
        };
        let configuration = key("ValidatingWebhookConfiguration", "", "gate");
        let apart = words(&silent, Some(&configuration), &[]);
        assert!(
            apart.ends_with("its endpoints or its caBundle change"),
            "{apart}"
        );
        let held = [key("Service", "policy", "gate")];
        let own = words(&silent, Some(&configuration), &held);
        assert!(
            own.contains("kubectl delete validatingwebhookconfigurations.admissionregistration.k8s.io gate; whoever"),
            "{own}"
        );
        let held = [held[0].clone(), configuration.clone()];
        let own = words(&silent, Some(&configuration), &held);
        assert!(own.ends_with("this Kustomization makes it again"), "{own}");
    }
}
