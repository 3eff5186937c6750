//! Bodies that have to be what their service sends.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Refused, refused};

/// Docker Hub, "Webhooks": what was pushed.
pub(super) fn docker_hub(body: &[u8]) -> Result<String, Refused> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Pushed {
        tag: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Repository {
        repo_url: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        push_data: Pushed,
        repository: Repository,
    }
    let payload: Payload = first(body, "Docker Hub")?;
    Ok(told(
        "Docker Hub",
        payload.repository.repo_url,
        payload.push_data.tag,
    ))
}

/// Quay, "Repository Push" notification.
pub(super) fn quay(body: &[u8]) -> Result<String, Refused> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        docker_url: Option<String>,
        updated_tags: Option<Vec<String>>,
    }
    let payload: Payload = first(body, "Quay")?;
    let tags = payload.updated_tags.map(|tags| tags.join(", "));
    Ok(told("Quay", payload.docker_url, tags))
}

/// Azure Container Registry webhook schema.
pub(super) fn acr(body: &[u8]) -> Result<String, Refused> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Target {
        repository: Option<String>,
        tag: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        #[serde(rename = "action")]
        _action: Option<String>,
        target: Target,
    }
    let payload: Payload = first(body, "ACR")?;
    Ok(told("ACR", payload.target.repository, payload.target.tag))
}

/// Nexus, repository webhooks.
pub(super) fn nexus(body: &[u8]) -> Result<String, Refused> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        #[serde(rename = "action")]
        _action: Option<String>,
        #[serde(rename = "repositoryName")]
        repository_name: Option<String>,
    }
    let payload: Payload = first(body, "Nexus")?;
    Ok(told("Nexus", payload.repository_name, None))
}

/// A CDEvent (CDEvents specification 0.4, "Context" and "Subject"): what every event has, and a type that is one.
pub(super) fn cd_event(body: &[u8]) -> Result<(), Refused> {
    let event: Map<String, Value> = first(body, "CDEvents")?;
    let text = |part: &str, field: &str| -> Result<String, Refused> {
        let part = event.get(part).and_then(Value::as_object);
        let value = part
            .and_then(|part| part.get(field))
            .and_then(Value::as_str);
        match value.filter(|value| !value.is_empty()) {
            Some(value) => Ok(value.to_owned()),
            None => refused(&format!("the CDEvent has no {field}")),
        }
    };
    for field in ["version", "id", "source", "timestamp"] {
        text("context", field)?;
    }
    text("subject", "id")?;
    let type_ = text("context", "type")?;
    // dev.cdevents.<subject>.<predicate>.<version>
    let words: Vec<&str> = type_.splitn(5, '.').collect();
    let is_type = matches!(
        words.as_slice(),
        ["dev", "cdevents", subject, predicate, version]
            if !subject.is_empty() && !predicate.is_empty() && is_version(version)
    );
    if is_type {
        Ok(())
    } else {
        refused(&format!("{type_:?} is no type of a CDEvent"))
    }
}

/// Three numbers, and perhaps more behind a dash.
fn is_version(text: &str) -> bool {
    let numbers = text.split('-').next().unwrap_or_default();
    let mut parts = numbers.split('.');
    parts.clone().count() == 3
        && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The first value in the body, as Go's decoder reads it.
fn first<Payload: DeserializeOwned>(body: &[u8], service: &str) -> Result<Payload, Refused> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter();
    match values.next() {
        Some(Ok(payload)) => Ok(payload),
        Some(Err(error)) => refused(&format!("the body is none of {service}: {error}")),
        None => refused(&format!("the body is none of {service}: it is empty")),
    }
}

fn told(service: &str, from: Option<String>, tag: Option<String>) -> String {
    let from = from.unwrap_or_default();
    let tag = tag.filter(|tag| !tag.is_empty());
    let tag = tag.map(|tag| format!(" for {tag:?}")).unwrap_or_default();
    format!("{service} event from {from:?}{tag}")
}
