//! `pause` and `unpause`.

use clap::Args;
use windlass_api::duration::GoDuration;
use windlass_api::names;
use windlass_api::pause::Pause;
use windlass_cluster::{ApplyOptions, Authority, ErrorClass, Preconditions, Propagation};
use windlass_object::GroupVersionKind;

use crate::error::CommandError;
use crate::screen::Screen;
use crate::session::{MANAGER, Session, banner, now};
use crate::suspend::end_of;

/// Arguments of `pause`.
#[derive(Debug, Clone, Args)]
pub struct PauseArguments {
    /// Ends by itself after this time, as 2h
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) length: Option<GoDuration>,
    /// Why, shown by every command
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// Runs `pause`: an earlier pause is replaced.
pub(crate) async fn pause(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &PauseArguments,
) -> Result<(), CommandError> {
    let until = arguments
        .length
        .map(|length| end_of(now(), length))
        .transpose()?;
    let pause = Pause {
        until,
        reason: arguments.reason.clone(),
        by: person(),
    };
    screen.action("pausing every node")?;
    let config_maps = session
        .cluster
        .resolve(&GroupVersionKind::new("v1", "ConfigMap"))
        .await?;
    let options = ApplyOptions {
        manager: MANAGER,
        force: true,
    };
    let cluster = &session.cluster;
    cluster
        .apply(
            Authority::Person,
            &config_maps,
            &pause.to_object(),
            &options,
        )
        .await?;
    Ok(screen.success(&banner(&pause, now()))?)
}

/// Runs `unpause`.
pub(crate) async fn unpause(
    session: &Session,
    screen: &mut Screen<'_>,
) -> Result<(), CommandError> {
    let config_maps = session
        .cluster
        .resolve(&GroupVersionKind::new("v1", "ConfigMap"))
        .await?;
    let anything = Preconditions::default();
    let deleted = session.cluster.delete(
        Authority::Person,
        &config_maps,
        names::FLUX_SYSTEM,
        names::PAUSE,
        &anything,
        Propagation::Background,
    );
    match deleted.await {
        Ok(()) => Ok(screen.success("the pause is over; nodes write again")?),
        Err(error) if error.class() == ErrorClass::NotFound => {
            Ok(screen.success("nothing is paused")?)
        }
        Err(error) => Err(error.into()),
    }
}

/// The name this person works under.
fn person() -> String {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
    let mut names = names.filter_map(|name| std::env::var(name).ok());
    names.find(|name| !name.is_empty()).unwrap_or_default()
}
