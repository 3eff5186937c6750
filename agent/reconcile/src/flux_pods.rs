//! Pods of Flux that no Lease holds back: with one of them running, two would lead (decision 2).

use serde_json::Value;
use windlass_api::names;
use windlass_cluster::{Cluster, Detail, RequestError, Resource, Scope};
use windlass_object::{GroupVersionKind, Object};

/// The controllers whose work windlass does; the others may go on beside it.
const CONTROLLERS: [&str; 4] = [
    names::SOURCE_CONTROLLER,
    names::KUSTOMIZE_CONTROLLER,
    names::HELM_CONTROLLER,
    names::NOTIFICATION_CONTROLLER,
];
/// Without this flag a controller asks for no Lease (Flux's manifests always set it).
const ELECTION: &str = "--enable-leader-election";
/// A shard leads under a Lease of another name.
const SHARD: &str = "--watch-label-selector";

/// Names the pods, as `namespace/name`, that windlass must not work beside.
///
/// # Errors
/// The pods cannot be listed.
pub(crate) async fn unheld(cluster: &Cluster) -> Result<Vec<String>, RequestError> {
    let scope = Scope {
        label_selector: format!("{}=flux", names::PART_OF),
        ..Scope::default()
    };
    let pods = cluster.list(&pods(), &scope, Detail::Object).await?;
    let found = pods.iter().filter(|pod| is_unheld(pod));
    Ok(found
        .map(|pod| format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name()))
        .collect())
}

fn pods() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("v1", "Pod"),
        plural: "pods".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: true,
    }
}

fn is_unheld(pod: &Object) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    let ended = matches!(phase, Some("Succeeded" | "Failed"));
    let controller = pod
        .label("app")
        .is_some_and(|app| CONTROLLERS.contains(&app));
    controller && !ended && !is_held_by_leases(pod)
}

fn is_held_by_leases(pod: &Object) -> bool {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let arguments = containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.get("args")?.as_array())
        .flatten()
        .filter_map(Value::as_str);
    let elects =
        |argument: &str| argument == ELECTION || argument == "--enable-leader-election=true";
    let all: Vec<&str> = arguments.collect();
    all.iter().any(|argument| elects(argument))
        && !all.iter().any(|argument| argument.starts_with(SHARD))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unheld(app: &str, phase: &str, arguments: &[&str]) -> bool {
        is_unheld(
            &Object::from_value(json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "a", "namespace": "flux-system", "labels": {"app": app}},
                "spec": {"containers": [{"name": "manager", "args": arguments}]},
                "status": {"phase": phase}}))
            .unwrap(),
        )
    }

    #[test]
    fn only_a_running_controller_of_ours_without_election_or_with_a_shard_is_in_the_way() {
        let elects = ["--enable-leader-election", "--log-level=info"];
        assert!(!unheld("source-controller", "Running", &elects));
        assert!(unheld(
            "source-controller",
            "Running",
            &["--log-level=info"]
        ));
        assert!(unheld("kustomize-controller", "Pending", &[]));
        let shard = ["--enable-leader-election", "--watch-label-selector=a=b"];
        assert!(unheld("kustomize-controller", "Running", &shard));
        assert!(!unheld("kustomize-controller", "Succeeded", &[]));
        assert!(unheld("helm-controller", "Running", &[]));
        assert!(unheld("notification-controller", "Running", &shard));
        assert!(!unheld("image-reflector-controller", "Running", &[]));
    }
}
