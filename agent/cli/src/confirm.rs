//! `confirm`: lets a deletion happen that is held because it is large.

use clap::{Args, Subcommand};
use windlass_api::names::CONFIRM_PRUNE;
use windlass_api::reasons;
use windlass_object::Object;

use crate::error::CommandError;
use crate::facts::condition;
use crate::kind::Kind;
use crate::reconcile::request;
use crate::screen::Screen;
use crate::session::{Paused, Session};

/// Arguments of `confirm`.
#[derive(Debug, Clone, Args)]
pub struct ConfirmArguments {
    #[command(subcommand)]
    pub(crate) what: ConfirmWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfirmWhat {
    /// Of a Kustomization
    #[command(alias = "ks")]
    Kustomization {
        /// Its name
        name: String,
        /// Without a question
        #[arg(long)]
        yes: bool,
    },
}

/// What is held, and what confirms exactly that.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    what: String,
    token: String,
}

/// Runs the command.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    what: &ConfirmWhat,
    paused: &Paused,
) -> Result<(), CommandError> {
    if paused.is_paused() {
        return Err(CommandError::Paused);
    }
    let ConfirmWhat::Kustomization { name, yes } = what;
    let object = session.get(Kind::Kustomization, name).await?;
    let Some(held) = held(&object) else {
        let text = format!("Kustomization {name} holds nothing back: there is nothing to confirm");
        return Err(CommandError::Usage(text));
    };
    screen.action(&format!("Kustomization {name} {}", held.what))?;
    let agreed = match yes {
        true => Some(true),
        false => screen.confirm("Is that meant?")?,
    };
    match agreed {
        Some(true) => {}
        Some(false) => return Ok(screen.action("nothing was confirmed")?),
        None => {
            let text = "nobody can be asked here; read the above, then say --yes";
            return Err(CommandError::Usage(text.to_owned()));
        }
    }
    let confirmation = [(CONFIRM_PRUNE, held.token.as_str())];
    request(session, screen, Kind::Kustomization, &object, &confirmation).await
}

/// Reads the condition that the agent wrote: its message ends with the command that confirms.
fn held(object: &Object) -> Option<Held> {
    let ready = condition(object, "Ready").filter(|ready| ready.reason == reasons::PRUNE_HELD)?;
    let (before, token) = ready.message.rsplit_once(&format!("{CONFIRM_PRUNE}="))?;
    let what = before.split_once(" If that is meant:")?.0;
    Some(Held {
        what: what.to_owned(),
        token: token.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_held_is_read_from_the_condition_and_only_from_that_reason() {
        let kustomization = |reason: &str| {
            let message = "held, nothing of it is applied: it would delete 12 of 15 objects. If that is meant: \
                           kubectl -n apps annotate --overwrite kustomizations.x/app \
                           windlass.dev/confirm-prune=3f2a90c4d1e7";
            let condition =
                json!({"type": "Ready", "status": "False", "reason": reason, "message": message});
            Object::from_value(json!({
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "metadata": {"name": "app"}, "status": {"conditions": [condition]},
            }))
            .unwrap()
        };
        let expected = Held {
            what: "held, nothing of it is applied: it would delete 12 of 15 objects.".to_owned(),
            token: "3f2a90c4d1e7".to_owned(),
        };
        assert_eq!(held(&kustomization("PruneHeld")), Some(expected));
        assert_eq!(held(&kustomization("PruneFailed")), None);
    }
}
