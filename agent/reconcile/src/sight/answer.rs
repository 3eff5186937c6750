//! Answers commands on this node from what it saw.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_api::names;
use windlass_control::{Answer, Asker, KeptChart, Question, Record, Standing};
use windlass_host::config::Settings;
use windlass_state::StoreError;

use super::{Known, Sight};
use crate::context::Context;
use crate::named::Named;
use crate::release::chart_for_release;
use crate::source::delivery::Desk;
use crate::source::keep::Keep;

/// What may hold a secret: plain values, and addresses with a token in them. Only who can read the agent's files sees it.
const GUARDED: [(&str, &str); 3] = [
    (names::HELM_RELEASE, "/spec/values"),
    (names::KUSTOMIZATION, "/spec/postBuild/substitute"),
    (names::PROVIDER, "/spec/address"),
];

/// All that is kept of either verdict.
const VERDICTS: usize = 2000;

/// What this node knows of itself.
#[derive(Clone, Debug)]
pub(crate) struct OwnWord {
    node: String,
    says: watch::Receiver<BTreeMap<String, String>>,
}

impl OwnWord {
    /// `says` is what the node says of itself in its Lease.
    pub(crate) fn new(
        settings: &Settings,
        says: watch::Receiver<BTreeMap<String, String>>,
    ) -> Self {
        let node = settings.node.name.clone();
        OwnWord { node, says }
    }

    /// How the agent stands now.
    pub(crate) fn standing(&self, context: &Context) -> Standing {
        Standing {
            node: self.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server: context.cluster.server(),
            silent_since: context.sight.silent_since(),
            says: self.says.borrow().clone(),
        }
    }
}

/// Answers on the node's socket until the task is ended. A node without a socket does its work all the same.
pub(crate) fn serve(
    context: &Arc<Context>,
    settings: &Settings,
    own_word: OwnWord,
    (desk, again): (Desk, CancellationToken),
) -> JoinHandle<()> {
    let asked = Asked {
        observes: settings.node.observes(),
        context: Arc::clone(context),
        own_word,
        desk,
        again,
    };
    let asked = Arc::new(asked);
    let answer = move |asker, question, stream| {
        let asked = Arc::clone(&asked);
        async move { asked.answer(asker, question, stream).await }
    };
    let socket = settings.control.socket.clone();
    tokio::spawn(async move {
        match windlass_control::listen(&socket) {
            Ok(listener) => windlass_control::serve(listener, answer).await,
            Err(error) => not_there(&socket, &error),
        }
    })
}

/// Where nobody made the directory (a laptop, a test), commands ask the API server.
fn not_there(socket: &Path, error: &std::io::Error) {
    let socket = socket.display();
    if error.kind() == std::io::ErrorKind::NotFound {
        tracing::debug!(%socket, "no directory for the socket: commands on this node ask the API server only");
    } else {
        tracing::warn!(%socket, %error, "commands on this node cannot ask the agent");
    }
}

/// What answers are made of.
struct Asked {
    /// Whether this node only looks.
    observes: bool,
    context: Arc<Context>,
    own_word: OwnWord,
    desk: Desk,
    /// Ends the agent, for whoever keeps it running to start it again.
    again: CancellationToken,
}

impl Asked {
    async fn answer(
        &self,
        asker: Asker,
        question: Question,
        stream: UnixStream,
    ) -> Option<(Answer, UnixStream)> {
        let standing = self.own_word.standing(&self.context);
        let answer = match question {
            Question::Standing => Answer::Standing(standing),
            Question::Sight => Answer::Sight(Box::new(self.context.sight.look(asker, standing))),
            Question::Chart {
                kind,
                namespace,
                name,
            } => chart(&self.context, asker, &kind, &Named::new(&namespace, &name)),
            Question::Trust => trust(&self.context),
            Question::Observed => self.observed(),
            Question::Restart if asker != Asker::Owner => {
                Answer::Refused("only root may have the agent start again: use sudo".to_owned())
            }
            Question::Restart => {
                self.again.cancel();
                Answer::Restarts
            }
            Question::Import { .. } if asker != Asker::Owner => {
                Answer::Refused("only root may bring a bundle: use sudo".to_owned())
            }
            Question::Import { source } => {
                let imported = self.desk.import(&self.context, source, stream).await;
                return match imported {
                    Ok((Ok(said), stream)) => Some((Answer::Imported(said), stream)),
                    Ok((Err(why), stream)) => Some((Answer::Refused(why), stream)),
                    Err(error) => {
                        tracing::warn!(%error, "the connection by which a bundle came broke");
                        None
                    }
                };
            }
        };
        Some((answer, stream))
    }
}

