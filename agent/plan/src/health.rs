//! Whether an object has come to rest, by the rules of kstatus (kubernetes-sigs/cli-utils
//! `pkg/kstatus/status/{generic,core}.go`, with Flux's change that a running Job is not done), in
//! its words.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use windlass_object::Object;

/// How long a Pod may be unschedulable before that counts as failed (kstatus `ScheduleWindow`).
const SCHEDULE_WINDOW: SignedDuration = SignedDuration::from_secs(15);

/// What an object has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It is as its spec wants it.
    Current,
    /// It is on its way; the text says how far.
    InProgress(String),
    /// It will not get there by itself; the text says why.
    Failed(String),
    /// It is being deleted.
    Terminating,
    /// It is not there. [`assess`] never says so; whoever looked does.
    NotFound,
}

/// One entry of `status.conditions`.
#[derive(Clone, Copy)]
struct Condition<'a>(&'a Value);

// === impl Health ===

impl Health {
    /// The word that kstatus has for it, as it stands in Flux's messages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::InProgress(_) => "InProgress",
            Self::Failed(_) => "Failed",
            Self::Terminating => "Terminating",
            Self::NotFound => "NotFound",
        }
    }

    /// The text that goes with it; empty when there is nothing to say.
    pub fn message(&self) -> &str {
        match self {
            Self::InProgress(message) | Self::Failed(message) => message,
            Self::Terminating => "Resource scheduled for deletion",
            Self::NotFound => "Resource not found",
            Self::Current => "",
        }
    }
}

/// Judges an object from what the API server holds; `now` decides only how long a Pod may wait for
/// a node.
pub fn assess(live: &Object, now: Timestamp) -> Health {
    let object = live.as_value();
    if !text(object, "/metadata/deletionTimestamp").is_empty() {
        return Health::Terminating;
    }
    if let Some(health) = generic(live) {
        return health;
    }
    let gvk = live.gvk();
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Service") => service(object),
        ("", "Pod") => pod(object, now),
        ("", "PersistentVolumeClaim") => persistent_volume_claim(object),
        ("", "Secret" | "ConfigMap") | ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => {
            Health::Current
        }
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps" | "extensions", "DaemonSet") => daemon_set(object),
        ("apps" | "extensions", "Deployment") => deployment(object),
        ("apps" | "extensions", "ReplicaSet") => replica_set(object),
        ("batch", "Job") => job(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        _ => by_ready_condition(object),
    }
}

/// Says whether an object counts as done once it is gone: a Job that is deleted some time after it
/// finished (fluxcd/pkg `ssa/utils/job.go`).
pub fn absent_is_current(desired: &Object) -> bool {
    let gvk = desired.gvk();
    gvk.group == "batch"
        && gvk.kind == "Job"
        && desired
            .pointer("/spec/ttlSecondsAfterFinished")
            .is_some_and(Value::is_number)
}

/// What holds for every kind: the newest generation was seen, and the two conditions that kstatus
/// standardises.
fn generic(live: &Object) -> Option<Health> {
    let object = live.as_value();
    let observed = object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    if let (Some(generation), Some(observed)) = (live.generation(), observed)
        && generation != observed
    {
        let kind = live.kind();
        return Some(Health::InProgress(format!(
            "{kind} generation is {generation}, but latest observed generation is {observed}"
        )));
    }
    conditions(object).find_map(|condition| match (condition.type_(), condition.status()) {
        ("Reconciling", "True") => Some(Health::InProgress(condition.message())),
        ("Stalled", "True") => Some(Health::Failed(condition.message())),
        _ => None,
    })
}

fn by_ready_condition(object: &Value) -> Health {
    let Some(ready) = conditions(object).find(|condition| condition.type_() == "Ready") else {
        return Health::Current;
    };
    match ready.status() {
        "False" | "Unknown" => Health::InProgress(ready.message()),
        _ => Health::Current,
    }
}

fn service(object: &Value) -> Health {
    let load_balancer = text(object, "/spec/type") == "LoadBalancer";
    if load_balancer && text(object, "/spec/clusterIP").is_empty() {
        return in_progress("ClusterIP not set. Service type: LoadBalancer");
    }
    Health::Current
}

