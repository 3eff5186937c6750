//! `trust`: where trust begins, what is vouched for, and what to do about the rest.

mod accept;
mod apply;
mod arguments;
mod change;
pub(crate) mod clone;
mod countersign;
mod error;
mod explain;
mod heartbeat;
mod hook;
mod init;
mod log;
mod node;
mod people;
mod pins;
mod policy;
pub(crate) mod programs;
mod recall;
mod record;
mod report;
mod reset;
mod revision;
mod roots;
mod signing_key;
mod survey;
mod verify;
pub(crate) mod words;

pub(crate) use self::arguments::FarArguments;
pub use self::arguments::TrustArguments;
pub(crate) use self::change::Change;
pub(crate) use self::error::TrustError;
pub use self::node::NodeTrust;
pub(crate) use self::verify::newest as newest_is_taken;

use self::arguments::{HookWhat, TrustWhat};
use self::record::Record;
use crate::arguments::Globals;
use crate::screen::Screen;

/// Runs the command; none of them needs a cluster.
pub(crate) async fn run(
    globals: &Globals,
    screen: &mut Screen<'_>,
    arguments: &TrustArguments,
) -> Result<(), TrustError> {
    match &arguments.what {
        TrustWhat::Init(init) => init::run(screen, init),
        TrustWhat::Verify(verify) => verify::run(screen, verify),
        TrustWhat::Countersign(countersign) => countersign::run(screen, countersign),
        TrustWhat::Override(back) => recall::run(screen, back),
        TrustWhat::Heartbeat(beat) => heartbeat::run(screen, beat),
        TrustWhat::Hook {
            what: HookWhat::Install(hook),
        } => hook::install(screen, hook),
        TrustWhat::Add(add) => people::add(screen, add),
        TrustWhat::Retire(retire) => people::retire(screen, retire),
        TrustWhat::Revoke(revoke) => people::revoke(screen, revoke),
        TrustWhat::Policy { what } => policy::run(screen, what),
        TrustWhat::Explain(explain) => explain::run(screen, explain),
        TrustWhat::Show(show) => {
            let node = node::known(arguments.node.as_ref())?;
            let record = Record::read(globals, Some(node)).await?;
            node::show(screen, node, &record, show)
        }
        TrustWhat::Log(what) => {
            let record = Record::read(globals, arguments.node.as_ref()).await?;
            log::run(screen, &record, what)
        }
        TrustWhat::Reset(reset) => reset::run(screen, node::known(arguments.node.as_ref())?, reset),
        TrustWhat::Roots { what } => roots::run(screen, arguments.node.as_ref(), what),
        TrustWhat::Apply(apply) => apply::run(screen, arguments.node.as_ref(), apply),
        TrustWhat::Accept(accept) => {
            accept::run(screen, node::known(arguments.node.as_ref())?, accept)
        }
    }
}

/// Goes on only if a person agrees, now or beforehand.
fn agreed(screen: &mut Screen<'_>, question: &str, beforehand: bool) -> Result<(), TrustError> {
    if beforehand {
        return Ok(());
    }
    match screen.confirm(question)? {
        Some(true) => Ok(()),
        Some(false) => Err(TrustError::Declined),
        None => Err(TrustError::Wanted {
            what: "nobody is here to agree, so nothing was done".to_owned(),
            next: "give --yes to agree to what is shown above".to_owned(),
        }),
    }
}
