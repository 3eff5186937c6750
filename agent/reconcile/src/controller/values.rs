//! ConfigMaps and Secrets that carry Flux's label for it: whoever reads values from one is woken when it changes.

use std::collections::BTreeMap;

use windlass_api::helm_release::{self, HelmReleaseSpec};
use windlass_api::kustomization::{KustomizationSpec, SubstituteKind};
use windlass_api::meta::KubeConfigReference;
use windlass_cluster::WatchEvent;

use super::Controller;
use crate::event::ValuesKind;
use crate::named::Named;
use crate::seen::Meta;

/// In which state each was seen last.
#[derive(Debug, Default)]
pub(super) struct Values {
    seen: BTreeMap<(ValuesKind, Named), Seen>,
}

#[derive(Debug)]
struct Seen {
    /// uid and resourceVersion.
    state: (String, String),
    listed: bool,
}

impl Controller {
    pub(super) fn values_seen(&mut self, kind: ValuesKind, event: WatchEvent) {
        for name in self.values.take(kind, event) {
            let users = self.kustomizations.iter().filter(|(user, slot)| {
                let spec = slot.seen.spec.as_ref();
                user.namespace == name.namespace
                    && spec.is_ok_and(|spec| reads(spec, kind, &name.name))
            });
            let users: Vec<Named> = users.map(|(user, _)| user.clone()).collect();
            users.iter().for_each(|user| self.wake_kustomization(user));
            self.wake_releases_reading(kind, &name);
        }
    }
}

impl Values {
    /// Gives which of that kind are not as they were. One that carries the label from now on counts, one that lost it or
    /// is gone does too.
    fn take(&mut self, kind: ValuesKind, event: WatchEvent) -> Vec<Named> {
        match event {
            WatchEvent::Restarted => {
                let all = self.seen.iter_mut().filter(|((of, _), _)| *of == kind);
                all.for_each(|(_, seen)| seen.listed = false);
                Vec::new()
            }
            WatchEvent::Applied(object) => {
                let Some(meta) = Meta::parse(&object) else {
                    return Vec::new();
                };
                let state = (meta.uid, meta.resource_version);
                let seen = Seen {
                    state: state.clone(),
                    listed: true,
                };
                let before = self.seen.insert((kind, meta.name.clone()), seen);
                let same = before.is_some_and(|before| before.state == state);
                (!same).then_some(meta.name).into_iter().collect()
            }
            WatchEvent::Deleted(object) => {
                let name = Meta::parse(&object).map(|meta| meta.name);
                let known = name.filter(|name| self.seen.remove(&(kind, name.clone())).is_some());
                known.into_iter().collect()
            }
            WatchEvent::Synced(_) => {
                let gone = self.seen.iter();
                let gone = gone.filter(|((of, _), seen)| *of == kind && !seen.listed);
                let gone: Vec<Named> = gone.map(|((_, name), _)| name.clone()).collect();
                self.seen.retain(|(of, _), seen| *of != kind || seen.listed);
                gone
            }
            WatchEvent::Failed(error) => {
                tracing::debug!(?kind, %error, "watch interrupted; it starts again by itself");
                Vec::new()
            }
        }
    }
}

/// Whether a Kustomization reads values, keys or credentials from the object of that name in its namespace.
fn reads(spec: &KustomizationSpec, kind: ValuesKind, name: &str) -> bool {
    let wanted = match kind {
        ValuesKind::ConfigMap => SubstituteKind::ConfigMap,
        ValuesKind::Secret => SubstituteKind::Secret,
    };
    let substitutes = spec.post_build.iter().flat_map(|it| &it.substitute_from);
    let mut substitutes = substitutes.filter(|reference| reference.kind == wanted);
    let decryption = spec.decryption.as_ref();
    let keys = decryption.and_then(|it| it.secret_ref.as_ref());
    let keys = keys.filter(|_| kind == ValuesKind::Secret);
    substitutes.any(|reference| reference.name == name)
        || keys.is_some_and(|reference| reference.name == name)
        || is_reached_by(spec.kube_config.as_ref(), kind, name)
}