impl Asked {
    /// It holds no secret either: what Secrets hold is masked where it is noted.
    fn observed(&self) -> Answer {
        if !self.observes {
            return Answer::Refused("this node does not only observe".to_owned());
        }
        match self.context.keep.store.history(VERDICTS) {
            Ok(history) => Answer::Observed(Box::new(self.context.observations.told(&history))),
            Err(why) => Answer::Refused(why.to_string()),
        }
    }
}

/// The same that `windlass trust log` and `show` read of the files, which only root may. It holds no secret: what is followed is
/// named without credentials.
fn trust(context: &Context) -> Answer {
    match recorded(&context.keep) {
        Ok(record) => Answer::Trust(Box::new(record)),
        Err(why) => Answer::Refused(why.to_string()),
    }
}

fn recorded(keep: &Keep) -> Result<Record, RecordError> {
    let history = keep.store.history(VERDICTS)?;
    let stands = keep.stands()?.into_iter();
    let ratchets = stands.map(|(line, ratchet, _)| {
        let line = serde_json::to_value(line)?;
        Ok((line, serde_json::to_value(ratchet)?))
    });
    Ok(Record {
        history: history
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()?,
        ratchets: ratchets.collect::<Result<_, serde_json::Error>>()?,
    })
}

/// What keeps the node from saying what it trusted.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A chart may be of a repository that not everybody may read.
fn chart(context: &Context, asker: Asker, kind: &str, name: &Named) -> Answer {
    if asker != Asker::Owner {
        return Answer::Refused("only root may have the charts that it keeps".to_owned());
    }
    match chart_for_release::kept(&context.keep.store, kind, name) {
        Ok(kept) => {
            let files = kept.files.into_iter();
            Answer::Chart(KeptChart {
                files: files
                    .map(|file| (file.name, STANDARD.encode(&file.data)))
                    .collect(),
                version: kept.version,
            })
        }
        Err(why) => Answer::Refused(why),
    }
}

impl Sight {
    pub(super) fn silent_since(&self) -> Option<jiff::Timestamp> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.silent_since
    }

    pub(super) fn look(&self, asker: Asker, standing: Standing) -> windlass_control::Sight {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut objects: Vec<Value> = known.objects().collect();
        if asker != Asker::Owner {
            objects.iter_mut().for_each(guard);
        }
        windlass_control::Sight {
            standing,
            objects,
            events: known.events().collect(),
        }
    }
}

/// Takes out what may hold a secret.
pub(super) fn guard(object: &mut Value) {
    let kind = object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let guarded = GUARDED.iter().find(|(of, _)| *of == kind);
    let place = guarded.and_then(|(_, pointer)| object.pointer_mut(pointer));
    if let Some(place) = place {
        *place = Value::Null;
    }
}

impl Known {
    /// Every object; they were serialised here.
    pub(super) fn objects(&self) -> impl Iterator<Item = Value> {
        let objects = self.kinds.values().flat_map(|seen| seen.objects.values());
        objects.filter_map(|object| serde_json::from_str(&object.text).ok())
    }

    /// Every event, the newest last.
    pub(super) fn events(&self) -> impl Iterator<Item = Value> {
        self.events.iter().map(|announced| announced.event.clone())
    }
}
