//! What runs Pods: its counts of replicas and its conditions.

use serde_json::Value;

use super::{Health, conditions, in_progress, number, text};

pub(super) fn stateful_set(object: &Value) -> Health {
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Health::Current;
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let status = |name: &str| number(object, &format!("/status/{name}")).unwrap_or(0);
    let (replicas, ready, updated) = (
        status("replicas"),
        status("readyReplicas"),
        status("updatedReplicas"),
    );
    if wanted > replicas {
        return in_progress(format!("Replicas: {replicas}/{wanted}"));
    }
    if wanted > ready {
        return in_progress(format!("Ready: {ready}/{wanted}"));
    }
    if replicas > wanted {
        return pending_termination(replicas, wanted);
    }
    if let Some(partition) = number(object, "/spec/updateStrategy/rollingUpdate/partition") {
        let wanted = wanted.saturating_sub(partition);
        if updated < wanted {
            return in_progress(format!("updated: {updated}/{wanted}"));
        }
        return Health::Current;
    }
    let current = status("currentReplicas");
    if wanted > current {
        return in_progress(format!("current: {current}/{wanted}"));
    }
    if text(object, "/status/currentRevision") != text(object, "/status/updateRevision") {
        return in_progress("Waiting for updated revision to match current");
    }
    Health::Current
}

pub(super) fn deployment(object: &Value) -> Health {
    // Without a deadline the controller never writes the Progressing condition; i32::MAX is its
    // word for "none" (kubernetes `deployment_util.go`, HasProgressDeadline).
    let deadline = number(object, "/spec/progressDeadlineSeconds").unwrap_or(i32::MAX.into());
    let mut progressing = deadline == i64::from(i32::MAX);
    let mut available = false;
    for condition in conditions(object) {
        match (condition.type_(), condition.status(), condition.reason()) {
            ("Progressing", _, "ProgressDeadlineExceeded") => {
                return Health::Failed("Progress deadline exceeded".to_owned());
            }
            ("Progressing", "True", "NewReplicaSetAvailable") => progressing = true,
            ("Available", "True", _) => available = true,
            _ => {}
        }
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let status = |name: &str| number(object, &format!("/status/{name}")).unwrap_or(0);
    let (replicas, updated) = (status("replicas"), status("updatedReplicas"));
    let (ready, at_hand) = (status("readyReplicas"), status("availableReplicas"));
    if wanted > replicas {
        in_progress(format!("Replicas: {replicas}/{wanted}"))
    } else if wanted > updated {
        in_progress(format!("Updated: {updated}/{wanted}"))
    } else if replicas > wanted {
        pending_termination(replicas, wanted)
    } else if updated > at_hand {
        in_progress(format!("Available: {at_hand}/{updated}"))
    } else if wanted > ready {
        in_progress(format!("Ready: {ready}/{wanted}"))
    } else if !progressing {
        in_progress("ReplicaSet not Available")
    } else if !available {
        in_progress("Deployment not Available")
    } else {
        Health::Current
    }
}

pub(super) fn replica_set(object: &Value) -> Health {
    let failing = conditions(object)
        .any(|condition| condition.type_() == "ReplicaFailure" && condition.status() == "True");
    if failing {
        return in_progress("Replica Failure condition. Check Pods");
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let status = |name: &str| number(object, &format!("/status/{name}")).unwrap_or(0);
    let (replicas, labelled) = (status("replicas"), status("fullyLabeledReplicas"));
    let (ready, at_hand) = (status("readyReplicas"), status("availableReplicas"));
    if wanted > labelled {
        in_progress(format!("Labelled: {labelled}/{wanted}"))
    } else if wanted > at_hand {
        in_progress(format!("Available: {at_hand}/{wanted}"))
    } else if wanted > ready {
        in_progress(format!("Ready: {ready}/{wanted}"))
    } else if replicas > wanted {
        pending_termination(replicas, wanted)
    } else {
        Health::Current
    }
}

pub(super) fn daemon_set(object: &Value) -> Health {
    if number(object, "/metadata/generation").is_none() {
        return in_progress("DaemonSet metadata.generation not found");
    }
    if number(object, "/status/observedGeneration").is_none() {
        return in_progress("DaemonSet status.observedGeneration not found");
    }
    let Some(wanted) = number(object, "/status/desiredNumberScheduled") else {
        return in_progress("Missing .status.desiredNumberScheduled");
    };
    let steps = [
        ("Current", "currentNumberScheduled"),
        ("Updated", "updatedNumberScheduled"),
        ("Available", "numberAvailable"),
        ("Ready", "numberReady"),
    ];
    for (word, field) in steps {
        let reached = number(object, &format!("/status/{field}")).unwrap_or(0);
        if wanted > reached {
            return in_progress(format!("{word}: {reached}/{wanted}"));
        }
    }
    Health::Current
}

/// Flux waits until a Job is done, where kstatus itself takes a running one as current
/// (fluxcd/pkg `runtime/statusreaders/job.go`).
pub(super) fn job(object: &Value) -> Health {
    if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) {
        return Health::Current;
    }
    let parallelism = number(object, "/spec/parallelism").unwrap_or(1);
    let completions = number(object, "/spec/completions").unwrap_or(parallelism);
    let status = |name: &str| number(object, &format!("/status/{name}")).unwrap_or(0);
    let (succeeded, active, failed) = (status("succeeded"), status("active"), status("failed"));
    for condition in conditions(object).filter(|condition| condition.status() == "True") {
        match condition.type_() {
            "Complete" => return Health::Current,
            "Failed" => {
                return Health::Failed(format!("Job Failed. failed: {failed}/{completions}"));
            }
            _ => {}
        }
    }
    if text(object, "/status/startTime").is_empty() {
        return in_progress(format!("Job not started. active: 0/{parallelism}"));
    }
    in_progress(format!(
        "Job in progress. success:{succeeded}, active: {active}, failed: {failed}"
    ))
}

fn pending_termination(replicas: i64, wanted: i64) -> Health {
    in_progress(format!(
        "Pending termination: {}",
        replicas.saturating_sub(wanted)
    ))
}
