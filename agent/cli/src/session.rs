//! What every command has at hand: the cluster, the namespace, the time it may take.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use windlass_api::pause::{Pause, PauseError};
use windlass_api::{names, time::Time};
use windlass_cluster::{
    Authority, Cluster, Connect, ErrorClass, PatchOptions, RequestError, Resource,
};
use windlass_object::{GroupVersionKind, Object, Value};

use crate::arguments::Globals;
use crate::error::{CommandError, Subject};
use crate::kind::Kind;
use crate::screen::Screen;

/// Field manager of what a person changes.
pub(crate) const MANAGER: &str = "windlass-cli";

/// The setting of one command.
pub(crate) struct Session {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) timeout: Duration,
    /// Where the agent of this node answers, if not at the usual place.
    pub(crate) agent_socket: Option<PathBuf>,
    /// When the timeout has passed, counted from the start of the command as Flux does.
    pub(crate) deadline: Option<Instant>,
}

/// What stops the nodes' writes, as the cluster says it.
pub(crate) enum Paused {
    No,
    Yes(Pause),
    Unclear(PauseError),
}

impl Globals {
    /// With another kubeconfig where none is named.
    #[must_use]
    pub fn or_kubeconfig(self, path: &Path) -> Self {
        let named = self.kubeconfig.is_some() || std::env::var_os("KUBECONFIG").is_some();
        Globals {
            kubeconfig: match named {
                true => self.kubeconfig,
                false => Some(path.to_owned()),
            },
            ..self
        }
    }

    /// The namespace of Flux's objects.
    pub(crate) fn flux_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(names::FLUX_SYSTEM)
    }
}

impl Session {
    /// Takes the options and gives a session; nothing is connected yet.
    pub(crate) fn new(globals: &Globals) -> Result<Session, CommandError> {
        let connect = Connect {
            kubeconfig: globals.kubeconfig.clone(),
            renewed: None,
            context: globals.context.clone(),
            user_agent: format!("windlass/{}", env!("CARGO_PKG_VERSION")),
            allow_insecure_tls: true,
        };
        let timeout = globals.timeout.into();
        Ok(Session {
            cluster: Cluster::connect(connect)?,
            namespace: globals.flux_namespace().to_owned(),
            timeout,
            agent_socket: globals.agent_socket.clone(),
            deadline: Instant::now().checked_add(timeout),
        })
    }

    pub(crate) async fn resource(&self, kind: Kind) -> Result<Resource, RequestError> {
        self.cluster.resolve(&kind.gvk()).await
    }

    /// One object, or the error that it is not there.
    pub(crate) async fn get(&self, kind: Kind, name: &str) -> Result<Object, CommandError> {
        self.get_in(kind, &self.namespace, name).await
    }

    /// One object in a namespace, or the error that it is not there.
    pub(crate) async fn get_in(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Object, CommandError> {
        let resource = self.resource(kind).await?;
        let found = self.cluster.get(&resource, namespace, name).await?;
        found.ok_or_else(|| CommandError::NotFound {
            kind: kind.name(),
            name: name.to_owned(),
            namespace: format!("{namespace:?}"),
        })
    }

    /// Merges a patch into an object, as the person.
    pub(crate) async fn patch(
        &self,
        (resource, object): (&Resource, &Object),
        patch: &Value,
    ) -> Result<(), RequestError> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
        let options = PatchOptions {
            subresource: None,
            manager: MANAGER,
        };
        let patched = self.cluster.patch_merge(
            Authority::Person,
            resource,
            namespace,
            name,
            patch,
            &options,
        );
        patched.await.map(drop)
    }

    /// An object in the namespace, for messages.
    pub(crate) fn subject(kind: Kind, namespace: &str, name: &str) -> Box<Subject> {
        Box::new(Subject {
            kind: kind.name(),
            words: kind.words(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Whether everything is paused. A person without the right to know is told nothing; that no
    /// API server answers is an error here already, so that it is waited for only once.
    pub(crate) async fn paused(&self) -> Result<Paused, RequestError> {
        let config_maps = GroupVersionKind::new("v1", "ConfigMap");
        let found = async {
            let resource = self.cluster.resolve(&config_maps).await?;
            self.cluster
                .get(&resource, names::FLUX_SYSTEM, names::PAUSE)
                .await
        };
        let found = match found.await {
            Err(error)
                if matches!(error.class(), ErrorClass::Unreachable | ErrorClass::Timeout) =>
            {
                return Err(error);
            }
            Ok(found) => found,
            Err(_) => None,
        };
        Ok(match found.as_ref().map(Pause::from_object) {
            None => Paused::No,
            Some(Err(error)) => Paused::Unclear(error),
            Some(Ok(pause)) if pause.holds_at(now()) => Paused::Yes(pause),
            Some(Ok(_)) => Paused::No,
        })
    }
}

/// This machine's clock.
pub(crate) fn now() -> Time {
    Timestamp::now().into()
}

/// The line every command shows while everything is paused.
pub(crate) fn banner(pause: &Pause, now: Time) -> String {
    let mut text = match pause.until {
        Some(until) => {
            let left = crate::words::age(until.seconds_since(now));
            format!("paused for {left} more, until {until}")
        }
        None => "paused until `windlass unpause`".to_owned(),
    };
    let details = [("by ", &pause.by), ("", &pause.reason)];
    let details = details.into_iter().filter(|(_, detail)| !detail.is_empty());
    let details: Vec<String> = details
        .map(|(word, detail)| format!("{word}{detail}"))
        .collect();
    if !details.is_empty() {
        text.push_str(&format!(" ({})", details.join(": ")));
    }
    text.push_str("; no node writes anything");
    text
}

impl Paused {
    /// Shows the banner, if there is one.
    pub(crate) fn show(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        match self {
            Paused::No => {}
            Paused::Yes(pause) => screen.warning(&banner(pause, now()))?,
            Paused::Unclear(error) => {
                screen.warning(&format!("paused: {error}; no node writes anything"))?;
            }
        }
        Ok(())
    }

    pub(crate) fn is_paused(&self) -> bool {
        !matches!(self, Paused::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_says_how_long_who_and_why() {
        let at = |second| Time::new(Timestamp::from_second(second).unwrap());
        let mut pause = Pause {
            until: Some(at(7200)),
            reason: "database move".to_owned(),
            by: "kim".to_owned(),
        };
        assert_eq!(
            banner(&pause, at(60)),
            "paused for 119m more, until 1970-01-01T02:00:00Z (by kim: database move); no node \
             writes anything"
        );
        pause.until = None;
        pause.by.clear();
        assert_eq!(
            banner(&pause, at(0)),
            "paused until `windlass unpause` (database move); no node writes anything"
        );
    }
}
