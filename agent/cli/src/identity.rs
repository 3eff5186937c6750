//! `identity`: what a node is in the cluster. A person's rights make it once; the node renews it by itself, and can be shut
//! out at any time.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use windlass_api::duration::GoDuration;
use windlass_api::names;
use windlass_cluster::{
    ApplyOptions, Authority, Endpoint, ErrorClass, OwnKubeconfig, RequestError, ServiceAccount,
};
use windlass_object::yaml::{Limits, parse_documents};
use windlass_object::{GroupVersionKind, Object, Value};

use crate::error::CommandError;
use crate::facts::{place, text};
use crate::removal::{Removal, remove};
use crate::screen::Screen;
use crate::session::{MANAGER, Session};
use crate::trust::Change;

/// What stands for the node's name in the manifests.
const NODE: &str = "NODE";
/// Arguments of `identity`.
#[derive(Debug, Clone, Args)]
pub struct IdentityArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Make a node's identity, or make it anew, with the rights of whoever runs this
    Mint(MintArguments),
    /// Take a node's identity away: what it holds is refused from then on
    Revoke {
        /// The node's name
        node: String,
    },
}

#[derive(Debug, Clone, Args)]
struct MintArguments {
    /// The node's name, as its config has it
    node: String,
    /// What it may do
    #[arg(long, value_enum, default_value = "full")]
    rights: Rights,
    /// The API server's URL for that node; several are tried in turn [default: this kubeconfig's]
    #[arg(long = "server", value_name = "URL")]
    servers: Vec<String>,
    /// How long it is good for unless it is renewed
    #[arg(long = "for", value_name = "DURATION", default_value = "720h")]
    length: GoDuration,
    /// Where its kubeconfig goes, which root alone reads
    #[arg(long, value_name = "FILE", default_value = "/etc/windlass/kubeconfig")]
    to: PathBuf,
}

/// What a node may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rights {
    /// Everything, as Flux's controllers
    Full,
    /// Flux's own objects; all else as the service accounts that Kustomizations name
    Impersonate,
    /// Look, and write its own Lease
    Cache,
    /// Look at everything, for a node that only observes; it cannot even renew itself
    Observe,
}

// === impl Rights ===

impl Rights {
    /// As the command line has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Rights::Full => "full",
            Rights::Impersonate => "impersonate",
            Rights::Cache => "cache",
            Rights::Observe => "observe",
        }
    }

    fn manifests(self) -> &'static str {
        match self {
            Rights::Full => include_str!("../../../packaging/rbac/full.yaml"),
            Rights::Impersonate => include_str!("../../../packaging/rbac/impersonate.yaml"),
            Rights::Cache => include_str!("../../../packaging/rbac/cache.yaml"),
            Rights::Observe => include_str!("../../../packaging/rbac/observe.yaml"),
        }
    }
}

/// Runs `identity`.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &IdentityArguments,
) -> Result<(), CommandError> {
    match &arguments.what {
        What::Mint(arguments) => mint(session, screen, arguments).await,
        What::Revoke { node } => revoke(session, screen, node).await,
    }
}

async fn mint(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &MintArguments,
) -> Result<(), CommandError> {
    let account = account(&arguments.node)?;
    namespace(session).await?;
    give(session, screen, &arguments.node, arguments.rights).await?;
    let (cluster, length) = (&session.cluster, arguments.length.0);
    let token = cluster.service_account_token(Authority::Person, &account, &[], length);
    let own = OwnKubeconfig::new(&endpoint(session, &arguments.servers), &token.await?);
    let own = own.ok_or_else(|| {
        let message = "the API server gives tokens that windlass does not know how to renew";
        CommandError::Usage(message.to_owned())
    })?;
    let file = Change {
        path: arguments.to.clone(),
        text: own.text(),
    };
    file.write(None)?;
    let days = own.lifetime().as_secs() / (24 * 60 * 60);
    let lasts = match arguments.rights {
        Rights::Observe => format!("it only looks, and is good for {days} days"),
        _ => format!("the agent renews it, and without that it is good for {days} days"),
    };
    Ok(screen.success(&format!(
        "{} is {}/{} in the cluster, by {}; {lasts}",
        arguments.node,
        account.namespace(),
        account.name(),
        arguments.to.display()
    ))?)
}

