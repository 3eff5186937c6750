//! Health told by a person's own expressions (`spec.healthCheckExprs`; Flux RFC 0009).

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use windlass_api::kustomization::CustomHealthCheck;
use windlass_object::{GroupVersionKind, Object};

use super::{Health, assess, legacy};
use crate::cel::{Expression, InvalidExpression};

/// The expressions of one Kustomization or HelmRelease; none of them leaves every kind to the rules of kstatus.
#[derive(Debug, Clone, Default)]
pub struct CustomChecks {
    checks: Vec<Check>,
    /// Readiness is told as Helm 3 told it.
    legacy: bool,
}

/// Who gave a verdict: the built-in rules, Helm 3's, or expressions, by a digest of them. A verdict of one is none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judge(u64);

#[derive(Debug, Clone)]
struct Check {
    group: String,
    /// Every kind of the group when there is none.
    kind: Option<String>,
    current: Expression,
    in_progress: Option<Expression>,
    failed: Option<Expression>,
    judge: Judge,
}

// === impl CustomChecks ===

impl CustomChecks {
    /// Reads the entries of `spec.healthCheckExprs`.
    ///
    /// # Errors
    /// The first expression that is no CEL.
    pub fn compile(entries: &[CustomHealthCheck]) -> Result<Self, InvalidExpression> {
        let checks = entries.iter().map(Check::compile);
        Ok(Self {
            checks: checks.collect::<Result<_, _>>()?,
            legacy: false,
        })
    }

    /// Those of Helm 3, whatever the expressions (`waitStrategy: legacy`).
    #[must_use]
    pub fn legacy() -> Self {
        Self {
            checks: Vec::new(),
            legacy: true,
        }
    }

    /// Judges an object by the expressions for its kind, or by the rules of kstatus where there are none.
    pub fn assess(&self, live: &Object, now: Timestamp) -> Health {
        let gvk = live.gvk();
        match self.check(&gvk.group, &gvk.kind) {
            Some(check) => check.assess(live),
            None if self.legacy => legacy::assess(live),
            None => assess(live, now),
        }
    }

    /// Says who judges a kind.
    #[must_use]
    pub fn judge(&self, group: &str, kind: &str) -> Judge {
        let built_in = if self.legacy {
            Judge::LEGACY
        } else {
            Judge::default()
        };
        self.check(group, kind)
            .map_or(built_in, |check| check.judge)
    }

    /// An entry that names the kind wins over one for the whole group.
    fn check(&self, group: &str, kind: &str) -> Option<&Check> {
        let of_group = || self.checks.iter().filter(|check| check.group == group);
        let exact = of_group().find(|check| check.kind.as_deref() == Some(kind));
        exact.or_else(|| of_group().find(|check| check.kind.is_none()))
    }
}

// === impl Check ===

impl Check {
    fn compile(entry: &CustomHealthCheck) -> Result<Self, InvalidExpression> {
        let optional = |text: &Option<String>| {
            let text = text.as_deref().filter(|text| !text.is_empty());
            text.map(Expression::compile).transpose()
        };
        let kind = entry.kind.clone().filter(|kind| !kind.is_empty());
        Ok(Self {
            group: GroupVersionKind::new(&entry.api_version, "").group,
            kind,
            current: Expression::compile(&entry.current)?,
            in_progress: optional(&entry.in_progress)?,
            failed: optional(&entry.failed)?,
            judge: Judge::of(entry),
        })
    }

    fn assess(&self, live: &Object) -> Health {
        let object = live.as_value();
        if object.pointer("/metadata/deletionTimestamp").is_some() {
            return Health::Terminating;
        }
        let number = |pointer| object.pointer(pointer).and_then(Value::as_i64);
        let observed = number("/status/observedGeneration");
        if observed.is_some_and(|observed| number("/metadata/generation") != Some(observed)) {
            return Health::InProgress(String::new());
        }
        self.by_expressions(object).unwrap_or_else(|unanswered| {
            // Fields of a status that nobody has written yet: it is on its way.
            Health::InProgress(unanswered)
        })
    }

