//! A bundle that somebody brought to this node, on a stick or over ssh: windlass-net reads it, and what it holds is verified and
//! kept exactly as what a fetch brings.

mod contents;

use std::io;
use std::sync::Arc;

use tokio::net::UnixStream as Connection;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use windlass_trust::{CompletenessError, LoadError, VerifyError};

use self::contents::{Contents, receive};
use super::ask::Came;
use super::fetch::{self, FetchError, Fetched};
use super::spec::SourceSpec;
use super::status::{Problem, chain};
use super::{Found, Pass, broke};
use crate::context::Context;
use crate::event::Event;
use crate::named::Named;
use crate::witness::RootLine;

/// What a person hears: what became of it, or why it was not taken.
type Verdict = Result<String, String>;

/// Contents for one source, and whom to tell what became of them.
#[derive(Debug)]
pub(crate) struct Delivery {
    contents: Contents,
    reply: oneshot::Sender<Verdict>,
}

/// What is told when the pass is over.
#[derive(Debug)]
pub(super) struct Receipt(Verdict, oneshot::Sender<Verdict>);

// === impl Delivery ===

impl Delivery {
    pub(crate) fn reply(self, verdict: Verdict) {
        Receipt(verdict, self.reply).send();
    }
}

impl Receipt {
    pub(super) fn send(self) {
        // Whoever brought it may have left.
        let _ = self.1.send(self.0);
    }
}

/// Verifies and keeps what was brought. What is not taken changes nothing: only whoever brought it hears of it.
pub(super) async fn take(
    context: &Arc<Context>,
    spec: &SourceSpec,
    pass: &Pass,
    delivery: Delivery,
) -> Found {
    let Delivery { contents, reply } = delivery;
    let as_before = || Found {
        problem: pass.problem.clone(),
        refused: pass.refused.clone(),
        ..Found::default()
    };
    let (keeping, by) = (Arc::clone(context), spec.clone());
    let taken = tokio::task::spawn_blocking(move || settle(&keeping, &by, contents));
    let (found, verdict) = match taken.await {
        Ok(Ok(Fetched::Accepted(snapshot))) => {
            let said = format!(
                "{} is at {} now, signed by {}",
                pass.name,
                snapshot.revision,
                or_nobody(&snapshot.signer)
            );
            // Whether somebody answers at the URL is not known by this.
            let problem = pass.problem.clone().filter(Problem::is_fetch);
            let found = Found {
                problem,
                ..Found::snapshot(*snapshot)
            };
            (found, Ok(said))
        }
        Ok(Ok(Fetched::Refused(refused))) => (as_before(), Err(refused.problem.message)),
        Ok(Ok(Fetched::Unconfirmed(problem))) => (as_before(), Err(problem.message)),
        Ok(Ok(Fetched::Unchanged)) => {
            let said = format!("{} is there already: nothing changed", pass.name);
            (as_before(), Ok(said))
        }
        Ok(Err(why)) => (as_before(), Err(why)),
        Err(panic) => (as_before(), Err(broke(&panic).message)),
    };
    Found {
        receipt: Some(Receipt(verdict, reply)),
        ..found
    }
}

fn or_nobody(signer: &str) -> &str {
    match signer {
        "" => "nobody: it was accepted before, or is pinned",
        signer => signer,
    }
}

fn settle(context: &Context, spec: &SourceSpec, contents: Contents) -> Result<Fetched, String> {
    let keep = &context.keep;
    let found = contents.found(&spec.reference);
    let (tip, head) = found.ok_or_else(|| {
        let names: Vec<&str> = contents.tips.iter().map(|tip| &*tip.reference).collect();
        format!(
            "it holds {}, and {} follows {}{}",
            names.join(", "),
            spec.name,
            spec.line().selector,
            contents.wants()
        )
    })?;
    let kept = keep.store.kept(&spec.line());
    let before = kept.map_err(|error| error.to_string())?;
    let before = before.map(|kept| kept.head);
    if before == Some(head) && !keep.is_lost(&spec.line()) {
        return Ok(Fetched::Unchanged);
    }
    let wants = contents.wants();
    let incoming = contents.incoming;
    let came = Came {
        head,
        tip,
        incoming,
    };
    let taken = fetch::take(keep, spec, came).map_err(|error| match is_incomplete(&error) {
        true => format!("{}{wants}", chain(&error)),
        false => chain(&error),
    })?;
    if let Fetched::Accepted(snapshot) = &taken {
        let noted = keep.came_elsewhere(&spec.line(), snapshot.source.commit(), before);
        noted.map_err(|error| error.to_string())?;
    }
    Ok(taken)
}

/// Whether an object is missing, which a bundle of more history could hold.
fn is_incomplete(error: &FetchError) -> bool {
    use FetchError::{Completeness, Incomplete, Verify};
    matches!(
        error,
        Incomplete { .. }
            | Verify(VerifyError::Load {
                source: LoadError::Missing { .. },
                ..
            })
            | Completeness(CompletenessError::Load {
                source: LoadError::Missing { .. },
                ..
            })
    )
}

/// Where bundles are brought.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) root: RootLine,
    pub(crate) events: UnboundedSender<Event>,
}

impl Desk {
    /// Takes in a bundle that comes by a connection, and hands it to its source, where it is judged. The connection comes back.
    pub(crate) async fn import(
        &self,
        context: &Arc<Context>,
        source: Option<String>,
        from: Connection,
    ) -> io::Result<(Verdict, Connection)> {
        let from = from.into_std()?;
        // windlass-net reads from it, and waits for what comes.
        from.set_nonblocking(false)?;
        let (context, desk) = (Arc::clone(context), self.clone());
        let received = tokio::task::spawn_blocking(move || {
            let received = receive(&context, &from).map_err(|error| chain(&error));
            let addressed = received.and_then(|contents| {
                let name = contents.belongs_to(&context, &desk.root, source.as_deref())?;
                Ok((name, contents))
            });
            (addressed, from)
        });
        let (addressed, from) = received.await.map_err(io::Error::other)?;
        from.set_nonblocking(true)?;
        let from = Connection::from_std(from)?;
        Ok(match addressed {
            Ok((name, contents)) => (self.hand_over(name, contents).await, from),
            Err(why) => (Err(why), from),
        })
    }

    async fn hand_over(&self, name: Named, contents: Contents) -> Verdict {
        let (reply, verdict) = oneshot::channel();
        let delivery = Box::new(Delivery { contents, reply });
        // Without the loop the answer is that nobody took it.
        let _ = self.events.send(Event::Delivered { name, delivery });
        let gone =
            "the agent let go of it: what the node trusts changed, or it ends; bring it again";
        verdict.await.unwrap_or_else(|_| Err(gone.to_owned()))
    }
}
