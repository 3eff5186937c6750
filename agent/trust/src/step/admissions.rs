//! Whom policies take the signer of a commit for: it is asked about each parent in turn, and most have the same policy.

use std::collections::HashMap;

use crate::{Oid, RefusalReason, Signer};

/// What was said of the commit that was asked about last, by the policy's file.
#[derive(Default)]
pub(super) struct Admissions {
    commit: Option<Oid>,
    said: HashMap<Option<Oid>, Result<Signer, RefusalReason>>,
}

// === impl Admissions ===

impl Admissions {
    /// Gives what was said before.
    pub(super) fn known(
        &self,
        commit: Oid,
        file: Option<Oid>,
    ) -> Option<Result<Signer, RefusalReason>> {
        let said = self.said.get(&file)?;
        (self.commit == Some(commit)).then(|| said.clone())
    }

    /// Takes what is said now.
    pub(super) fn note(
        &mut self,
        commit: Oid,
        file: Option<Oid>,
        said: &Result<Signer, RefusalReason>,
    ) {
        if self.commit != Some(commit) {
            self.commit = Some(commit);
            self.said.clear();
        }
        self.said.insert(file, said.clone());
    }
}
