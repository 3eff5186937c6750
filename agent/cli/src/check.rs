//! `check`: the cluster, the CRDs, who leads, and what this person may do.

use serde_json::json;
use windlass_api::names;
use windlass_cluster::{ApplyOptions, Detail, ErrorClass, Resource, Scope};
use windlass_object::{GroupVersionKind, Object, Value};

use crate::error::CommandError;
use crate::facts::{list, text};
use crate::kind::Kind;
use crate::lease::lead;
use crate::screen::Screen;
use crate::session::{MANAGER, Session, now};
use crate::words::age;

/// The oldest Kubernetes that Flux 2.9 supports; older ones lack what the CRDs use.
const OLDEST: (u64, u64) = (1, 33);

/// The kinds whose CRDs must be there.
const KINDS: [Kind; 2] = [Kind::GitRepository, Kind::Kustomization];

/// Runs the command.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    pre: bool,
) -> Result<(), CommandError> {
    screen.action("checking prerequisites")?;
    let mut good = cluster_version(session, screen).await?;
    if pre {
        return conclude(screen, good, "prerequisites checks passed");
    }
    screen.action("checking crds")?;
    for kind in KINDS {
        good &= crd(session, screen, kind).await?;
    }
    screen.action("checking who leads")?;
    good &= leader(session, screen).await?;
    screen.action("checking what you may do")?;
    for kind in KINDS {
        good &= rights(session, screen, kind).await?;
    }
    conclude(screen, good, "all checks passed")
}

fn conclude(screen: &mut Screen<'_>, good: bool, text: &str) -> Result<(), CommandError> {
    if !good {
        return Err(CommandError::Check);
    }
    Ok(screen.success(text)?)
}

/// Prints one result and gives it.
fn mark(screen: &mut Screen<'_>, result: Result<String, String>) -> Result<bool, CommandError> {
    match result {
        Ok(text) => screen.success(&text)?,
        Err(text) => {
            screen.failure(&text)?;
            return Ok(false);
        }
    }
    Ok(true)
}

async fn cluster_version(session: &Session, screen: &mut Screen<'_>) -> Result<bool, CommandError> {
    let version = session.cluster.version().await?;
    mark(screen, judge_version(&version))
}

fn judge_version(version: &str) -> Result<String, String> {
    let (major, minor) = OLDEST;
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']);
    let mut number = || numbers.next()?.parse::<u64>().ok();
    match (number(), number()) {
        (Some(found_major), Some(found_minor)) if (found_major, found_minor) >= OLDEST => {
            Ok(format!("Kubernetes {version} >={major}.{minor}"))
        }
        (Some(_), Some(_)) => Err(format!(
            "Kubernetes {version} is older than {major}.{minor}: upgrade the cluster"
        )),
        _ => Err(format!(
            "Kubernetes version {version:?} cannot be understood"
        )),
    }
}

