//! While a revision is held, what it leaves as it was is still put back when somebody changes it.

use windlass_object::Object;
use windlass_plan::{fingerprint, order};

use super::super::Progress;
use super::Pass;
use crate::ledger::Verdict;
use crate::work::apply;
use crate::work::fence::Fence;

/// Corrects the objects that the held revision wants as they were applied last, and nothing else of it.
pub(in crate::kustomization) async fn correct_what_stays(
    pass: &Pass,
    fence: &mut Fence<'_>,
    progress: &mut Progress,
    mut wanted: Vec<Object>,
) {
    wanted.retain(|object| is_drift(pass, object));
    if wanted.is_empty() {
        return;
    }
    let report = apply::apply(&pass.work(), fence, order::stages(wanted)).await;
    progress.wrote = !report.changes.is_empty();
    progress.changes = report.changes;
    if let Some(error) = report.error {
        tracing::warn!(kustomization = %pass.name, %error, "not everything could be put back while the revision is held");
    }
}

/// Whether somebody else changed what this revision leaves as it was.
fn is_drift(pass: &Pass, object: &Object) -> bool {
    let digest = fingerprint::digest(object);
    let verdict = pass.ledger.verdict(&pass.name, &object.key(), &digest);
    matches!(verdict, Verdict::Drifted(_) | Verdict::Vanished)
}
