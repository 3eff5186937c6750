//! Before the leader reconciles anything: definitions, namespace and the root pair are there.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use serde_json::json;
use windlass_api::kustomization::KustomizationSpec;
use windlass_api::names;
use windlass_cluster::{
    ApplyOptions, Authority, Cluster, ErrorClass, Leadership, PatchOptions, RequestError, Scope,
};
use windlass_cluster::{Detail, Resource};
use windlass_host::config::RootSettings;
use windlass_object::{GroupVersionKind, Object};
use windlass_state::Binding;

use crate::context::Context;
use crate::ours;
use crate::uninstall::{definitions, namespaces};

const APPLY: ApplyOptions<'static> = ApplyOptions {
    manager: ours::MANAGER,
    force: true,
};

/// How often a fresh definition is looked at until its kind is served, and how long at most.
const SERVED_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);
/// How soon the namespace is looked for again while the API server does not answer.
const NAMESPACE_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

/// Creates or updates what everything else rests on. May be repeated at any time.
pub(crate) async fn establish(
    context: &Context,
    leadership: &Leadership,
    root: &RootSettings,
) -> Result<(), RequestError> {
    let authority = Authority::Leader(leadership);
    let cluster = &context.cluster;
    for definition in windlass_api::crds() {
        install(cluster, authority, definition).await?;
    }
    context.installed.send_replace(());
    if context.halted.load(Ordering::SeqCst) {
        return Ok(());
    }
    if cluster
        .get_metadata(&namespaces(), "", &root.namespace)
        .await?
        .is_none()
    {
        let namespace = namespace_object(&root.namespace);
        cluster
            .create(authority, &namespaces(), &namespace, ours::MANAGER)
            .await?;
    }
    bind(context).await?;
    let [source, kustomization] = root_pair(root);
    cluster
        .apply(authority, &context.kinds.git_repository, &source, &APPLY)
        .await?;
    cluster
        .apply(
            authority,
            &context.kinds.kustomization,
            &kustomization,
            &APPLY,
        )
        .await?;
    Ok(())
}

/// Binds what the node keeps to this cluster: what another cluster's Kustomizations made vouches for nothing here.
async fn bind(context: &Context) -> Result<(), RequestError> {
    let found = context
        .cluster
        .get_metadata(&namespaces(), "", "kube-system")
        .await?;
    let uid = found.and_then(|namespace| namespace.uid().map(str::to_owned));
    match uid.map(|uid| context.keep.store.bind(&uid)) {
        Some(Ok(Binding::Changed { was })) => {
            tracing::warn!(
                was,
                "the state belongs to another cluster; what was remembered of it is dropped"
            );
            context.vouchers.clear();
        }
        Some(Err(error)) => tracing::warn!(%error, "the state could not be bound to this cluster"),
        Some(Ok(Binding::New | Binding::Same)) | None => {}
    }
    Ok(())
}

/// Makes the namespace in which the Lease lives; before it is there, nobody can lead.
///
/// This is the one write without a leader: an empty namespace, and several nodes may make it at once. Not when
/// Flux was uninstalled on purpose, which `uninstall_mark` remembers.
pub(crate) async fn namespace(cluster: Cluster, uninstall_mark: PathBuf) {
    let name = names::FLUX_SYSTEM;
    let namespace = namespace_object(name);
    while !uninstall_mark.exists() {
        let there = cluster.get_metadata(&namespaces(), "", name).await;
        if matches!(there, Ok(Some(_))) {
            return;
        }
        if matches!(there, Ok(None)) {
            let kind = namespaces();
            let made = cluster
                .create(Authority::Person, &kind, &namespace, ours::MANAGER)
                .await;
            match made {
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "the namespace could not be made; trying again");
                }
            }
        }
        tokio::time::sleep(NAMESPACE_AGAIN).await;
    }
}

fn namespace_object(name: &str) -> Object {
    object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
}

/// The root GitRepository and Kustomization, as the node's config says.
pub(crate) fn root_pair(root: &RootSettings) -> [Object; 2] {
    let metadata = json!({"name": root.name, "namespace": root.namespace});
    let source = json!({
        "apiVersion": names::SOURCE_API_VERSION, "kind": names::GIT_REPOSITORY,
        "metadata": metadata,
        "spec": {
            "url": url_of(root),
            "ref": {"branch": root.branch},
            "interval": windlass_api::duration::GoDuration(root.interval).to_string(),
        },
    });
    let kustomization = json!({
        "apiVersion": names::KUSTOMIZE_API_VERSION, "kind": names::KUSTOMIZATION,
        "metadata": metadata,
        "spec": {
            "path": root.path,
            "prune": true,
            "interval": "10m0s",
            "sourceRef": {"kind": names::GIT_REPOSITORY, "name": root.name},
        },
    });
    [object(source), object(kustomization)]
}

/// What the root Kustomization builds, to compare with what somebody made of it in the cluster.
pub(crate) fn root_kustomization(pair: &[Object; 2]) -> Option<KustomizationSpec> {
    let [_, kustomization] = pair;
    windlass_api::parse::kustomization(kustomization)
        .ok()
        .map(|typed| typed.spec)
}

