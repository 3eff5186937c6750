//! What the spec says of one action, its defaults filled in.

use windlass_api::helm_release::ServerSideApplyMode;
use windlass_helm::ApplyMethod;
use windlass_plan::release::Action;

use super::pass::Pass;

/// What the spec says of one action.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switches {
    pub(super) hooks: bool,
    pub(super) waits: bool,
    pub(super) waits_for_jobs: bool,
    /// Objects that a failure leaves behind are deleted.
    pub(super) cleans: bool,
    /// What is somebody else's is not taken over.
    pub(super) keeps_off: bool,
    /// The values are not checked.
    pub(super) skips_schema: bool,
}

// === impl Switches ===

impl Switches {
    pub(super) fn of(pass: &Pass, action: Action) -> Self {
        let spec = &pass.spec;
        match action {
            Action::Install => {
                let it = spec.install.clone().unwrap_or_default();
                Switches {
                    hooks: !it.disable_hooks,
                    waits: !it.disable_wait,
                    waits_for_jobs: !it.disable_wait_for_jobs,
                    cleans: false,
                    keeps_off: it.disable_take_ownership,
                    skips_schema: it.disable_schema_validation,
                }
            }
            Action::Rollback => {
                let it = spec.rollback.clone().unwrap_or_default();
                Switches {
                    hooks: !it.disable_hooks,
                    waits: !it.disable_wait,
                    waits_for_jobs: !it.disable_wait_for_jobs,
                    cleans: it.cleanup_on_fail,
                    keeps_off: false,
                    skips_schema: true,
                }
            }
            _ => {
                let it = spec.upgrade.clone().unwrap_or_default();
                Switches {
                    hooks: !it.disable_hooks,
                    waits: !it.disable_wait,
                    waits_for_jobs: !it.disable_wait_for_jobs,
                    cleans: it.cleanup_on_fail,
                    keeps_off: it.disable_take_ownership,
                    skips_schema: it.disable_schema_validation,
                }
            }
        }
    }
}

/// How the objects of a revision are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Writes {
    pub(super) method: ApplyMethod,
    /// Objects that are there are put anew in their place.
    pub(super) replaces: bool,
}

// === impl Writes ===

impl Writes {
    /// For an action; `last` is how the revision was written that `auto` follows.
    pub(super) fn of(pass: &Pass, action: Action, last: Option<ApplyMethod>) -> Self {
        let spec = &pass.spec;
        let (mode, force) = match action {
            Action::Install => {
                let it = spec.install.clone().unwrap_or_default();
                let mode = match it.server_side_apply {
                    Some(false) => ServerSideApplyMode::Disabled,
                    _ => ServerSideApplyMode::Enabled,
                };
                (Some(mode), false)
            }
            Action::Rollback => {
                let it = spec.rollback.clone().unwrap_or_default();
                (it.server_side_apply, it.force)
            }
            _ => {
                let it = spec.upgrade.clone().unwrap_or_default();
                (it.server_side_apply, it.force)
            }
        };
        let method = match mode {
            Some(ServerSideApplyMode::Enabled) => ApplyMethod::Server,
            Some(ServerSideApplyMode::Disabled) => ApplyMethod::Client,
            // Helm notes nothing in what it made before it knew of two ways.
            Some(ServerSideApplyMode::Auto) | None => last.unwrap_or(ApplyMethod::Client),
        };
        Writes {
            method,
            // The API server takes no conflict for one that it may resolve, so there is nothing to force.
            replaces: force && method == ApplyMethod::Client,
        }
    }
}
