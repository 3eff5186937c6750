//! Why a command failed, and what to do next.

use std::io;

use windlass_cluster::{ConnectError, ErrorClass, RequestError};

use crate::trust::TrustError;

/// The failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Request(#[from] RequestError),
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    #[error("{kind} object '{name}' not found in {namespace} namespace")]
    NotFound {
        kind: &'static str,
        name: String,
        namespace: String,
    },
    #[error("no {kind} objects found in {namespace} namespace")]
    NoObjects {
        kind: &'static str,
        namespace: String,
    },
    #[error("{0} name is required")]
    NameRequired(&'static str),
    #[error("{0} is suspended")]
    Suspended(Box<Subject>),
    #[error("everything is paused, so the request would not be acted on")]
    Paused,
    #[error("cannot reconcile a source of kind {0}")]
    UnsupportedSource(String),
    #[error("{subject} reconciliation failed: {message}")]
    Failed {
        subject: Box<Subject>,
        message: String,
    },
    #[error("timed out after {after} waiting for {subject}: {last}")]
    TimedOut {
        subject: Box<Subject>,
        after: String,
        last: String,
        handled: bool,
    },
    #[error("{subject} was deleted while waiting for it")]
    Deleted { subject: Box<Subject> },
    #[error("{failed} of {total} failed")]
    Several { failed: usize, total: usize },
    #[error(
        "the charts of releases are kept on the nodes, and the agent at {socket} is of no help: {why}"
    )]
    NoChart { socket: String, why: String },
    #[error("check failed")]
    Check,
    #[error("{0}")]
    Build(String),
    #[error("{0}")]
    Usage(String),
    #[error("identified at least one change, exiting with non-zero exit code")]
    Changed,
    #[error("{0}")]
    Unclear(Box<CommandError>),
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// An object that a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) kind: &'static str,
    pub(crate) words: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl Subject {
    fn events(&self) -> String {
        format!(
            "windlass events -n {} --for {}/{}",
            self.namespace, self.kind, self.name
        )
    }

    fn command(&self, verb: &str) -> String {
        format!(
            "windlass {verb} {} {} -n {}",
            self.words, self.name, self.namespace
        )
    }

    /// How to look at it more closely.
    fn look(&self) -> String {
        match self.kind {
            "Kustomization" => self.command("describe"),
            _ => self.events(),
        }
    }
}

impl CommandError {
    /// What to do next, when there is something to say.
    pub(crate) fn next(&self) -> Option<String> {
        match self {
            CommandError::Connect(_) => {
                Some("name the cluster with --kubeconfig and --context".to_owned())
            }
            CommandError::Request(error) => next_after_request(error),
            CommandError::NotFound { .. } | CommandError::NoObjects { .. } => {
                Some("look in all namespaces with `windlass get all -A`".to_owned())
            }
            CommandError::NameRequired(words) => Some(format!(
                "name one, or all with --all (`windlass suspend {words} --all`)"
            )),
            CommandError::Suspended(subject) => {
                Some(format!("let it go on with `{}`", subject.command("resume")))
            }
            CommandError::Paused => Some("end the pause with `windlass unpause`".to_owned()),
            CommandError::UnsupportedSource(_) => {
                Some("leave out --with-source, and see `windlass get sources all`".to_owned())
            }
            CommandError::Failed { subject, .. } | CommandError::Deleted { subject } => {
                Some(format!("see `{}`", subject.look()))
            }
            CommandError::TimedOut {
                subject,
                handled: true,
                ..
            } => Some(format!(
                "see `{}`, or wait longer with --timeout",
                subject.look()
            )),
            CommandError::TimedOut { handled: false, .. } => Some(
                "no node has acted on it: see `windlass status`, and on the node `journalctl -u \
                 windlass`"
                    .to_owned(),
            ),
            CommandError::Trust(error) => error.next(),
            CommandError::Unclear(error) => error.next(),
            CommandError::NoChart { .. } => Some(
                "name the chart, or the files of its source, with --path (`helm pull` fetches one), or run this as \
                 root on a node"
                    .to_owned(),
            ),
            CommandError::Check => Some("correct what is marked with ✗ above".to_owned()),
            CommandError::Output(_)
            | CommandError::Runtime(_)
            | CommandError::Several { .. }
            | CommandError::Build(_)
            | CommandError::Changed
            | CommandError::Usage(_) => None,
        }
    }
}

fn next_after_request(error: &RequestError) -> Option<String> {
    let next = match error.class() {
        ErrorClass::UnknownKind => {
            "the cluster does not know this kind: is windlass installed? See `windlass check`"
        }
        ErrorClass::Unreachable | ErrorClass::Timeout => {
            "is the API server running, and is this the right context? Try `kubectl version`"
        }
        ErrorClass::Forbidden => "ask for the rights named above, or use another --context",
        ErrorClass::Unauthorized => "the credentials in the kubeconfig are no longer accepted",
        ErrorClass::TooManyRequests | ErrorClass::Server | ErrorClass::Conflict => "try again",
        ErrorClass::NotFound | ErrorClass::Invalid | ErrorClass::NotLeading => return None,
    };
    Some(next.to_owned())
}
