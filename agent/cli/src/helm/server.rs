//! `helm template --dry-run=server`: templates see the cluster, and the cluster is asked whether it would take the objects.

use serde_json::{Map, Value};
use windlass_api::names;
use windlass_cluster::{ApplyOptions, ErrorClass};
use windlass_helm::{Chart, Release, Rendered};
use windlass_object::Object;

use super::Offline;
use super::flags::TemplateFlags;
use crate::arguments::Globals;
use crate::error::CommandError;
use crate::release::live;
use crate::session::Session;

/// The manager that helm applies as (pkg/kube of Helm: the name of its program).
const MANAGER: &str = "helm";

/// Renders with the cluster; nothing is written.
pub(super) async fn rendered(
    globals: &Globals,
    chart: Chart,
    values: Map<String, Value>,
    release: Release,
    flags: &TemplateFlags,
) -> Result<Rendered, CommandError> {
    let session = Session::new(globals)?;
    let (name, namespace) = (release.name.clone(), release.namespace.clone());
    let own = Offline {
        resolves: flags.enable_dns,
    };
    let rendered = live::rendered(Some(&session), own, chart, values, release).await?;
    let objects = windlass_release::parse(&rendered.manifest()).map_err(CommandError::Build)?;
    for mut object in objects {
        if object.namespace().is_none_or(str::is_empty) {
            object.set_namespace(Some(&namespace));
        }
        session
            .cluster
            .fit_scope(std::slice::from_mut(&mut object))
            .await;
        check(&session, &object, (&name, &namespace), flags).await?;
    }
    Ok(rendered)
}

/// Fails where the kind is not served, the API server refuses the object, or it is somebody else's.
async fn check(
    session: &Session,
    object: &Object,
    release: (&str, &str),
    flags: &TemplateFlags,
) -> Result<(), CommandError> {
    let resource = session.cluster.resolve(&object.gvk()).await?;
    if !flags.disable_openapi_validation {
        let options = ApplyOptions {
            manager: MANAGER,
            force: true,
        };
        match session
            .cluster
            .apply_dry_run(&resource, object, &options)
            .await
        {
            // The namespace may come with the release.
            Err(error) if error.class() == ErrorClass::NotFound => {}
            tried => drop(tried?),
        }
    }
    if flags.is_upgrade || flags.take_ownership {
        return Ok(());
    }
    let place = object.namespace().unwrap_or_default();
    let live = session
        .cluster
        .get_metadata(&resource, place, object.name());
    match live.await? {
        Some(live) if !is_of(&live, release) => Err(CommandError::Build(format!(
            "{} exists and is not part of release {}/{}; delete it, or use --take-ownership",
            object.key(),
            release.1,
            release.0
        ))),
        _ => Ok(()),
    }
}

fn is_of(live: &Object, (name, namespace): (&str, &str)) -> bool {
    let (label, helm) = names::MANAGED_BY;
    live.label(label) == Some(helm)
        && live.annotation(names::RELEASE_NAME) == Some(name)
        && live.annotation(names::RELEASE_NAMESPACE) == Some(namespace)
}
