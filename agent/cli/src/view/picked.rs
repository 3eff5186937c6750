//! What the API server does with a scope, done here.

use windlass_cluster::Scope;
use windlass_object::selector::LabelSelector;
use windlass_object::{Object, Value};

/// Whether an object is in a scope. A selector that cannot be read picks nothing.
pub(super) fn is_in(object: &Object, scope: &Scope) -> bool {
    let namespace = object.namespace().unwrap_or_default();
    let there = scope.namespace.is_empty() || scope.namespace == namespace;
    let labelled = LabelSelector::parse(&scope.label_selector)
        .is_ok_and(|selector| selector.matches(&object.labels()));
    let mut fields = scope
        .field_selector
        .split(',')
        .filter(|part| !part.is_empty());
    there && labelled && fields.all(|field| holds(object, field))
}

/// Whether an equation such as `metadata.name=x` holds.
fn holds(object: &Object, field: &str) -> bool {
    let Some((path, wanted)) = field.split_once('=') else {
        return false;
    };
    let pointer = format!("/{}", path.replace('.', "/"));
    let value = object.pointer(&pointer).and_then(Value::as_str);
    value.unwrap_or_default() == wanted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Object {
        Object::from_value(json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": "x", "namespace": "apps", "labels": {"team": "a"}},
            "involvedObject": {"kind": "Kustomization", "name": "web"},
        }))
        .unwrap()
    }

    fn picks(namespace: &str, label_selector: &str, field_selector: &str) -> bool {
        let scope = Scope {
            namespace: namespace.to_owned(),
            label_selector: label_selector.to_owned(),
            field_selector: field_selector.to_owned(),
        };
        is_in(&event(), &scope)
    }

    #[test]
    fn a_scope_picks_by_namespace_labels_and_fields_together() {
        assert!(picks("", "", ""));
        assert!(picks(
            "apps",
            "team=a",
            "involvedObject.kind=Kustomization,involvedObject.name=web"
        ));
        assert!(!picks("other", "", ""));
        assert!(!picks("apps", "team!=a", ""));
        assert!(!picks("apps", "", "involvedObject.name=db"));
        assert!(!picks("apps", "", "metadata.name"));
        assert!(!picks("apps", "team in (", ""));
    }
}