/// The URL as Flux's API takes it, which knows no paths.
fn url_of(root: &RootSettings) -> String {
    if root.url.starts_with('/') {
        format!("ssh://localhost{}", root.url)
    } else {
        root.url.clone()
    }
}

fn object(value: serde_json::Value) -> Object {
    Object::from_value(value).expect("it has apiVersion, kind and metadata: it stands above")
}

/// Installs one definition; versions of an older Flux are migrated first.
async fn install(
    cluster: &Cluster,
    authority: Authority<'_>,
    mut definition: Object,
) -> Result<(), RequestError> {
    let name = definition.name().to_owned();
    let live = cluster.get(&definitions(), "", &name).await?;
    let old = live
        .as_ref()
        .map(|live| old_versions(live, &definition))
        .unwrap_or_default();
    if !old.is_empty() {
        let wanted = definition.clone();
        keep_versions(&mut definition, &old);
        cluster
            .apply(authority, &definitions(), &definition, &APPLY)
            .await?;
        migrate(cluster, authority, &wanted).await?;
        definition = wanted;
    }
    cluster
        .apply(authority, &definitions(), &definition, &APPLY)
        .await?;
    served(cluster, &kind_of(&definition)).await.map(drop)
}

/// Versions that the live definition has and ours does not.
fn old_versions(live: &Object, wanted: &Object) -> Vec<serde_json::Value> {
    let ours = version_names(wanted);
    let versions = live
        .pointer("/spec/versions")
        .and_then(|versions| versions.as_array());
    let old = versions.into_iter().flatten().filter(|version| {
        let name = version
            .get("name")
            .and_then(|name| name.as_str())
            .unwrap_or_default();
        !ours.iter().any(|known| known == name)
    });
    old.cloned().collect()
}

fn version_names(definition: &Object) -> Vec<String> {
    let versions = definition
        .pointer("/spec/versions")
        .and_then(|versions| versions.as_array());
    let names = versions
        .into_iter()
        .flatten()
        .filter_map(|version| version.get("name")?.as_str());
    names.map(str::to_owned).collect()
}

/// Old versions stay served while objects may still be stored in them, but nothing new is stored so.
fn keep_versions(definition: &mut Object, old: &[serde_json::Value]) {
    let versions = definition.as_value_mut().pointer_mut("/spec/versions");
    let Some(versions) = versions.and_then(|versions| versions.as_array_mut()) else {
        return;
    };
    for version in old {
        let mut version = version.clone();
        if let Some(fields) = version.as_object_mut() {
            fields.insert("storage".to_owned(), json!(false));
        }
        versions.push(version);
    }
}

/// Rewrites every object in the stored version, then says that no other version is stored.
async fn migrate(
    cluster: &Cluster,
    authority: Authority<'_>,
    definition: &Object,
) -> Result<(), RequestError> {
    let resource = served(cluster, &kind_of(definition)).await?;
    let options = PatchOptions {
        subresource: None,
        manager: ours::MANAGER,
    };
    let objects = cluster
        .list(&resource, &Scope::default(), Detail::Object)
        .await?;
    for object in objects {
        // Writing an object back as it is stores it in the storage version.
        match cluster
            .replace(authority, &resource, &object, &options)
            .await
        {
            Err(error) if error.class() == ErrorClass::NotFound => {}
            Err(error) if error.class() == ErrorClass::Conflict => {
                // Somebody wrote it meanwhile, which stores it in the storage version as well.
            }
            answer => drop(answer?),
        }
    }
    let status = json!({"status": {"storedVersions": version_names(definition)}});
    let options = PatchOptions {
        subresource: Some("status"),
        manager: ours::MANAGER,
    };
    let name = definition.name();
    cluster
        .patch_merge(authority, &definitions(), "", name, &status, &options)
        .await?;
    tracing::info!(definition = name, "objects of an older Flux were migrated");
    Ok(())
}

fn kind_of(definition: &Object) -> GroupVersionKind {
    let field = |pointer| {
        definition
            .pointer(pointer)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
    };
    let version = version_names(definition)
        .into_iter()
        .next()
        .unwrap_or_default();
    GroupVersionKind {
        group: field("/spec/group").to_owned(),
        version,
        kind: field("/spec/names/kind").to_owned(),
    }
}

/// Waits until the API server serves the kind.
async fn served(cluster: &Cluster, kind: &GroupVersionKind) -> Result<Resource, RequestError> {
    let give_up = tokio::time::Instant::now() + SERVED_WITHIN;
    loop {
        let error = match cluster.resolve(kind).await {
            Ok(resource) => match cluster.list(&resource, &one(), Detail::Metadata).await {
                Ok(_) => return Ok(resource),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // A kind that was made just now is answered with 404 and then with 429 until its storage is ready.
        let not_yet = matches!(
            error.class(),
            ErrorClass::UnknownKind | ErrorClass::NotFound | ErrorClass::TooManyRequests
        );
        if !not_yet || tokio::time::Instant::now() > give_up {
            return Err(error);
        }
        cluster.forget_discovery();
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A list that is as small as can be: of a name that nobody uses.
fn one() -> Scope {
    Scope {
        field_selector: "metadata.name=windlass-is-it-served".to_owned(),
        ..Scope::default()
    }
}
