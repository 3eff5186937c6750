//! Flux's own controllers: stopped, so that windlass takes over, and started again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use windlass_api::names;
use windlass_cluster::{Authority, Detail, ErrorClass, FluxLeases, RequestError, Resource, Scope};
use windlass_object::{GroupVersionKind, Object, Value};

use super::LOOK_AGAIN;
use crate::error::CommandError;
use crate::facts::{place, text};
use crate::screen::Screen;
use crate::session::{Session, now};

/// Those whose work windlass does. What would put the others back goes first; the image controllers go on beside windlass.
const CONTROLLERS: [&str; 4] = [
    names::KUSTOMIZE_CONTROLLER,
    names::HELM_CONTROLLER,
    names::SOURCE_CONTROLLER,
    names::NOTIFICATION_CONTROLLER,
];
/// How many of a controller there were, while windlass has it at none.
const REPLICAS: &str = "windlass.dev/flux-replicas";
/// flux-operator leaves alone what says so (its docs, `FluxInstance` reconciliation).
const OPERATOR: (&str, &str) = ("fluxcd.controlplane.io/reconcile", "disabled");
/// That windlass said it.
const HELD: &str = "windlass.dev/held";
/// A pod may take its grace period, a Lease that was not given back its term.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

/// Flux in a cluster.
pub(super) struct Flux<'a> {
    session: &'a Session,
}

// === impl Flux ===

impl<'a> Flux<'a> {
    pub(super) fn of(session: &'a Session) -> Self {
        Flux { session }
    }

    /// Has every controller end whose work windlass does, and waits until none works any more.
    pub(super) async fn stop(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        self.operator(screen, true).await?;
        let deployments = kind("apps/v1", "Deployment");
        let found = self.labelled(&deployments).await?;
        for controller in CONTROLLERS {
            for deployment in found.iter().filter(|found| found.name() == controller) {
                self.scale_down(screen, deployment).await?;
            }
            self.wait_for_pods(screen, controller).await?;
        }
        self.wait_for_leases(screen).await
    }

    /// Has those start again that were stopped.
    pub(super) async fn start(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let deployments = kind("apps/v1", "Deployment");
        let mut started = 0;
        for deployment in self.labelled(&deployments).await? {
            let Some(replicas) = deployment.annotation(REPLICAS) else {
                continue;
            };
            let replicas: i64 = replicas.parse().unwrap_or(1);
            let patch = json!({
                "metadata": {"annotations": {REPLICAS: null}}, "spec": {"replicas": replicas},
            });
            self.patch(screen, &deployments, &deployment, &patch)
                .await?;
            started += 1;
        }
        self.operator(screen, false).await?;
        if started == 0 {
            screen.warning(
                "windlass stopped no controller of Flux here: if Flux is not installed, flux install puts it there",
            )?;
        }
        Ok(())
    }

    /// Gives Flux's Leases back, so that its controllers need not wait for them to run out.
    pub(super) async fn release(&self) -> Result<(), RequestError> {
        let names = names::FLUX_LEASES.map(str::to_owned).to_vec();
        let leases = FluxLeases::new(self.session.cluster.clone(), names::FLUX_SYSTEM, names);
        leases.release(Authority::Person).await
    }

    async fn scale_down(
        &self,
        screen: &mut Screen<'_>,
        deployment: &Object,
    ) -> Result<(), CommandError> {
        let replicas = deployment.pointer("/spec/replicas").and_then(Value::as_i64);
        let replicas = replicas.unwrap_or(1);
        if replicas == 0 {
            return Ok(());
        }
        let patch = json!({
            "metadata": {"annotations": {REPLICAS: replicas.to_string()}}, "spec": {"replicas": 0},
        });
        let deployments = kind("apps/v1", "Deployment");
        self.patch(screen, &deployments, deployment, &patch).await
    }

    /// Tells flux-operator to leave Flux alone, or takes that back.
    async fn operator(&self, screen: &mut Screen<'_>, hold: bool) -> Result<(), CommandError> {
        let instances = kind("fluxcd.controlplane.io/v1", "FluxInstance");
        let found = match self.session.cluster.resolve(&instances).await {
            Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(()),
            resource => {
                let cluster = &self.session.cluster;
                cluster
                    .list(&resource?, &Scope::all(), Detail::Metadata)
                    .await?
            }
        };
        let (key, off) = OPERATOR;
        for instance in &found {
            let annotations = match (hold, instance.annotation(HELD)) {
                (true, _) if instance.annotation(key) == Some(off) => continue,
                (true, _) => json!({key: off, HELD: "true"}),
                (false, None) => continue,
                (false, Some(_)) => json!({key: null, HELD: null}),
            };
            let patch = json!({"metadata": {"annotations": annotations}});
            self.patch(screen, &instances, instance, &patch).await?;
        }
        Ok(())
    }