/// Whether a HelmRelease reads values or credentials from the object of that name in its namespace.
pub(super) fn is_read_by(spec: &HelmReleaseSpec, kind: ValuesKind, name: &str) -> bool {
    let wanted = match kind {
        ValuesKind::ConfigMap => helm_release::ValuesKind::ConfigMap,
        ValuesKind::Secret => helm_release::ValuesKind::Secret,
    };
    let mut values = spec.values_from.iter();
    values.any(|reference| reference.kind == wanted && reference.name == name)
        || is_reached_by(spec.kube_config.as_ref(), kind, name)
}

/// Whether the way to another cluster stands in the object of that name.
fn is_reached_by(reference: Option<&KubeConfigReference>, kind: ValuesKind, name: &str) -> bool {
    let Some(reference) = reference else {
        return false;
    };
    match kind {
        ValuesKind::ConfigMap => {
            let config = reference.config_map_ref.as_ref();
            config.is_some_and(|config| config.name == name)
        }
        ValuesKind::Secret => {
            let secret = reference.secret_ref.as_ref();
            secret.is_some_and(|secret| secret.name == name)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(name: &str, version: &str) -> WatchEvent {
        let metadata = json!({"name": name, "namespace": "apps", "resourceVersion": version});
        WatchEvent::Applied(json!({"metadata": metadata}))
    }

    #[test]
    fn a_list_that_shows_what_was_seen_before_wakes_nobody_and_one_that_misses_it_does() {
        let mut values = Values::default();
        let mut take = |event| {
            let moved = values.take(ValuesKind::Secret, event);
            moved.into_iter().map(|name| name.name).collect::<Vec<_>>()
        };
        assert_eq!(take(applied("a", "1")), ["a"]);
        assert_eq!(take(applied("b", "2")), ["b"]);
        assert!(take(WatchEvent::Restarted).is_empty());
        assert!(take(applied("a", "1")).is_empty());
        assert_eq!(take(WatchEvent::Synced("3".to_owned())), ["b"]);
        assert_eq!(take(applied("a", "4")), ["a"]);
    }

    #[test]
    fn every_place_that_a_spec_reads_from_counts_and_only_for_its_kind() {
        let spec = |fields| {
            let mut spec = json!({"interval": "1m", "prune": true,
                "sourceRef": {"kind": "GitRepository", "name": "x"}});
            spec.as_object_mut()
                .unwrap()
                .extend(serde_json::Map::clone(json!(fields).as_object().unwrap()));
            serde_json::from_value::<KustomizationSpec>(spec).unwrap()
        };
        let (map, secret) = (ValuesKind::ConfigMap, ValuesKind::Secret);
        for (fields, kind) in [
            (
                json!({"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "n"}]}}),
                map,
            ),
            (
                json!({"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "n"}]}}),
                secret,
            ),
            (
                json!({"decryption": {"provider": "sops", "secretRef": {"name": "n"}}}),
                secret,
            ),
            (json!({"kubeConfig": {"secretRef": {"name": "n"}}}), secret),
            (json!({"kubeConfig": {"configMapRef": {"name": "n"}}}), map),
        ] {
            let spec = spec(fields);
            for asked in [map, secret] {
                assert_eq!(reads(&spec, asked, "n"), asked == kind, "{spec:?}");
                assert!(!reads(&spec, asked, "other"));
            }
        }
        let from = |kind| json!({"valuesFrom": [{"kind": kind, "name": "n"}]});
        for (fields, kind) in [
            (from("ConfigMap"), map),
            (from("Secret"), secret),
            (json!({"kubeConfig": {"secretRef": {"name": "n"}}}), secret),
            (json!({"kubeConfig": {"configMapRef": {"name": "n"}}}), map),
        ] {
            let mut object = fields;
            object["interval"] = json!("1h");
            let spec: HelmReleaseSpec = serde_json::from_value(object).unwrap();
            for asked in [map, secret] {
                assert_eq!(is_read_by(&spec, asked, "n"), asked == kind, "{spec:?}");
                assert!(!is_read_by(&spec, asked, "other"));
            }
        }
    }
}