    fn by_expressions(&self, object: &Value) -> Result<Health, String> {
        let fields = || {
            let fields = object.as_object().into_iter().flatten();
            fields.map(|(name, value)| (name.as_str(), value))
        };
        let holds = |expression: &Expression| {
            let answer = expression.holds(fields());
            answer.map_err(|error| error.to_string())
        };
        let asked = |expression: &Option<Expression>| expression.as_ref().map_or(Ok(false), holds);
        if asked(&self.in_progress)? {
            return Ok(Health::InProgress(String::new()));
        }
        if asked(&self.failed)? {
            return Ok(Health::Failed(String::new()));
        }
        Ok(if holds(&self.current)? {
            Health::Current
        } else {
            Health::InProgress(String::new())
        })
    }
}

// === impl Judge ===

impl Judge {
    /// Helm 3's rules; digests of expressions are odd.
    const LEGACY: Self = Self(2);

    fn of(entry: &CustomHealthCheck) -> Self {
        let mut hash = Sha256::new();
        let none = String::new();
        let optional =
            [&entry.in_progress, &entry.failed].map(|text| text.as_ref().unwrap_or(&none));
        for text in [&entry.current].into_iter().chain(optional) {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
        let digest = hash.finalize();
        let (first, _) = digest.split_first_chunk().expect("SHA-256 has 32 bytes");
        // Zero is the built-in rules.
        Self(u64::from_le_bytes(*first) | 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checks() -> CustomChecks {
        let entries = json!([
            {"apiVersion": "example.com/v1", "kind": "Pump",
             "current": "status.phase == 'Running'", "failed": "status.phase == 'Broken'",
             "inProgress": "status.phase == 'Starting'"},
            {"apiVersion": "example.com/v1beta9", "current": "has(status.done)"},
        ]);
        CustomChecks::compile(&serde_json::from_value::<Vec<_>>(entries).unwrap()).unwrap()
    }

    fn health(kind: &str, status: Value) -> Health {
        let object = json!({"apiVersion": "example.com/v2", "kind": kind,
            "metadata": {"name": "a", "generation": 2}, "status": status});
        checks().assess(&Object::from_value(object).unwrap(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_expressions_of_the_kind_win_over_those_of_its_group_whatever_the_version() {
        assert_eq!(health("Pump", json!({"phase": "Running"})), Health::Current);
        assert_eq!(
            health("Pump", json!({"phase": "Broken"})).as_str(),
            "Failed"
        );
        assert_eq!(
            health("Pump", json!({"phase": "Starting"})).as_str(),
            "InProgress"
        );
        assert_eq!(
            health("Pump", json!({"phase": "Else"})).as_str(),
            "InProgress"
        );
        assert_eq!(health("Valve", json!({"done": true})), Health::Current);
        assert_eq!(health("Valve", json!({})).as_str(), "InProgress");
    }

    #[test]
    fn a_status_of_an_older_generation_or_without_the_field_is_on_its_way() {
        let old = json!({"phase": "Running", "observedGeneration": 1});
        assert_eq!(health("Pump", old).as_str(), "InProgress");
        let none = health("Pump", json!({}));
        assert!(
            none.message().contains("status.phase == 'Starting'"),
            "{none:?}"
        );
    }

    #[test]
    fn other_groups_are_left_to_kstatus_and_have_another_judge() {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        let map = Object::from_value(map).unwrap();
        assert_eq!(
            checks().assess(&map, Timestamp::UNIX_EPOCH),
            Health::Current
        );
        assert_eq!(checks().judge("", "ConfigMap"), Judge::default());
        let (pump, valve) = (
            checks().judge("example.com", "Pump"),
            checks().judge("example.com", "Valve"),
        );
        assert!(pump != valve && pump != Judge::default());
    }
}
