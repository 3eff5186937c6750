//! What the commands that only look see: the cluster, or, where its API server does not answer, what the agent of this
//! node saw of it last.

mod picked;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use windlass_api::names;
use windlass_api::node::NodeStatus;
use windlass_cluster::{Detail, ErrorClass, RequestError, Scope};
use windlass_control::{Answer, Question, Standing};
use windlass_object::{GroupVersionKind, Object};

use crate::arguments::Globals;
use crate::error::CommandError;
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::{Session, now};
use crate::words::age;

/// Where a command looks.
pub(crate) enum View<'a> {
    Cluster(&'a Session),
    Node(&'a Sight),
}

/// What the agent of this node saw.
#[derive(Debug)]
pub(crate) struct Sight {
    standing: Standing,
    objects: Vec<Object>,
    namespace: String,
    socket: Option<PathBuf>,
}

/// Why the cluster itself is not looked at.
pub(crate) enum Instead<'a> {
    /// There is no kubeconfig to reach it by.
    NoKubeconfig,
    /// There is one, and nobody was asked yet.
    Unasked(&'a Session),
    /// It was asked and did not answer.
    Silent(&'a Session),
}

// === impl Sight ===

impl Sight {
    /// Asks the agent of this node, if there is one, it belongs to the same cluster, and the cluster cannot answer for
    /// itself.
    pub(crate) async fn instead(globals: &Globals, instead: &Instead<'_>) -> Option<Sight> {
        let socket = globals.agent_socket.as_deref();
        let socket = socket.unwrap_or(Path::new(names::CONTROL_SOCKET));
        let Ok(Answer::Standing(standing)) =
            windlass_control::ask(socket, Question::Standing).await
        else {
            return None;
        };
        let (same, silent) = match instead {
            Instead::NoKubeconfig => (true, true),
            Instead::Unasked(session) => {
                let same = session.cluster.server() == standing.server;
                (same, standing.silent_since.is_some())
            }
            Instead::Silent(session) => (session.cluster.server() == standing.server, true),
        };
        if !same || !silent {
            return None;
        }
        match windlass_control::ask(socket, Question::Sight).await {
            Ok(Answer::Sight(sight)) => Some(Sight::new(*sight, globals)),
            _ => None,
        }
    }

    fn new(sight: windlass_control::Sight, globals: &Globals) -> Sight {
        let all = sight.objects.into_iter().chain(sight.events);
        Sight {
            objects: all
                .filter_map(|value| Object::from_value(value).ok())
                .collect(),
            standing: sight.standing,
            namespace: globals.flux_namespace().to_owned(),
            socket: globals.agent_socket.clone(),
        }
    }

    /// The line above everything that is shown: whose word it is and how old.
    pub(crate) fn banner(&self, now: Timestamp) -> String {
        let node = &self.standing.node;
        match self.standing.silent_since {
            Some(since) => format!(
                "the API server at {} does not answer: this is what {node} saw {} ago",
                self.standing.server,
                age(now.as_second().saturating_sub(since.as_second()))
            ),
            None => format!("by the word of the agent on {node}, which sees the cluster"),
        }
    }

    /// What the node says of itself.
    pub(crate) fn node(&self) -> (String, NodeStatus) {
        let status = NodeStatus::from_annotations(&self.standing.says);
        (self.standing.node.clone(), status)
    }

    /// Where it answered, if not at the usual place.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    pub(crate) fn server(&self) -> &str {
        &self.standing.server
    }

    fn list(&self, kind: &GroupVersionKind, scope: &Scope) -> Vec<Object> {
        let of_kind = |object: &&Object| {
            let gvk = object.gvk();
            gvk.group == kind.group && gvk.kind == kind.kind
        };
        let objects = self.objects.iter().filter(of_kind);
        let picked = objects.filter(|object| picked::is_in(object, scope));
        picked.cloned().collect()
    }
}

// === impl View ===

impl View<'_> {
    /// The namespace of what is looked for.
    pub(crate) fn namespace(&self) -> &str {
        match self {
            View::Cluster(session) => &session.namespace,
            View::Node(sight) => &sight.namespace,
        }
    }

    /// Every object of a kind within a scope.
    pub(crate) async fn list(
        &self,
        kind: &GroupVersionKind,
        scope: &Scope,
    ) -> Result<Vec<Object>, RequestError> {
        match self {
            View::Cluster(session) => {
                let resource = session.cluster.resolve(kind).await?;
                session.cluster.list(&resource, scope, Detail::Object).await
            }
            View::Node(sight) => Ok(sight.list(kind, scope)),
        }
    }

    /// As [`View::list`]; none when the cluster has no such kind.
    pub(crate) async fn list_known(
        &self,
        kind: &GroupVersionKind,
        scope: &Scope,
    ) -> Result<Vec<Object>, RequestError> {
        match self.list(kind, scope).await {
            Err(error) if error.class() == ErrorClass::UnknownKind => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// One object in a namespace, or the error that it is not there.
    pub(crate) async fn get_in(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Object, CommandError> {
        match self {
            View::Cluster(session) => session.get_in(kind, namespace, name).await,
            View::Node(sight) => {
                let found = sight.list(&kind.gvk(), &Scope::named(namespace, name));
                let found = found.into_iter().next();
                found.ok_or_else(|| CommandError::NotFound {
                    kind: kind.name(),
                    name: name.to_owned(),
                    namespace: format!("{namespace:?}"),
                })
            }
        }
    }

    /// The cluster, for what only it can do.
    pub(crate) fn session(&self) -> Result<&Session, CommandError> {
        match self {
            View::Cluster(session) => Ok(session),
            View::Node(_) => Err(CommandError::Usage(
                "--watch needs the API server, which does not answer".to_owned(),
            )),
        }
    }

    /// Says whose word what follows is, if it is not the cluster's.
    pub(crate) fn introduce(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        if let View::Node(sight) = self {
            screen.warning(&sight.banner(now().timestamp()))?;
        }
        Ok(())
    }
}