async fn crd(session: &Session, screen: &mut Screen<'_>, kind: Kind) -> Result<bool, CommandError> {
    let gvk = kind.gvk();
    let crds = GroupVersionKind::new("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    let crds = session.cluster.resolve(&crds).await?;
    let plural = match kind {
        Kind::Kustomization => "kustomizations",
        _ => "gitrepositories",
    };
    let name = format!("{plural}.{}", gvk.group);
    let found = session.cluster.get(&crds, "", &name).await?;
    mark(screen, judge_crd(&name, found.as_ref()))
}

/// A CRD must serve and store v1 and nothing older, and the API server must have accepted it.
fn judge_crd(name: &str, found: Option<&Object>) -> Result<String, String> {
    let Some(crd) = found else {
        return Err(format!(
            "{name} is missing: the agent installs it when it first leads"
        ));
    };
    if !crd
        .pointer("/metadata/deletionTimestamp")
        .is_none_or(Value::is_null)
    {
        return Err(format!(
            "{name} is being deleted: windlass keeps all workloads meanwhile"
        ));
    }
    let established = crate::facts::condition(crd, "Established");
    if established.is_none_or(|established| established.status != "True") {
        return Err(format!(
            "{name} is not accepted by the API server yet: try again"
        ));
    }
    let stored: Vec<&str> = list(crd, "/status/storedVersions")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let serves = list(crd, "/spec/versions").iter().any(|version| {
        version.get("name").and_then(Value::as_str) == Some("v1")
            && version.get("served").and_then(Value::as_bool) == Some(true)
    });
    if !serves {
        return Err(format!(
            "{name} does not serve v1: the agent replaces it when it leads"
        ));
    }
    match stored.as_slice() {
        ["v1"] => Ok(format!("{name}/v1")),
        stored => Err(format!(
            "{name} has objects stored as {}: the agent rewrites them when it leads",
            stored.join(", ")
        )),
    }
}

async fn leader(session: &Session, screen: &mut Screen<'_>) -> Result<bool, CommandError> {
    let now = now().timestamp();
    let result = match lead(session).await? {
        None => Err(
            "no node has ever led: start the agent on a node (systemctl start windlass) \
                     and see its log"
                .to_owned(),
        ),
        Some(lead) if lead.is_held(now) => {
            let renewed = lead.age(now).map(age).unwrap_or_default();
            Ok(format!("{} leads, renewed {renewed} ago", lead.node))
        }
        Some(lead) => {
            let since = lead.age(now).map(age).unwrap_or_default();
            Err(format!(
                "no node leads for {since}, last {:?}: see `systemctl status windlass` there",
                lead.node
            ))
        }
    };
    mark(screen, result)
}

/// Asks for the rights by using them: a list, and a dry run of the change the commands make.
async fn rights(
    session: &Session,
    screen: &mut Screen<'_>,
    kind: Kind,
) -> Result<bool, CommandError> {
    let resource = match session.resource(kind).await {
        Ok(resource) => resource,
        // Said already, where the CRD was looked for.
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let scope = Scope::in_namespace(&session.namespace);
    let listed = session
        .cluster
        .list(&resource, &scope, Detail::Metadata)
        .await;
    let result = match listed {
        Ok(objects) => change_right(session, &resource, objects.first()).await,
        Err(error) if error.class() == ErrorClass::Forbidden => Err(error.message),
        Err(error) => return Err(error.into()),
    };
    let namespace = &session.namespace;
    let result = result.map(|right| format!("{right} {} in {namespace}", resource.plural));
    mark(screen, result)
}

async fn change_right(
    session: &Session,
    resource: &Resource,
    some: Option<&Object>,
) -> Result<&'static str, String> {
    let Some(some) = some else { return Ok("list") };
    let desired = Object::from_value(json!({
        "apiVersion": resource.gvk.api_version(),
        "kind": resource.gvk.kind,
        "metadata": {
            "name": some.name(),
            "namespace": some.namespace(),
            "annotations": { names::REQUESTED_AT: text(some, "/metadata/resourceVersion") },
        },
    }));
    let Ok(desired) = desired else {
        return Ok("list");
    };
    let options = ApplyOptions {
        manager: MANAGER,
        force: true,
    };
    match session
        .cluster
        .apply_dry_run(resource, &desired, &options)
        .await
    {
        Err(error) if error.class() == ErrorClass::Forbidden => Err(format!(
            "{} (get works; reconcile, suspend and resume do not)",
            error.message
        )),
        // Any other answer, also a refusal of the content, came after the rights were found good.
        _ => Ok("list and change"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_kubernetes_is_held_against_the_oldest() {
        assert_eq!(
            judge_version("v1.37.2"),
            Ok("Kubernetes v1.37.2 >=1.33".to_owned())
        );
        assert!(judge_version("v1.33.0+k3s1").is_ok() && judge_version("v2.0.0").is_ok());
        assert!(
            judge_version("v1.32.9")
                .unwrap_err()
                .contains("older than 1.33")
        );
        assert!(
            judge_version("dev")
                .unwrap_err()
                .contains("cannot be understood")
        );
    }

    #[test]
    fn a_crd_is_good_when_it_serves_and_stores_only_v1() {
        let crd = |stored: Value, served: bool, established: &str, deleted: Value| {
            Object::from_value(json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": { "name": "x", "deletionTimestamp": deleted },
                "spec": { "versions": [{ "name": "v1", "served": served }] },
                "status": {
                    "storedVersions": stored,
                    "conditions": [{ "type": "Established", "status": established }],
                },
            }))
            .unwrap()
        };
        let check = |crd: Object| judge_crd("x", Some(&crd));
        let null = Value::Null;
        assert_eq!(
            check(crd(json!(["v1"]), true, "True", null.clone())),
            Ok("x/v1".to_owned())
        );
        let old = check(crd(json!(["v1beta2", "v1"]), true, "True", null.clone()));
        assert!(old.unwrap_err().contains("stored as v1beta2, v1"));
        assert!(check(crd(json!(["v1"]), false, "True", null.clone())).is_err());
        assert!(check(crd(json!(["v1"]), true, "False", null)).is_err());
        let deleted = check(crd(
            json!(["v1"]),
            true,
            "True",
            json!("2026-01-01T00:00:00Z"),
        ));
        assert!(deleted.unwrap_err().contains("being deleted"));
        assert!(judge_crd("x", None).unwrap_err().contains("missing"));
    }
}
