//! A suspension that ends by itself: an annotation on the suspended object. Not Flux's.

use serde_json::json;
use windlass_object::{Object, Value};

use crate::names::SUSPEND_UNTIL;
use crate::time::Time;

/// The merge patch that suspends an object, until a time or until it is resumed; an end from an
/// earlier suspension does not stay.
pub fn suspend(until: Option<Time>) -> Value {
    let until = until.map(|until| until.to_string());
    json!({ "metadata": { "annotations": { SUSPEND_UNTIL: until } }, "spec": { "suspend": true } })
}

/// The merge patch that resumes an object. With the resourceVersion of the object that was looked
/// at, it cannot end a suspension that somebody renewed in the meantime.
pub fn resume(resource_version: Option<&str>) -> Value {
    let mut patch = json!({
        "metadata": { "annotations": { SUSPEND_UNTIL: null } },
        "spec": { "suspend": null },
    });
    if let (Some(version), Some(metadata)) = (resource_version, patch.get_mut("metadata")) {
        windlass_object::patch::merge(metadata, &json!({ "resourceVersion": version }));
    }
    patch
}

/// When the suspension of an object ends by itself; `None` when it is not suspended, has no end, or
/// its end is no time (it then stays suspended).
pub fn ends_at(object: &Object) -> Option<Time> {
    let suspended = object.pointer("/spec/suspend").and_then(Value::as_bool)?;
    let end: jiff::Timestamp = object.annotation(SUSPEND_UNTIL)?.parse().ok()?;
    suspended.then(|| Time::new(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        jiff::Timestamp::from_second(second).unwrap().into()
    }

    fn object() -> Object {
        Object::from_value(json!({ "apiVersion": "v1", "kind": "X", "metadata": { "name": "x" } }))
            .unwrap()
    }

    #[test]
    fn a_suspension_ends_at_its_time_or_not_by_itself() {
        let mut object = object();
        assert_eq!(ends_at(&object), None);
        windlass_object::patch::merge(object.as_value_mut(), &suspend(Some(at(60))));
        assert_eq!(ends_at(&object), Some(at(60)));
        windlass_object::patch::merge(object.as_value_mut(), &suspend(None));
        assert_eq!(ends_at(&object), None);
        object.set_annotation(SUSPEND_UNTIL, "tomorrow");
        assert_eq!(ends_at(&object), None);
    }

    #[test]
    fn resuming_leaves_no_trace() {
        let mut object = object();
        windlass_object::patch::merge(object.as_value_mut(), &suspend(Some(at(60))));
        windlass_object::patch::merge(object.as_value_mut(), &resume(None));
        assert_eq!(object.annotation(SUSPEND_UNTIL), None);
        assert_eq!(object.pointer("/spec/suspend"), None);
        assert_eq!(resume(Some("7"))["metadata"]["resourceVersion"], "7");
    }
}
