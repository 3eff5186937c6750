//! What applying an object would change, told from the live object and its `managedFields` alone: for whoever may only read
//! (decision 281).
//!
//! A field would change where Git says another value than is there, and would go where Flux's entry in `managedFields` holds it,
//! nobody else's does, and Git does not say it any more. What the API server writes another way than Git (quantities, empty
//! fields, defaults) is the same.

mod quantity;

use serde_json::{Map, Value};
use windlass_api::names;
use windlass_object::Object;

use crate::applier::Applier;
use crate::change::{self, Treatment};
use crate::fields;
use crate::metadata::ManagerEntry;

/// Most levels that are followed; the API server allows objects about this deep.
const MAX_DEPTH: usize = 64;

/// What no manifest says of an object, and what names it.
const NOT_COMPARED: [&str; 9] = [
    "apiVersion",
    "kind",
    "status",
    "name",
    "namespace",
    "creationTimestamp",
    "managedFields",
    "resourceVersion",
    "uid",
];

/// Structs that the API server writes out where nobody gave them: whoever applies the object holds an empty one (`DeploymentSpec`
/// and its like have them by value), and what is in it is the server's.
const WRITTEN_OUT: [&str; 3] = ["strategy", "updateStrategy", "resources"];

/// One field that would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where it is, as people write paths.
    pub path: String,
    /// What is there; `None` where it is not set.
    pub live: Option<Value>,
    /// What Git says; `None` where it would go.
    pub wanted: Option<Value>,
}

/// Says which fields applying would change; none where the object, or Git, says hands off.
#[must_use]
pub fn differences(by: Applier, desired: &Object, live: &Object) -> Vec<Difference> {
    if change::treatment(desired, Some(live)) == Treatment::Skip {
        return Vec::new();
    }
    let metadata = live.as_value().get("metadata").unwrap_or(&Value::Null);
    let empty = Value::Object(Map::new());
    let (mut owned, mut others) = (empty.clone(), empty);
    for entry in ManagerEntry::all(metadata).filter(|entry| entry.is_main()) {
        let Some(set) = entry.fields() else { continue };
        if by.owns(entry) || by.takes_over(entry) {
            fields::union(&mut owned, set);
        } else {
            fields::union(&mut others, set);
        }
    }
    // What a person asks for is no difference.
    fields::take_requests(&mut owned);
    let kind = desired.kind();
    let mut comparison = Comparison {
        others: &others,
        is_text_only: matches!(kind, "ConfigMap" | "Secret"),
        path: Vec::new(),
        found: Vec::new(),
    };
    comparison.root(desired.as_value(), live.as_value(), &owned);
    comparison.found
}

struct Comparison<'a> {
    /// What other managers hold.
    others: &'a Value,
    /// Nothing in it is a number that the server writes its own way.
    is_text_only: bool,
    /// The steps to where it is, as a field set writes them.
    path: Vec<String>,
    found: Vec<Difference>,
}

// === impl Comparison ===