async fn revoke(
    session: &Session,
    screen: &mut Screen<'_>,
    node: &str,
) -> Result<(), CommandError> {
    account(node)?;
    Removal::now(session).identity(screen, node).await?;
    Ok(screen.success(&format!("the cluster does not know {node} any more"))?)
}

/// Whom a node is in the cluster.
fn account(node: &str) -> Result<ServiceAccount, RequestError> {
    ServiceAccount::new(names::FLUX_SYSTEM, &format!("{}{node}", names::IDENTITY))
}

fn endpoint(session: &Session, servers: &[String]) -> Endpoint {
    let known = session.cluster.endpoint();
    if servers.is_empty() {
        return known;
    }
    let servers = servers
        .iter()
        .map(|url| url.trim_end_matches('/').to_owned());
    Endpoint {
        servers: servers.collect(),
        ..known
    }
}

/// Gives a node rights. What it holds says only who it is, so an identity that it has is good for them too.
pub(crate) async fn give(
    session: &Session,
    screen: &mut Screen<'_>,
    node: &str,
    rights: Rights,
) -> Result<(), CommandError> {
    for object in manifests(node, rights)? {
        let (kind, namespace) = (object.kind(), object.namespace().unwrap_or_default());
        screen.action(&place(kind, namespace, object.name()))?;
        put(session, &object).await?;
    }
    Ok(())
}

/// Whether a kubeconfig is an identity that this command made.
pub(crate) fn is_own(kubeconfig: &Path) -> bool {
    let text = std::fs::read(kubeconfig).unwrap_or_default();
    OwnKubeconfig::read(&text).is_some()
}

/// The objects that give a node its rights.
fn manifests(node: &str, rights: Rights) -> Result<Vec<Object>, CommandError> {
    let text = rights.manifests().replace(NODE, node);
    let documents = parse_documents(text.as_bytes(), &Limits::DEFAULT);
    let documents = documents.map_err(|error| CommandError::Usage(error.to_string()))?;
    let objects = documents.into_iter().map(|document| {
        Object::from_value(document.value).map_err(|error| CommandError::Usage(error.to_string()))
    });
    objects.collect()
}

/// The namespace of the accounts, which a first node finds missing.
async fn namespace(session: &Session) -> Result<(), CommandError> {
    let kind = GroupVersionKind::new("v1", "Namespace");
    let namespaces = session.cluster.resolve(&kind).await?;
    let cluster = &session.cluster;
    let found = cluster.get_metadata(&namespaces, "", names::FLUX_SYSTEM);
    if found.await?.is_some() {
        return Ok(());
    }
    let namespace = object(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names::FLUX_SYSTEM},
    }))?;
    let made = cluster.create(Authority::Person, &namespaces, &namespace, MANAGER);
    match made.await {
        Err(error) if error.class() == ErrorClass::Conflict => Ok(()),
        made => Ok(made.map(drop)?),
    }
}

fn object(value: Value) -> Result<Object, CommandError> {
    Object::from_value(value).map_err(|error| CommandError::Usage(error.to_string()))
}

/// Applies an object. A binding cannot be pointed at another role; it is made anew.
async fn put(session: &Session, object: &Object) -> Result<(), CommandError> {
    let cluster = &session.cluster;
    let kind = object.gvk();
    let resource = cluster.resolve(&kind).await?;
    let role = text(object, "/roleRef/name");
    if !role.is_empty() {
        let namespace = object.namespace().unwrap_or_default();
        let found = cluster.get(&resource, namespace, object.name()).await?;
        if found.is_some_and(|found| text(&found, "/roleRef/name") != role) {
            remove(session, &resource, (namespace, object.name())).await?;
        }
    }
    let options = ApplyOptions {
        manager: MANAGER,
        force: true,
    };
    let applied = cluster.apply(Authority::Person, &resource, object, &options);
    Ok(applied.await.map(drop)?)
}
