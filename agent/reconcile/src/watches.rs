//! What the agent watches: its own kinds, what they depend on, and what tells it to stop.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use windlass_api::names;
use windlass_cluster::{Detail, Resource, Scope, WatchEvent};
use windlass_host::config::Role;
use windlass_object::GroupVersionKind;

use crate::context::{Context, config_maps};
use crate::event::{Event, ValuesKind};
use crate::uninstall::{definitions, namespaces};
use crate::witness::witnesses;

/// What news of a kind are to the loop.
type ToEvent = fn(WatchEvent) -> Event;

/// Starts every watch; each goes on until it is aborted. Who only keeps does not look at what passes are made with.
pub(crate) fn watch_all(
    context: &Arc<Context>,
    role: Role,
    sender: &UnboundedSender<Event>,
) -> Vec<JoinHandle<()>> {
    let kinds = &context.kinds;
    let everything = Scope::default();
    let namespace_of_flux = named("", names::FLUX_SYSTEM);
    let pause = named(names::FLUX_SYSTEM, names::PAUSE);
    let (leases, notes) = witnesses(context.cluster.clone()).leases();
    let watched = Scope::labelled(names::WATCHED);
    let records = Scope::labelled(names::HELM_RECORDS);
    let watch = |resource: &Resource, scope: &Scope, detail, event: ToEvent| {
        let (context, sender) = (Arc::clone(context), sender.clone());
        let (resource, scope) = (resource.clone(), scope.clone());
        tokio::spawn(async move {
            while follow(&context, &resource, &scope, detail, event, &sender).await {}
        })
    };
    let ours: [(&Resource, ToEvent); 10] = [
        (&kinds.git_repository, Event::GitRepository),
        (&kinds.oci_repository, Event::OciRepository),
        (&kinds.bucket, Event::Bucket),
        (&kinds.helm_repository, Event::HelmRepository),
        (&kinds.helm_chart, Event::HelmChart),
        (&kinds.kustomization, Event::Kustomization),
        (&kinds.helm_release, Event::HelmRelease),
        (&kinds.alert, Event::Alert),
        (&kinds.provider, Event::Provider),
        (&kinds.receiver, Event::Receiver),
    ];
    let ours = ours.map(|(kind, event)| watch(kind, &everything, Detail::Object, event));
    let others = [
        watch(
            &definitions(),
            &everything,
            Detail::Metadata,
            Event::Definition,
        ),
        watch(
            &namespaces(),
            &namespace_of_flux,
            Detail::Metadata,
            Event::Namespace,
        ),
        watch(&config_maps(), &pause, Detail::Object, Event::Pause),
        watch(&leases, &notes, Detail::Metadata, Event::Peer),
    ];
    let ours = ours.into_iter().chain(others);
    if role == Role::Cache {
        return ours.collect();
    }
    let used = [
        watch(&config_maps(), &watched, Detail::Metadata, |event| {
            Event::Values(ValuesKind::ConfigMap, event)
        }),
        watch(&secrets(), &watched, Detail::Metadata, |event| {
            Event::Values(ValuesKind::Secret, event)
        }),
        watch(&secrets(), &records, Detail::Metadata, Event::Record),
    ];
    ours.chain(used).collect()
}

/// One object, in a namespace or in none.
fn named(namespace: &str, name: &str) -> Scope {
    Scope {
        namespace: namespace.to_owned(),
        field_selector: format!("metadata.name={name}"),
        ..Scope::default()
    }
}

/// Hands on what a watch says. Returns true when it is worth starting afresh: the watch had failed, perhaps
/// because its kind was not served, and the definitions have been installed since.
async fn follow(
    context: &Context,
    resource: &Resource,
    scope: &Scope,
    detail: Detail,
    event: ToEvent,
    sender: &UnboundedSender<Event>,
) -> bool {
    let mut installed = context.installed.subscribe();
    let mut watch = Box::pin(context.cluster.watch(resource, scope.clone(), detail));
    let mut failing = false;
    loop {
        let seen = tokio::select! {
            seen = watch.next() => seen,
            Ok(()) = installed.changed(), if failing => return true,
        };
        let Some(seen) = seen else { return false };
        failing = matches!(seen, WatchEvent::Failed(_));
        if is_in_sight(resource, detail) {
            context.sight.take(resource, &seen);
        }
        if sender.send(event(seen)).is_err() {
            return false;
        }
    }
}

/// Flux's kinds, and the Leases in which the nodes speak.
fn is_in_sight(resource: &Resource, detail: Detail) -> bool {
    let gvk = &resource.gvk;
    gvk.kind == "Lease" || detail == Detail::Object && !gvk.group.is_empty()
}

fn secrets() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("v1", "Secret"),
        plural: "secrets".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: false,
    }
}
