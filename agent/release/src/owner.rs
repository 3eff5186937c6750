//! The HelmRelease that everything here is done for.

use windlass_api::helm_release::HelmReleaseSpec;
use windlass_helm::shorten_name;

/// A HelmRelease: where it is, and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it says.
    pub spec: &'a HelmReleaseSpec,
}

// === impl Owner ===

impl<'a> Owner<'a> {
    /// The release's name, as long as Helm takes it.
    #[must_use]
    pub fn release_name(&self) -> String {
        shorten_name(&self.spec.effective_release_name(self.name))
    }

    /// The namespace that the release goes to.
    #[must_use]
    pub fn release_namespace(&self) -> &'a str {
        self.spec.effective_release_namespace(self.namespace)
    }

    /// The namespace that the release's history is kept in.
    #[must_use]
    pub fn storage_namespace(&self) -> &'a str {
        self.spec.effective_storage_namespace(self.namespace)
    }
}
