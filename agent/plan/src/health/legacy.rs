//! Readiness as Helm 3 told it (`waitStrategy: legacy`; Helm's `pkg/kube/ready.go`): by the kind's own numbers, and
//! every kind that it does not know is ready once it is there.

use serde_json::Value;
use windlass_object::Object;

use super::{Health, conditions, in_progress, number, text};

/// Judges an object.
pub(super) fn assess(live: &Object) -> Health {
    let object = live.as_value();
    let gvk = live.gvk();
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => when(has(object, "Ready", "True"), "Pod is not Ready"),
        ("", "PersistentVolumeClaim") => {
            let bound = text(object, "/status/phase") == "Bound";
            when(bound, "PersistentVolumeClaim is not Bound")
        }
        ("", "Service") => service(object),
        ("batch", "Job") => job(object),
        ("apps", "Deployment") => deployment(object),
        ("apps", "DaemonSet") => daemon_set(object),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            let ready = status(object, "readyReplicas") >= replicas(object);
            when(is_observed(object) && ready, "Pods are not Ready")
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let known = has(object, "Established", "True") || has(object, "NamesAccepted", "False");
            when(known, "CustomResourceDefinition is not Established")
        }
        _ => Health::Current,
    }
}

fn when(ready: bool, otherwise: &str) -> Health {
    match ready {
        true => Health::Current,
        false => in_progress(otherwise),
    }
}

fn service(object: &Value) -> Health {
    let type_ = text(object, "/spec/type");
    if type_ == "ExternalName" {
        return Health::Current;
    }
    if text(object, "/spec/clusterIP").is_empty() {
        return in_progress("Service has no cluster IP");
    }
    let any = |pointer: &str| {
        let list = object.pointer(pointer).and_then(Value::as_array);
        list.is_some_and(|list| !list.is_empty())
    };
    let reachable = any("/spec/externalIPs") || any("/status/loadBalancer/ingress");
    when(
        type_ != "LoadBalancer" || reachable,
        "Service has no load balancer address",
    )
}

fn job(object: &Value) -> Health {
    if status(object, "failed") > number(object, "/spec/backoffLimit").unwrap_or(6) {
        return Health::Failed("Job has failed".to_owned());
    }
    let wanted = number(object, "/spec/completions").unwrap_or(0);
    when(
        status(object, "succeeded") >= wanted,
        "Job is not completed",
    )
}

/// Helm looks at the newest ReplicaSet. Its ready Pods are at least those that are ready beyond the older ones.
fn deployment(object: &Value) -> Health {
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Health::Current;
    }
    let wanted = replicas(object);
    let older = status(object, "replicas") - status(object, "updatedReplicas");
    let ready = status(object, "readyReplicas") - older.max(0);
    let rolling = text(object, "/spec/strategy/type") != "Recreate" && wanted > 0;
    let unavailable = match rolling {
        true => max_unavailable(object, "/spec/strategy/rollingUpdate", wanted, false),
        false => 0,
    };
    let updated = status(object, "updatedReplicas") > 0 || wanted == 0;
    when(
        is_observed(object) && updated && ready >= wanted - unavailable,
        "Deployment has not enough Pods that are Ready",
    )
}

fn daemon_set(object: &Value) -> Health {
    if !is_observed(object) {
        return in_progress("DaemonSet was not observed yet");
    }
    if !is_rolled(object) {
        return Health::Current;
    }
    let wanted = status(object, "desiredNumberScheduled");
    if status(object, "updatedNumberScheduled") != wanted {
        return in_progress("DaemonSet has not enough Pods scheduled");
    }
    let unavailable = max_unavailable(object, "/spec/updateStrategy/rollingUpdate", wanted, true);
    when(
        status(object, "numberReady") >= wanted - unavailable,
        "DaemonSet has not enough Pods that are Ready",
    )
}

fn stateful_set(object: &Value) -> Health {
    if !is_observed(object) {
        return in_progress("StatefulSet was not observed yet");
    }
    if !is_rolled(object) {
        return Health::Current;
    }
    let wanted = replicas(object);
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    if status(object, "updatedReplicas") < wanted - partition {
        return in_progress("StatefulSet has not enough Pods scheduled");
    }
    if status(object, "readyReplicas") != wanted {
        return in_progress("StatefulSet has not enough Pods that are Ready");
    }
    let revision = |name: &str| text(object, &format!("/status/{name}Revision")).to_owned();
    when(
        partition != 0 || revision("current") == revision("update"),
        "StatefulSet has Pods of an older revision",
    )
}

fn is_rolled(object: &Value) -> bool {
    text(object, "/spec/updateStrategy/type") == "RollingUpdate"
}

fn is_observed(object: &Value) -> bool {
    number(object, "/status/observedGeneration") == number(object, "/metadata/generation")
}

fn replicas(object: &Value) -> i64 {
    number(object, "/spec/replicas").unwrap_or(1)
}

fn status(object: &Value, name: &str) -> i64 {
    number(object, &format!("/status/{name}")).unwrap_or(0)
}

