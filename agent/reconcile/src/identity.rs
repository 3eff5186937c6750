//! Who this node is in the cluster, where that is an identity of its own: it is renewed long before it runs out, and asked for
//! anew where it is refused.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use windlass_api::names;
use windlass_cluster::{
    Authority, BootClock, Clock as _, Cluster, Connect, ConnectError, OwnKubeconfig, RequestError,
};
use windlass_host::config::Settings;
use windlass_object::GroupVersionKind;
use windlass_state::WriteError;

use crate::ours;

/// The file of the state directory with the identity as it was renewed last.
const KEPT: &str = "kubeconfig";
/// The admin's kubeconfig beside the config, on a server: what a new identity is minted with. Only whether it is there is
/// looked at; the agent may not read it.
const ADMIN: &str = "admin-kubeconfig";
/// The file beside the agent's socket by which systemd is asked to mint (`windlass-identity.path`).
const WANTED: &str = "identity-wanted";
/// Where every namespace has the certificates of the API server.
const AUTHORITY: (&str, &str) = ("kube-root-ca.crt", "/data/ca.crt");
/// How soon it is tried again, and the least between two renewals.
const AGAIN: Duration = Duration::from_secs(60);
/// How often it is looked whether it is time: clocks jump, and machines sleep.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// What keeps a node from renewing its identity.
#[derive(Debug, thiserror::Error)]
enum RenewError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("the API server gave a token of somebody else")]
    Token,
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Where a renewed identity is kept, and how a new one is asked for.
#[derive(Debug)]
pub(crate) struct Mint {
    state: PathBuf,
    admin: PathBuf,
    wanted: PathBuf,
    node: String,
}

/// The cluster of the node's kubeconfig, as it was renewed last.
pub(crate) fn connect(settings: &Settings) -> Result<Cluster, ConnectError> {
    Cluster::connect(Connect {
        kubeconfig: settings.cluster.kubeconfig.clone(),
        renewed: Some(settings.state.dir.join(KEPT)),
        context: settings.cluster.context.clone(),
        user_agent: ours::USER_AGENT.to_owned(),
        allow_insecure_tls: false,
    })
}

/// Keeps the node's own identity good. Where the kubeconfig is somebody else's there is nothing to do, until it is replaced.
pub(crate) async fn follow(cluster: Cluster, mint: Mint) {
    let mut refused = cluster.refused();
    let mut held = Held::since_start();
    let mut told = false;
    loop {
        let left = |held: &Held| Some(held.left(&cluster.own()?, now(), BootClock.now()));
        let wait = left(&held).unwrap_or(LOOK).min(LOOK);
        let is_refused = tokio::select! {
            changed = refused.changed() => changed.is_ok(),
            () = tokio::time::sleep(wait) => false,
        };
        let is_due = left(&held).is_some_and(|left| left.is_zero());
        if !is_due && !is_refused {
            continue;
        }
        if let Some(own) = cluster.own() {
            match renew(&cluster, &own, &mint).await {
                Ok(good_for) => {
                    (held, told) = (Held::since_renewal(), false);
                    let days = good_for.as_secs() / (24 * 60 * 60);
                    tracing::info!("this node's identity is renewed, for {days} days");
                }
                Err(error) => mint.failed(&error, is_refused, &mut told),
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// How long this process has had its identity, by the clock that does not jump.
#[derive(Debug)]
struct Held {
    since: Duration,
    /// Whether it was fresh then. Of one that was there before, only the clock can tell how old it is, and that may be wrong.
    was_fresh: bool,
}

// === impl Held ===

impl Held {
    fn since_start() -> Self {
        Self {
            since: BootClock.now(),
            was_fresh: false,
        }
    }

    fn since_renewal() -> Self {
        Self {
            since: BootClock.now(),
            was_fresh: true,
        }
    }

    /// How long until it is time to renew: when a third of its life is over.
    fn left(&self, own: &OwnKubeconfig, now: i64, boot: Duration) -> Duration {
        let held = boot.saturating_sub(self.since);
        let age = if self.was_fresh {
            held
        } else {
            held.max(own.age(now))
        };
        (own.lifetime() / 3).saturating_sub(age)
    }
}

/// Gets a token, keeps it, and uses it from then on; gives how long it is good for.
async fn renew(
    cluster: &Cluster,
    own: &OwnKubeconfig,
    mint: &Mint,
) -> Result<Duration, RenewError> {
    let token =
        cluster.service_account_token(Authority::Person, own.account(), &[], own.lifetime());
    let token = token.await?;
    let authority = authority(cluster, own).await;
    let renewed = own.renewed(&token, authority.as_deref());
    let renewed = renewed.ok_or(RenewError::Token)?;
    windlass_state::write(&mint.state, KEPT, renewed.text().as_bytes())?;
    cluster.renew_credentials();
    Ok(renewed.lifetime())
}

/// The certificates of the API server as the cluster has them now, where they follow on those the node knows. Those of a balancer
/// in front of it are no business of the cluster.
async fn authority(cluster: &Cluster, own: &OwnKubeconfig) -> Option<String> {
    let kind = GroupVersionKind::new("v1", "ConfigMap");
    let maps = cluster.resolve(&kind).await.ok()?;
    let (name, place) = AUTHORITY;
    let map = cluster.get(&maps, names::FLUX_SYSTEM, name).await.ok()??;
    let offered = map.pointer(place)?.as_str()?;
    let known = own.authority()?;
    follows(&known, offered).then(|| offered.to_owned())
}

/// Whether some certificate is in both texts.
fn follows(known: &str, offered: &str) -> bool {
    let known = certificates(known);
    certificates(offered)
        .iter()
        .any(|certificate| known.contains(certificate))
}

fn certificates(pem: &str) -> Vec<String> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.filter_map(|block| block.split("-----END CERTIFICATE-----").next());
    bodies
        .map(|body| body.split_ascii_whitespace().collect())
        .collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

// === impl Mint ===

impl Mint {
    pub(crate) fn on(settings: &Settings) -> Self {
        let beside = |file: Option<&PathBuf>, name: &str| {
            file.map_or_else(|| PathBuf::from(name), |file| file.with_file_name(name))
        };
        Self {
            state: settings.state.dir.clone(),
            admin: beside(settings.files.first(), ADMIN),
            wanted: beside(Some(&settings.control.socket), WANTED),
            node: settings.node.name.clone(),
        }
    }

    /// Says once what is wrong; a refusal that lasts is answered by a new identity, where this node can have one made.
    fn failed(&self, error: &RenewError, is_refused: bool, told: &mut bool) {
        let first = !std::mem::replace(told, true);
        if !is_refused {
            if first {
                tracing::warn!(%error, "this node's identity could not be renewed yet; trying again");
            }
            return;
        }
        // Not whether it can be read: it is root's.
        if std::fs::symlink_metadata(&self.admin).is_err() {
            if first {
                tracing::warn!(
                    %error,
                    "the API server does not accept this node's identity any more. On a server of the cluster: windlass \
                     identity mint {} (with the --rights it had); put the kubeconfig where it was and restart windlass",
                    self.node
                );
            }
            return;
        }
        match std::fs::write(&self.wanted, format!("{}\n", now())) {
            Ok(()) if first => tracing::warn!(
                %error,
                "the API server does not accept this node's identity any more; it is minted anew (windlass-identity.service)"
            ),
            Ok(()) => {}
            Err(failure) => tracing::warn!(%failure, "a new identity could not be asked for"),
        }
    }
}

#[cfg(test)]
mod tests;
