//! The control plane of this binary, and clusters connected to it.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use futures::stream::{Stream, StreamExt as _};
use serde_json::{Value, json};
use windlass_cluster::{ApplyOptions, Cluster, Connect, Resource, WatchEvent};
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_object::{GroupVersionKind, Object};

/// Anything that should happen has happened by then, also when other builds take both cores.
pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const APPLY: ApplyOptions<'_> = ApplyOptions {
    manager: "windlass-test",
    force: false,
};

/// One API server for all tests that do not break it; they keep apart by namespaces.
pub(crate) fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| ControlPlane::start(&Options::api_server()))
}

pub(crate) fn connect(kubeconfig: PathBuf) -> Cluster {
    let connect = Connect {
        kubeconfig: Some(kubeconfig),
        renewed: None,
        context: None,
        user_agent: "windlass-test/1".to_owned(),
        allow_insecure_tls: false,
    };
    Cluster::connect(connect).expect("the kit's kubeconfig is good")
}

/// As the agent's own user, bound by RBAC.
pub(crate) fn agent(plane: &ControlPlane) -> Cluster {
    connect(plane.kubeconfig(User::Agent))
}

/// A kubeconfig for plain HTTP at a port of loopback.
pub(crate) fn plain_kubeconfig(folder: &Path, port: u16) -> PathBuf {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "x", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    });
    let path = folder.join("plain.kubeconfig");
    std::fs::write(&path, config.to_string()).expect("a kubeconfig");
    path
}

pub(crate) async fn resolve(cluster: &Cluster, api_version: &str, kind: &str) -> Resource {
    cluster
        .resolve(&GroupVersionKind::new(api_version, kind))
        .await
        .expect("a kind the server has")
}

pub(crate) async fn config_maps(cluster: &Cluster) -> Resource {
    resolve(cluster, "v1", "ConfigMap").await
}

pub(crate) fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

pub(crate) fn config_map(namespace: &str, name: &str, value: &str) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"test": "windlass"}},
        "data": {"key": value},
    }))
}

pub(crate) type Events = Pin<Box<dyn Stream<Item = WatchEvent> + Send>>;

/// The next event; fails the test when none comes.
pub(crate) async fn next(events: &mut Events) -> WatchEvent {
    let event = tokio::time::timeout(SOON, events.next()).await;
    event.expect("an event comes").expect("a watch never ends")
}

/// Reads events until one is what is looked for, and gives that.
pub(crate) async fn until(
    events: &mut Events,
    mut wanted: impl FnMut(&WatchEvent) -> bool,
) -> WatchEvent {
    loop {
        let event = next(events).await;
        if wanted(&event) {
            return event;
        }
    }
}

/// The names of what a list gives, from its beginning to its end.
#[expect(clippy::panic, reason = "a test fails by it")]
pub(crate) async fn listed(events: &mut Events) -> Vec<String> {
    until(events, |event| *event == WatchEvent::Restarted).await;
    let mut names = Vec::new();
    loop {
        match next(events).await {
            WatchEvent::Applied(value) => names.push(name(&value)),
            WatchEvent::Synced(_) => return names,
            other => panic!("a list gives objects, not {other:?}"),
        }
    }
}

pub(crate) fn name(value: &Value) -> String {
    value
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Waits until a channel's value is what is looked for, and gives it.
pub(crate) async fn settled<T: Clone>(
    receiver: &mut tokio::sync::watch::Receiver<T>,
    wanted: impl FnMut(&T) -> bool,
) -> T {
    let found = tokio::time::timeout(SOON, receiver.wait_for(wanted)).await;
    found
        .expect("it settles")
        .expect("the sender lives")
        .clone()
}
