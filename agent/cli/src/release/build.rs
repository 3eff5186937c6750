//! `build helmrelease`: prints what a HelmRelease would apply.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use windlass_api::helm_release::CrdsPolicy;
use windlass_object::{Map, Object, Value};

use super::{Common, found, work_out};
use crate::arguments::Globals;
use crate::error::CommandError;
use crate::screen::Screen;
use crate::session::Session;

/// What stands in the place of a Secret's value.
const MASK: &str = "***";

#[derive(Debug, Clone, Args)]
pub(crate) struct BuildRelease {
    #[command(flatten)]
    common: Common,
    /// Ask no cluster; values of ConfigMaps and Secrets are left out, and lookups find nothing
    #[arg(long, requires_all = ["path", "helmrelease_file"])]
    dry_run: bool,
    /// Print what is in Secrets
    #[arg(long)]
    show_secrets: bool,
    /// Leave hooks out
    #[arg(long)]
    no_hooks: bool,
}

/// Builds and prints: definitions first, then the objects in the order in which they are applied, then hooks.
pub(crate) async fn run(
    globals: &Globals,
    screen: &mut Screen<'_>,
    wanted: &BuildRelease,
) -> Result<(), CommandError> {
    let session = match wanted.dry_run {
        true => None,
        false => Some(Session::new(globals)?),
    };
    let found = found(globals, session.as_ref(), &wanted.common).await?;
    let what = (&wanted.common, &found);
    let outcome = work_out(globals, screen, session.as_ref(), what).await?;
    let mut objects = outcome.objects;
    if outcome.policy != CrdsPolicy::Skip {
        objects.splice(0..0, outcome.definitions);
    }
    if !wanted.no_hooks {
        objects.extend(outcome.hooks);
    }
    if !wanted.show_secrets {
        objects.iter_mut().for_each(mask);
    }
    crate::build::print(screen, &objects)
}

/// Puts stars in the place of a Secret's values.
fn mask(object: &mut Object) {
    if object.gvk().api_version() != "v1" || object.kind() != "Secret" {
        return;
    }
    let encoded = STANDARD.encode(MASK);
    for (field, mask) in [("data", encoded.as_str()), ("stringData", MASK)] {
        let values = object.as_value_mut().get_mut(field);
        let values = values.and_then(Value::as_object_mut);
        for value in values.into_iter().flat_map(Map::values_mut) {
            *value = Value::from(mask);
        }
    }
}
