//! What the kinds whose objects fetch something have in common: HelmRepositories, HelmCharts and OCIRepositories.

use std::sync::Arc;

use windlass_cluster::Resource;

use super::Controller;
use crate::context::Kinds;
use crate::finalizer;
use crate::seen::Meta;

impl Controller {
    /// What is kept of objects that are not there any more is dropped; `prefix` is that of their blobs.
    pub(super) fn forget_gone(
        &mut self,
        what: &'static str,
        prefix: &'static str,
        names: Vec<String>,
    ) {
        let keep = Arc::clone(&self.context.keep);
        self.passes.spawn(async move {
            let forgotten =
                tokio::task::spawn_blocking(move || keep.store.leave_blobs_but(prefix, &names));
            if let Ok(Err(error)) = forgotten.await {
                tracing::warn!(%error, "{what} that are gone could not be dropped; it is tried again");
            }
        });
    }

    /// We put no finalizer on these; one that Flux put on is released when the object goes. Says whether that is under way.
    pub(super) fn release_flux_finalizer(
        &mut self,
        meta: &Meta,
        kind: fn(&Kinds) -> &Resource,
    ) -> bool {
        let leadership = self
            .standing
            .leadership
            .clone()
            .filter(|_| self.may_write());
        let Some(leadership) = leadership.filter(|_| finalizer::is_on(meta)) else {
            return false;
        };
        let (context, name) = (Arc::clone(&self.context), meta.name.clone());
        self.passes.spawn(async move {
            let kind = kind(&context.kinds);
            let released = finalizer::release_now(&context.cluster, &leadership, kind, &name).await;
            if let Err(error) = released {
                let kind = &kind.gvk.kind;
                tracing::warn!(kind, %name, %error, "the finalizer could not be released; trying again");
            }
        });
        true
    }
}