fn has(object: &Value, type_: &str, value: &str) -> bool {
    conditions(object).any(|found| found.type_() == type_ && found.status() == value)
}

/// How many Pods may be missing: a number, or a percentage of those wanted. Where neither surge nor absence is
/// allowed it is one, or no update could ever begin.
fn max_unavailable(object: &Value, strategy: &str, wanted: i64, round_up: bool) -> i64 {
    let scaled = |name: &str, round_up: bool| {
        let value = object.pointer(&format!("{strategy}/{name}"))?;
        if let Some(number) = value.as_i64() {
            return Some(number);
        }
        let percent: i64 = value.as_str()?.strip_suffix('%')?.parse().ok()?;
        let part = percent.saturating_mul(wanted);
        Some((part + if round_up { 99 } else { 0 }) / 100)
    };
    let unavailable = scaled("maxUnavailable", round_up).unwrap_or(0);
    let surge = scaled("maxSurge", true).unwrap_or(0);
    match (unavailable, surge) {
        (0, 0) if !round_up => 1.min(wanted),
        _ => unavailable.min(wanted),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn health(mut object: Value) -> &'static str {
        object["metadata"] = json!({"name": "a", "generation": 2});
        assess(&Object::from_value(object).unwrap()).as_str()
    }

    fn workload(kind: &str, spec: Value, mut status: Value) -> &'static str {
        if status.get("observedGeneration").is_none() {
            status["observedGeneration"] = json!(2);
        }
        health(json!({"apiVersion": "apps/v1", "kind": kind, "spec": spec, "status": status}))
    }

    #[test]
    fn what_helm_does_not_know_is_ready_once_it_is_there() {
        let failing = json!({"conditions": [{"type": "Ready", "status": "False"}]});
        let toy = json!({"apiVersion": "house.example/v1", "kind": "Toy", "status": failing});
        assert_eq!(health(toy), "Current");
    }

    #[test]
    fn a_deployment_may_lack_as_many_pods_as_its_strategy_says() {
        let rolling = |unavailable: Value| {
            json!({"replicas": 4, "strategy": {"type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": 1}}})
        };
        let running = |updated: i64, ready: i64| json!({"replicas": 4, "updatedReplicas": updated, "readyReplicas": ready});
        for (spec, status, expected) in [
            (rolling(json!("25%")), running(4, 3), "Current"),
            (rolling(json!("25%")), running(4, 2), "InProgress"),
            (rolling(json!(0)), running(4, 3), "InProgress"),
            (rolling(json!(0)), running(4, 4), "Current"),
            // The older ones may be those that are ready.
            (rolling(json!(1)), running(2, 4), "InProgress"),
            (json!({"paused": true}), json!({}), "Current"),
            (
                json!({}),
                json!({"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 1}),
                "InProgress",
            ),
        ] {
            let what = format!("{spec} {status}");
            assert_eq!(workload("Deployment", spec, status), expected, "{what}");
        }
    }

    #[test]
    fn sets_are_ready_when_their_pods_are_updated_and_ready() {
        let rolling = json!({"replicas": 2, "updateStrategy": {"type": "RollingUpdate"}});
        let of = |current: &str| {
            json!({"updatedReplicas": 2, "readyReplicas": 2,
            "currentRevision": current, "updateRevision": "b"})
        };
        assert_eq!(workload("StatefulSet", rolling.clone(), of("b")), "Current");
        assert_eq!(
            workload("StatefulSet", rolling.clone(), of("a")),
            "InProgress"
        );
        let by_hand = json!({"updateStrategy": {"type": "OnDelete"}});
        assert_eq!(
            workload("StatefulSet", by_hand.clone(), json!({})),
            "Current"
        );
        assert_eq!(workload("DaemonSet", by_hand, json!({})), "Current");
        let scheduled = |ready: i64| json!({"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": ready});
        let spec = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}});
        assert_eq!(workload("DaemonSet", spec.clone(), scheduled(2)), "Current");
        assert_eq!(workload("DaemonSet", spec, scheduled(1)), "InProgress");
    }

    #[test]
    fn a_service_waits_for_its_address_and_a_job_for_its_end() {
        let core = |kind: &str, spec: Value, status: Value| {
            health(json!({"apiVersion": "v1", "kind": kind, "spec": spec, "status": status}))
        };
        let balanced = json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"});
        assert_eq!(core("Service", balanced.clone(), json!({})), "InProgress");
        let reached = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
        assert_eq!(core("Service", balanced, reached), "Current");
        assert_eq!(
            core("Service", json!({"clusterIP": "None"}), json!({})),
            "Current"
        );
        let job = |status: Value| {
            health(json!({"apiVersion": "batch/v1", "kind": "Job",
                "spec": {"completions": 1, "backoffLimit": 0}, "status": status}))
        };
        assert_eq!(job(json!({})), "InProgress");
        assert_eq!(job(json!({"succeeded": 1})), "Current");
        assert_eq!(job(json!({"failed": 1})), "Failed");
    }
}
