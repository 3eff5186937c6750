//! Whether an object has come to rest, by the rules of kstatus and in its words (fluxcd/cli-utils
//! 1.2.3, `pkg/kstatus/status/{status,generic,core}.go`).

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use windlass_object::Object;

use self::workloads::{daemon_set, deployment, job, replica_set, stateful_set};

mod custom;
mod legacy;
mod workloads;

pub use self::custom::{CustomChecks, Judge};

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