fn persistent_volume_claim(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Bound" => Health::Current,
        "" => in_progress("PVC is not Bound. phase: unknown"),
        phase => in_progress(format!("PVC is not Bound. phase: {phase}")),
    }
}

fn pod(object: &Value, now: Timestamp) -> Health {
    let condition = |type_: &str| conditions(object).find(|found| found.type_() == type_);
    match text(object, "/status/phase") {
        "Succeeded" | "Failed" => Health::Current,
        "Running" => {
            if condition("Ready").is_some_and(|ready| ready.status() == "True") {
                return Health::Current;
            }
            let looping = crash_looping(object);
            if looping.is_empty() {
                in_progress("Pod is running but is not Ready")
            } else {
                Health::Failed(format!(
                    "Containers in CrashLoop state: {}",
                    looping.join(",")
                ))
            }
        }
        "Pending" => match condition("PodScheduled") {
            Some(scheduled)
                if scheduled.status() == "False" && scheduled.reason() == "Unschedulable" =>
            {
                let created = text(object, "/metadata/creationTimestamp").parse::<Timestamp>();
                let young =
                    created.is_ok_and(|created| now.duration_since(created) < SCHEDULE_WINDOW);
                if young {
                    in_progress("Pod has not been scheduled")
                } else {
                    Health::Failed("Pod could not be scheduled".to_owned())
                }
            }
            _ => in_progress("Pod is in the Pending phase"),
        },
        "" => in_progress("Pod phase not available"),
        phase => in_progress(format!("unknown phase {phase}")),
    }
}

fn crash_looping(object: &Value) -> Vec<&str> {
    let statuses = object
        .pointer("/status/containerStatuses")
        .and_then(Value::as_array);
    statuses
        .into_iter()
        .flatten()
        .filter(|status| text(status, "/state/waiting/reason") == "CrashLoopBackOff")
        .map(|status| text(status, "/name"))
        .collect()
}

fn stateful_set(object: &Value) -> Health {
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

fn deployment(object: &Value) -> Health {
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

fn replica_set(object: &Value) -> Health {
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

fn daemon_set(object: &Value) -> Health {
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

fn job(object: &Value) -> Health {
    let parallelism = number(object, "/spec/parallelism").unwrap_or(1);
    let completions = number(object, "/spec/completions").unwrap_or(parallelism);
    let status = |name: &str| number(object, &format!("/status/{name}")).unwrap_or(0);
    let (succeeded, active, failed) = (status("succeeded"), status("active"), status("failed"));
    for condition in conditions(object).filter(|condition| condition.status() == "True") {
        match condition.type_() {
            "Complete" | "Suspended" => return Health::Current,
            "Failed" => {
                return Health::Failed(format!("Job Failed. failed: {failed}/{completions}"));
            }
            _ => {}
        }
    }
    if text(object, "/status/startTime").is_empty() {
        return in_progress("Job not started");
    }
    in_progress(format!(
        "Job in progress. success:{succeeded}, active: {active}, failed: {failed}"
    ))
}

fn definition(object: &Value) -> Health {
    for condition in conditions(object) {
        match (condition.type_(), condition.status()) {
            ("NamesAccepted", "False") => return Health::Failed(condition.message()),
            ("Established", "False") if condition.reason() != "Installing" => {
                return Health::Failed(condition.message());
            }
            ("Established", "True") => return Health::Current,
            _ => {}
        }
    }
    in_progress("Install in progress")
}

fn pending_termination(replicas: i64, wanted: i64) -> Health {
    in_progress(format!(
        "Pending termination: {}",
        replicas.saturating_sub(wanted)
    ))
}

fn in_progress(message: impl Into<String>) -> Health {
    Health::InProgress(message.into())
}

// === impl Condition ===

impl Condition<'_> {
    fn type_(&self) -> &str {
        text(self.0, "/type")
    }

    fn status(&self) -> &str {
        text(self.0, "/status")
    }

    fn reason(&self) -> &str {
        text(self.0, "/reason")
    }

    fn message(&self) -> String {
        text(self.0, "/message").to_owned()
    }
}

fn conditions(object: &Value) -> impl Iterator<Item = Condition<'_>> {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions.into_iter().flatten().map(Condition)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

#[cfg(test)]
mod tests;
