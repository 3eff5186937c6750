//! The configuration read again while the agent works: what counts at once, and what only a restart changes.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use windlass_host::config::{PruneSettings, RemoteSettings, Settings, TenancySettings};
use windlass_host::systemd;
use windlass_plan::guard::Limits;

use crate::agent::{AgentError, root_spec};
use crate::controller::Root;
use crate::establish;
use crate::event::Event;
use crate::named::Named;
use crate::secrets::{KeyFileError, SecretPolicy};
use crate::source::status::chain;
use crate::trust::NodeTrust;

/// What the node's config says of the passes. Each takes it as it is when it starts.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Keys of the node, and what it wants of encrypted files.
    pub(crate) secrets: Arc<SecretPolicy>,
    /// How much a revision may delete without asking.
    pub(crate) prune_limits: Limits,
    /// How far apart the namespaces are kept.
    pub(crate) tenancy: TenancySettings,
    /// What becomes of content that is named elsewhere.
    pub(crate) remote: RemoteSettings,
}

/// A configuration whose files were all read.
#[derive(Debug)]
pub(crate) struct Reloaded {
    pub(crate) root: Root,
    pub(crate) trust: Arc<NodeTrust>,
    pub(crate) policy: Policy,
}

// === impl Policy ===

impl Policy {
    pub(crate) fn read(settings: &Settings) -> Result<Self, KeyFileError> {
        Ok(Policy {
            secrets: Arc::new(SecretPolicy::read(&settings.sops)?),
            prune_limits: prune_limits(settings.prune),
            tenancy: settings.tenancy.clone(),
            remote: settings.remote,
        })
    }
}

fn prune_limits(settings: PruneSettings) -> Limits {
    Limits {
        on: settings.guard,
        share: settings.share,
        least: usize::try_from(settings.least).unwrap_or(usize::MAX),
    }
}

// === impl Reloaded ===

impl Reloaded {
    /// Reads every file that the settings name.
    pub(crate) fn read(name: &Named, settings: &Settings) -> Result<Self, AgentError> {
        let trust = Arc::new(NodeTrust::read(settings)?);
        let pair = Arc::new(establish::root_pair(&settings.root));
        Ok(Reloaded {
            policy: Policy::read(settings)?,
            root: Root {
                name: name.clone(),
                spec: root_spec(name, &settings.root, &trust)?,
                settings: settings.root.clone(),
                kustomization: establish::root_kustomization(&pair),
                pair,
            },
            trust,
        })
    }
}

/// Takes each configuration that arrives: hands it on whole, or says why it does not count.
pub(crate) async fn follow(
    name: Named,
    mut arriving: UnboundedReceiver<Settings>,
    current: watch::Sender<Settings>,
    sender: UnboundedSender<Event>,
) {
    while let Some(mut new) = arriving.recv().await {
        let fixed = keep_fixed(&current.borrow(), &mut new);
        if !fixed.is_empty() {
            tracing::warn!(
                "{} changed, which counts after `systemctl restart windlass` only",
                fixed.join(", ")
            );
        }
        match Reloaded::read(&name, &new) {
            Ok(reloaded) => {
                current.send_replace(new);
                if sender.send(Event::Reloaded(Box::new(reloaded))).is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(
                    "{}; what the configuration said before counts until this is corrected",
                    chain(&error)
                );
                loaded_again();
            }
        }
    }
}

/// Tells systemd that a reload has ended.
pub(crate) fn loaded_again() {
    if let Err(error) = systemd::ready() {
        tracing::debug!(%error, "systemd could not be told");
    }
}

/// Puts back what the running agent is built on, and names what of it would be another.
fn keep_fixed(old: &Settings, new: &mut Settings) -> Vec<&'static str> {
    let mut changed = Vec::new();
    let mut keep = |name, differs: bool| {
        if differs {
            changed.push(name);
        }
    };
    keep("[root] name", old.root.name != new.root.name);
    keep("[root] namespace", old.root.namespace != new.root.namespace);
    keep("[cluster]", old.cluster != new.cluster);
    keep("[state]", old.state != new.state);
    keep("[net]", old.net != new.net);
    keep("[manifests]", old.manifests != new.manifests);
    keep("[control]", old.control != new.control);
    keep("[leadership]", old.leadership != new.leadership);
    keep("[node]", old.node != new.node);
    keep("[limits]", old.limits != new.limits);
    keep("[receiver]", old.receiver != new.receiver);
    keep("[metrics]", old.metrics != new.metrics);
    new.root.name.clone_from(&old.root.name);
    new.root.namespace.clone_from(&old.root.namespace);
    new.cluster = old.cluster.clone();
    new.state = old.state.clone();
    new.net = old.net.clone();
    new.manifests = old.manifests.clone();
    new.control = old.control.clone();
    new.leadership = old.leadership.clone();
    new.node = old.node.clone();
    new.limits = old.limits.clone();
    new.receiver = old.receiver;
    new.metrics = old.metrics;
    changed
}
