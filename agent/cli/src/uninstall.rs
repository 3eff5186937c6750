//! `uninstall`: takes windlass and Flux's API out of a cluster, and leaves every workload where it is.

mod own;

use std::time::Duration;

use clap::Args;
use serde_json::json;
use windlass_api::names;
use windlass_cluster::{Detail, ErrorClass, RequestError, Resource, Scope};
use windlass_object::{GroupVersionKind, Object, Value};

use crate::error::CommandError;
use crate::facts::text;
use crate::lease;
use crate::removal::{Removal, label};
use crate::screen::Screen;
use crate::session::{Session, now};

/// After a clean stop another node leads within two seconds.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Arguments of `uninstall`.
#[derive(Debug, Clone, Args)]
pub struct UninstallArguments {
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) silent: bool,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Keep Flux's objects and definitions, for Flux or another windlass to take over
    #[arg(long)]
    pub(crate) keep_api: bool,
    /// Do nothing when another node leads
    #[arg(long)]
    pub(crate) if_last: bool,
    /// With --if-last: when another node leads, take what is this node's own: its identity, and the record of its
    /// manifests
    #[arg(long, value_name = "NODE", requires = "if_last")]
    pub(crate) node: Option<String>,
}

/// Runs `uninstall`. First the finalizers, so that nothing prunes what an object applied; then the definitions, and the
/// objects with them; the Leases after that, so that nothing else takes the cluster over before. Identities last: one of
/// them may be whose rights all of this is done with.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &UninstallArguments,
) -> Result<(), CommandError> {
    if arguments.if_last {
        screen.waiting("waiting to see whether another node leads")?;
        tokio::time::sleep(HAND_OVER).await;
    }
    let removal = Removal {
        session,
        dry_run: arguments.dry_run,
    };
    if let Some(node) = leader(session).await? {
        if arguments.if_last {
            if let Some(gone) = &arguments.node {
                removal.node(screen, gone).await?;
            }
            return Ok(screen.success(&format!("{node} leads now; the cluster stays as it is"))?);
        }
        let text = format!("{node} leads; run `sudo ./install.sh --uninstall` on every node first");
        return Err(CommandError::Usage(text));
    }
    agree(screen, arguments)?;
    if !arguments.keep_api {
        removal.api(screen).await?;
    }
    removal.doors(screen).await?;
    removal.manifests(screen).await?;
    removal.leases(screen).await?;
    removal.pause(screen).await?;
    removal.identities(screen).await?;
    let end = match arguments.dry_run {
        true => "that is what it would do; nothing was done",
        false => "windlass is gone from the cluster; everything that it applied is where it was",
    };
    Ok(screen.success(end)?)
}

async fn leader(session: &Session) -> Result<Option<String>, RequestError> {
    let lead = lease::lead(session).await?;
    let held = lead.filter(|lead| lead.is_held(now().timestamp()));
    Ok(held.map(|lead| lead.node))
}

fn agree(screen: &mut Screen<'_>, arguments: &UninstallArguments) -> Result<(), CommandError> {
    if arguments.silent || arguments.dry_run {
        return Ok(());
    }
    let what = match arguments.keep_api {
        true => "Remove windlass's Leases, Services and the identities of its nodes?",
        false => "Remove every Flux object and definition? What they applied stays.",
    };
    match screen.confirm(what)? {
        Some(true) => Ok(()),
        Some(false) => Err(CommandError::Usage("nothing was done".to_owned())),
        None => Err(CommandError::Usage(
            "nobody can be asked here; say --silent to go on without".to_owned(),
        )),
    }
}

impl Removal<'_> {
    async fn api(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let kind = GroupVersionKind::new("apiextensions.k8s.io/v1", "CustomResourceDefinition");
        let definitions = self.session.cluster.resolve(&kind).await?;
        let scope = Scope::labelled(&format!("{}=flux", names::PART_OF));
        let cluster = &self.session.cluster;
        let found = cluster.list(&definitions, &scope, Detail::Object).await?;
        for definition in &found {
            self.finalizers(screen, definition).await?;
        }
        for definition in &found {
            self.delete(screen, &definitions, definition).await?;
        }
        Ok(())
    }

    async fn finalizers(
        &self,
        screen: &mut Screen<'_>,
        definition: &Object,
    ) -> Result<(), CommandError> {
        let kind = text(definition, "/spec/names/kind");
        let Some(version) = served(definition) else {
            return Ok(());
        };
        let api_version = format!("{}/{version}", text(definition, "/spec/group"));
        let kind = GroupVersionKind::new(&api_version, kind);
        let resource = match self.session.cluster.resolve(&kind).await {
            Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(()),
            resource => resource?,
        };
        let everywhere = Scope::all();
        let cluster = &self.session.cluster;
        let objects = cluster
            .list(&resource, &everywhere, Detail::Metadata)
            .await?;
        for object in objects {
            self.unbind(screen, &resource, &object).await?;
        }
        Ok(())
    }

    /// Takes Flux's finalizer off; those of others stay.
    async fn unbind(
        &self,
        screen: &mut Screen<'_>,
        resource: &Resource,
        object: &Object,
    ) -> Result<(), CommandError> {
        let all = object.pointer("/metadata/finalizers");
        let all = all.and_then(Value::as_array).cloned().unwrap_or_default();
        let others: Vec<&Value> = all.iter().filter(|one| **one != names::FINALIZER).collect();
        if others.len() == all.len() {
            return Ok(());
        }
        screen.action(&format!("finalizer off {}", label(resource, object)))?;
        let version = text(object, "/metadata/resourceVersion");
        let patch = json!({"metadata": {"finalizers": others, "resourceVersion": version}});
        self.patch((resource, object), &patch).await
    }

    async fn leases(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let kind = GroupVersionKind::new("coordination.k8s.io/v1", "Lease");
        let leases = self.session.cluster.resolve(&kind).await?;
        let scope = Scope::in_namespace(names::FLUX_SYSTEM);
        let cluster = &self.session.cluster;
        for lease in cluster.list(&leases, &scope, Detail::Object).await? {
            let is_witness = lease.label(names::WITNESS_LABEL).is_some();
            let is_ours = lease.name() == names::LEASE
                || text(&lease, "/spec/holderIdentity") == names::LEASE
                || is_witness;
            if is_ours {
                self.delete(screen, &leases, &lease).await?;
            }
        }
        Ok(())
    }

    async fn pause(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let kind = GroupVersionKind::new("v1", "ConfigMap");
        match self.find(&kind, names::PAUSE).await? {
            Some((maps, pause)) => self.delete(screen, &maps, &pause).await,
            None => Ok(()),
        }
    }
}

/// The version of a definition that objects are stored in, which is served in all of Flux's.
fn served(definition: &Object) -> Option<&str> {
    let versions = definition.pointer("/spec/versions")?.as_array()?;
    let stored = |version: &&Value| version.get("storage").and_then(Value::as_bool) == Some(true);
    versions.iter().find(stored)?.get("name")?.as_str()
}