    async fn wait_for_pods(
        &self,
        screen: &mut Screen<'_>,
        controller: &str,
    ) -> Result<(), CommandError> {
        let pods = kind("v1", "Pod");
        let runs = |pod: &&Object| {
            let ended = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
            pod.label("app") == Some(controller) && !ended
        };
        let deadline = Instant::now() + ENDS_WITHIN;
        loop {
            let found = self.labelled(&pods).await?;
            let Some(pod) = found.iter().find(runs) else {
                return Ok(());
            };
            let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name());
            let pod = place("Pod", namespace, name);
            if Instant::now() >= deadline {
                let text =
                    format!("{pod} of Flux does not end: delete what keeps it, and say it again");
                return Err(CommandError::Usage(text));
            }
            screen.waiting(&format!("waiting for {pod} to end"))?;
            sleep(LOOK_AGAIN).await;
        }
    }

    /// A controller that runs outside of the cluster, or under another name, is seen by its Lease.
    async fn wait_for_leases(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let leases = self
            .resolve(&kind("coordination.k8s.io/v1", "Lease"))
            .await?;
        let deadline = Instant::now() + ENDS_WITHIN;
        loop {
            let mut held = None;
            for name in names::FLUX_LEASES {
                let cluster = &self.session.cluster;
                let found = cluster.get(&leases, names::FLUX_SYSTEM, name).await?;
                let holder = found
                    .as_ref()
                    .and_then(|lease| holder(lease, now().timestamp()));
                held = held.or(holder.map(|holder| (name, holder)));
            }
            let Some((lease, holder)) = held else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let text =
                    format!("{holder} still works under Lease {lease}: stop it, and say it again");
                return Err(CommandError::Usage(text));
            }
            screen.waiting(&format!("waiting for {holder} to let go of {lease}"))?;
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn labelled(&self, kind: &GroupVersionKind) -> Result<Vec<Object>, RequestError> {
        let resource = self.resolve(kind).await?;
        let scope = Scope::labelled(&format!("{}=flux", names::PART_OF));
        let cluster = &self.session.cluster;
        cluster.list(&resource, &scope, Detail::Object).await
    }

    async fn resolve(&self, kind: &GroupVersionKind) -> Result<Resource, RequestError> {
        self.session.cluster.resolve(kind).await
    }

    async fn patch(
        &self,
        screen: &mut Screen<'_>,
        kind: &GroupVersionKind,
        object: &Object,
        patch: &Value,
    ) -> Result<(), CommandError> {
        let resource = self.resolve(kind).await?;
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
        self.session.patch((&resource, object), patch).await?;
        Ok(screen.action(&format!("{}: {patch}", place(&kind.kind, namespace, name)))?)
    }
}

fn kind(api_version: &str, kind: &str) -> GroupVersionKind {
    GroupVersionKind::new(api_version, kind)
}

/// Who holds a Lease now, if it is not windlass.
fn holder(lease: &Object, now: Timestamp) -> Option<String> {
    let holder = text(lease, "/spec/holderIdentity");
    let term = lease.pointer("/spec/leaseDurationSeconds");
    let term = term.and_then(Value::as_i64).unwrap_or_default();
    let renewed: Timestamp = text(lease, "/spec/renewTime").parse().ok()?;
    let age = now.as_second().saturating_sub(renewed.as_second());
    let is_held = !holder.is_empty() && holder != names::FLUX_LEASE_HOLDER && age <= term;
    is_held.then(|| holder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_flux_is_held_until_its_term_is_over_and_windlass_is_not_flux() {
        let held = |who: &str, now: &str| {
            let lease = Object::from_value(json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"},
                "spec": {"holderIdentity": who, "leaseDurationSeconds": 35,
                    "renewTime": "2026-01-01T00:00:00.000000Z"},
            }));
            holder(&lease.unwrap(), now.parse().unwrap())
        };
        let within = "2026-01-01T00:00:30Z";
        assert_eq!(held("pod_1", within), Some("pod_1".to_owned()));
        assert_eq!(held("pod_1", "2026-01-01T00:01:00Z"), None);
        assert_eq!(held("", within), None);
        assert_eq!(held("windlass", within), None);
    }
}
