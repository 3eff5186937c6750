//! The types that strategic merge patches know: those built in, or those of `openapi.path`.

use std::cell::RefCell;
use std::sync::Arc;

use windlass_object::patch::strategic::MergeKeys;

use crate::error::{BuildError, Cause, Place, Step};
use crate::kustomization::{Kustomization, OpenApi};
use crate::load::{parse_own, read_file, resolve};
use crate::tree::Tree;

/// The types of one build. As in kustomize, the first kustomization that says anything says it for all
/// that come after it, the outermost before its bases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types {
    with_built_in: bool,
    said: RefCell<Said>,
}

#[derive(Clone, Debug, Default)]
enum Said {
    #[default]
    Nothing,
    BuiltIn,
    Own(Arc<MergeKeys>),
}

// === impl Types ===

impl Types {
    /// Types of documents add to the built-in ones, and do not take their place.
    pub(crate) fn with_built_in() -> Self {
        Self {
            with_built_in: true,
            ..Self::default()
        }
    }

    /// Takes what a kustomization says, unless another has said something.
    ///
    /// # Errors
    /// The document cannot be read.
    pub(crate) fn take(
        &self,
        tree: &dyn Tree,
        kustomization: &Kustomization,
    ) -> Result<(), BuildError> {
        let mut said = self.said.borrow_mut();
        if !matches!(*said, Said::Nothing) {
            return Ok(());
        }
        *said = match &kustomization.openapi {
            OpenApi::Unset => Said::Nothing,
            OpenApi::BuiltIn => Said::BuiltIn,
            OpenApi::Path(path) => {
                let keys = self.read(tree, &kustomization.directory, path);
                Said::Own(keys.map_err(|cause| kustomization.place("openapi").error(cause))?)
            }
        };
        Ok(())
    }

    pub(crate) fn said_anything(&self) -> bool {
        !matches!(*self.said.borrow(), Said::Nothing)
    }

    fn read(&self, tree: &dyn Tree, directory: &str, path: &str) -> Step<Arc<MergeKeys>> {
        let file = resolve(tree, directory, path)?;
        let text = read_file(tree, directory, path)?;
        let documents = parse_own(&text).map_err(|error| Place::yaml_error(&file, error))?;
        let Some(document) = documents.into_iter().next() else {
            return Err(Cause::invalid(format!("{path:?} is empty")));
        };
        MergeKeys::from_openapi(&document.value, self.with_built_in)
            .map(Arc::new)
            .map_err(|problem| {
                Place::line(&file, document.line)
                    .error(Cause::invalid(problem))
                    .into()
            })
    }

    /// The merge keys, where they are not the built-in ones.
    pub(crate) fn merge_keys(&self) -> Option<Arc<MergeKeys>> {
        match &*self.said.borrow() {
            Said::Own(keys) => Some(Arc::clone(keys)),
            Said::Nothing | Said::BuiltIn => None,
        }
    }
}
