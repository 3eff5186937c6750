//! The values of a release, read as whoever runs the command.

use windlass_object::{GroupVersionKind, Map, Value};
use windlass_release::{Gathered, Owner, word};

use crate::error::CommandError;
use crate::screen::Screen;
use crate::session::Session;

/// Puts the values together. Without a cluster what `valuesFrom` names is left out, and that is said.
pub(crate) async fn compose(
    session: Option<&Session>,
    screen: &mut Screen<'_>,
    owner: &Owner<'_>,
) -> Result<Map<String, Value>, CommandError> {
    let mut gathered = Gathered::new(*owner);
    for reference in &owner.spec.values_from {
        let (kind, name) = (word(reference.kind), &reference.name);
        let Some(session) = session else {
            let namespace = owner.namespace;
            screen.warning(&format!(
                "the values of {kind} {namespace}/{name} are left out: --dry-run asks no cluster"
            ))?;
            continue;
        };
        let resource = session
            .cluster
            .resolve(&GroupVersionKind::new("v1", kind))
            .await?;
        let found = session
            .cluster
            .get(&resource, owner.namespace, name)
            .await?;
        let added = gathered.add(reference, found.as_ref());
        added.map_err(CommandError::Build)?;
    }
    gathered.compose().map_err(CommandError::Build)
}