impl Comparison<'_> {
    fn root(&mut self, desired: &Value, live: &Value, owned: &Value) {
        for (name, wanted) in desired.as_object().into_iter().flatten() {
            if name == "metadata" {
                let (there, held) = (live.get(name), owned.get("f:metadata"));
                self.metadata(wanted, there.unwrap_or(&Value::Null), held);
            } else if !NOT_COMPARED.contains(&name.as_str()) {
                self.field(name, Some(wanted), live.get(name), owned);
            }
        }
        self.gone(desired, live, owned);
    }

    /// Only what manifests say: labels, annotations, finalizers, owners.
    fn metadata(&mut self, desired: &Value, live: &Value, owned: Option<&Value>) {
        let (nothing, owned) = (Value::Null, owned);
        let owned = owned.unwrap_or(&nothing);
        self.path.push("f:metadata".to_owned());
        for (name, wanted) in desired.as_object().into_iter().flatten() {
            if !NOT_COMPARED.contains(&name.as_str()) {
                self.field(name, Some(wanted), live.get(name), owned);
            }
        }
        self.gone(desired, live, owned);
        self.path.pop();
    }

    /// Compares a field below the object that `owned` is about.
    fn field(&mut self, name: &str, wanted: Option<&Value>, live: Option<&Value>, owned: &Value) {
        let step = format!("f:{name}");
        let below = owned.get(&step).cloned();
        self.path.push(step);
        self.value(wanted, live, below.as_ref().unwrap_or(&Value::Null));
        self.path.pop();
    }

    fn value(&mut self, wanted: Option<&Value>, live: Option<&Value>, owned: &Value) {
        match (wanted, live) {
            (Some(wanted), None) if is_nothing(wanted) => {}
            (Some(Value::Null), _) => {}
            (Some(Value::Object(wanted)), Some(Value::Object(live)))
                if self.path.len() < MAX_DEPTH =>
            {
                self.map(wanted, live, owned);
            }
            (Some(Value::Array(wanted)), Some(Value::Array(live)))
                if self.path.len() < MAX_DEPTH =>
            {
                self.list(wanted, live, owned);
            }
            (Some(wanted), Some(live)) if self.is_same(wanted, live) => {}
            (None, None) => {}
            (wanted, live) => self.differs(wanted, live),
        }
    }

    fn map(&mut self, wanted: &Map<String, Value>, live: &Map<String, Value>, owned: &Value) {
        for (name, value) in wanted {
            if fields::is_request(name) {
                continue;
            }
            self.field(name, Some(value), live.get(name), owned);
        }
        self.gone_from(|name| wanted.contains_key(name), live, owned);
    }

    fn gone(&mut self, desired: &Value, live: &Value, owned: &Value) {
        let Some(live) = live.as_object() else { return };
        let said = |name: &str| desired.get(name).is_some() || NOT_COMPARED.contains(&name);
        self.gone_from(said, live, owned);
    }

    /// What was applied before and is not said any more.
    fn gone_from(
        &mut self,
        is_said: impl Fn(&str) -> bool,
        live: &Map<String, Value>,
        owned: &Value,
    ) {
        for (step, below) in owned.as_object().into_iter().flatten() {
            let Some(name) = step.strip_prefix("f:") else {
                continue;
            };
            let is_empty = WRITTEN_OUT.contains(&name) && fields::is_empty(below);
            // The port itself is written out in its place, and held, where a Service names none.
            let is_port = name == "targetPort" && live.get(name) == live.get("port");
            // The mark of the last write is no field of Git.
            if is_empty || is_port || name == names::REVISION {
                continue;
            }
            let Some(there) = live.get(name).filter(|_| !is_said(name)) else {
                continue;
            };
            self.path.push(step.clone());
            self.taken_away(there);
            self.path.pop();
        }
    }

    fn list(&mut self, wanted: &[Value], live: &[Value], owned: &Value) {
        let steps = || owned.as_object().into_iter().flatten();
        if let Some(keys) = steps().find_map(|(step, _)| step.strip_prefix("k:")) {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys.keys().cloned().collect();
            return self.keyed(wanted, live, owned, &keys);
        }
        if steps().any(|(step, _)| step.starts_with("v:")) {
            return self.set(wanted, live, owned);
        }
        self.atomic(wanted, live);
    }

    /// A list whose items are known by some of their fields.
    fn keyed(&mut self, wanted: &[Value], live: &[Value], owned: &Value, keys: &[String]) {
        let mut said = Vec::new();
        for item in wanted {
            let there = live.iter().find(|there| is_same_item(item, there, keys));
            let step = item_step(there.unwrap_or(item), keys);
            let below = owned.get(&step).unwrap_or(&Value::Null);
            self.path.push(step.clone());
            self.value(Some(item), there, below);
            self.path.pop();
            said.push(step);
        }
        for (step, _) in owned.as_object().into_iter().flatten() {
            if said.contains(step) || !step.starts_with("k:") {
                continue;
            }
            let there = live.iter().find(|item| item_step(item, keys) == *step);
            if let Some(there) = there {
                self.path.push(step.clone());
                self.taken_away(there);
                self.path.pop();
            }
        }
    }

    /// A list in which each value stands once, in any order.
    fn set(&mut self, wanted: &[Value], live: &[Value], owned: &Value) {
        for item in wanted.iter().filter(|item| !live.contains(item)) {
            self.path.push(format!("v:{item}"));
            self.differs(Some(item), None);
            self.path.pop();
        }
        for item in live.iter().filter(|item| !wanted.contains(item)) {
            let step = format!("v:{item}");
            if owned.get(&step).is_some() {
                self.path.push(step);
                self.taken_away(item);
                self.path.pop();
            }
        }
    }

    /// A list that is replaced as a whole.
    fn atomic(&mut self, wanted: &[Value], live: &[Value]) {
        let same = wanted.len() == live.len()
            && wanted
                .iter()
                .zip(live)
                .all(|(wanted, live)| self.says_the_same(wanted, live));
        if !same {
            let (wanted, live) = (Value::from(wanted.to_vec()), Value::from(live.to_vec()));
            self.differs(Some(&wanted), Some(&live));
        }
    }

    /// Whether an item of such a list is what Git says; nobody's entry tells which of its fields are defaults, so a plain value
    /// that Git does not give counts as one.
    fn says_the_same(&self, wanted: &Value, live: &Value) -> bool {
        match (wanted, live) {
            (Value::Object(wanted), Value::Object(live)) => {
                let said = wanted.iter().all(|(name, value)| match live.get(name) {
                    Some(live) => self.says_the_same(value, live),
                    None => is_nothing(value),
                });
                let mut more = live.iter().filter(|(name, _)| !wanted.contains_key(*name));
                said && more.all(|(_, value)| is_plain(value) || is_nothing(value))
            }
            (Value::Array(wanted), Value::Array(live)) => {
                wanted.len() == live.len()
                    && wanted
                        .iter()
                        .zip(live)
                        .all(|(wanted, live)| self.says_the_same(wanted, live))
            }
            (wanted, live) => self.is_same(wanted, live),
        }
    }

    fn is_same(&self, wanted: &Value, live: &Value) -> bool {
        let is_metadata = self.path.first().is_some_and(|step| step == "f:metadata");
        wanted == live
            || (is_nothing(wanted) && is_nothing(live))
            || (!self.is_text_only && !is_metadata && quantity::is_same(wanted, live))
    }

    /// A field that another manager holds too stays when we let go of it.
    fn taken_away(&mut self, live: &Value) {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        if !fields::holds(self.others, &path) && !is_nothing(live) {
            self.differs(None, Some(live));
        }
    }

    fn differs(&mut self, wanted: Option<&Value>, live: Option<&Value>) {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.found.push(Difference {
            path: fields::shown(&path),
            live: live.cloned(),
            wanted: wanted.cloned(),
        });
    }
}

/// What the API server may leave out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Number(number) => number.as_f64() == Some(0.0),
    }
}

fn is_plain(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

/// A key that is left out may have any default.
fn is_same_item(wanted: &Value, live: &Value, keys: &[String]) -> bool {
    let given = keys.iter().filter(|key| wanted.get(key).is_some());
    let mut given = given.peekable();
    given.peek().is_some() && given.all(|key| wanted.get(key) == live.get(key))
}

/// The step to an item, as a field set writes it.
fn item_step(item: &Value, keys: &[String]) -> String {
    let keys = keys.iter().filter_map(|key| {
        let value = item.get(key)?;
        Some((key.clone(), value.clone()))
    });
    format!("k:{}", Value::Object(keys.collect()))
}

#[cfg(test)]
mod tests;
