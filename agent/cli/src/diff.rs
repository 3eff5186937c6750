//! `diff`: what a Kustomization or a HelmRelease would change in the cluster if its files were the local ones.
//!
//! Every object is applied as a dry run, as Flux's command does, and what the API server would hold is
//! compared with what it holds. Nothing is written.

mod change;

use std::collections::HashSet;

use clap::{Args, Subcommand};
use windlass_api::{inventory, names};
use windlass_cluster::{ApplyOptions, ErrorClass, RequestError};
use windlass_object::{Object, ObjectKey, Value};

use crate::arguments::Globals;
use crate::build::{self, Common};
use crate::error::CommandError;
use crate::facts::{field, flag, list};
use crate::kind::Kind;
use crate::release::{self, diff::DiffRelease};
use crate::screen::Screen;
use crate::session::Session;

/// Arguments of `diff`.
#[derive(Debug, Clone, Args)]
pub struct DiffArguments {
    #[command(subcommand)]
    pub(crate) what: DiffWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DiffWhat {
    /// Show what a Kustomization would change: exit status 0 nothing, 1 something, 2 an error
    #[command(alias = "ks")]
    Kustomization(DiffKustomization),
    /// Show what a HelmRelease would change: exit status 0 nothing, 1 something, 2 an error
    #[command(alias = "hr")]
    Helmrelease(DiffRelease),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DiffKustomization {
    #[command(flatten)]
    common: Common,
    /// A Kustomization that is not in the cluster yet is no error
    #[arg(long, requires = "kustomization_file")]
    ignore_not_found: bool,
    /// Accepted for scripts written for Flux; nothing moves on the screen here
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    progress_bar: Option<bool>,
}

/// What applying one object would do.
pub(crate) enum Change {
    Nothing,
    Skipped,
    Created,
    Drifted(String),
}

/// Who applies, and so under which name and what an object may say to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applier {
    Kustomization,
    HelmRelease,
}

/// What all objects of one applier bring along: objects in a new namespace or of a new kind cannot
/// be asked about.
pub(crate) struct Brought {
    pub(crate) namespaces: HashSet<String>,
    kinds: HashSet<(String, String)>,
}

/// Shows the differences.
///
/// # Errors
/// [`CommandError::Changed`] when there are some; any other as [`CommandError::Unclear`].
pub(crate) async fn run(
    globals: &Globals,
    screen: &mut Screen<'_>,
    arguments: &DiffArguments,
) -> Result<(), CommandError> {
    let compared = match &arguments.what {
        DiffWhat::Kustomization(wanted) => compare(globals, screen, wanted).await,
        DiffWhat::Helmrelease(wanted) => release::diff::compare(globals, screen, wanted).await,
    };
    match compared {
        Ok(false) => Ok(()),
        Ok(true) => Err(CommandError::Changed),
        Err(error @ CommandError::Output(_)) => Err(error),
        Err(error) => Err(CommandError::Unclear(Box::new(error))),
    }
}

/// Whether anything would change.
async fn compare(
    globals: &Globals,
    screen: &mut Screen<'_>,
    wanted: &DiffKustomization,
) -> Result<bool, CommandError> {
    let path = build::directory(&wanted.common)?;
    let session = Session::new(globals)?;
    let live = match build::live(&session, &wanted.common).await {
        Err(CommandError::NotFound { .. }) if wanted.ignore_not_found => None,
        found => Some(found?),
    };
    let kustomization = build::chosen(globals, &wanted.common, live.clone())?;
    let mut comparison = Comparison {
        session: &session,
        wanted: &wanted.common,
        seen: HashSet::from([kustomization.key()]),
        failures: Vec::new(),
        changed: false,
    };
    let text = comparison.of(&path, &kustomization, live.as_ref()).await?;
    screen.print(&text)?;
    let changed = comparison.changed;
    fail_with(screen, comparison.failures)?;
    Ok(changed)
}

/// Shows what could not be found out; the last of it is the command's error.
pub(crate) fn fail_with(
    screen: &mut Screen<'_>,
    failures: Vec<CommandError>,
) -> Result<(), CommandError> {
    let mut failures = failures.into_iter().peekable();
    while let Some(failure) = failures.next() {
        if failures.peek().is_none() {
            return Err(failure);
        }
        screen.failure(&failure.to_string())?;
    }
    Ok(())
}

/// A comparison under way.
struct Comparison<'a> {
    session: &'a Session,
    wanted: &'a Common,
    /// The Kustomizations that were looked at.
    seen: HashSet<ObjectKey>,
    /// What could not be found out; the rest is shown all the same.
    failures: Vec<CommandError>,
    changed: bool,
}

// === impl Comparison ===

impl Comparison<'_> {
    /// What would become of the objects of one Kustomization, as text.
    async fn of(
        &mut self,
        path: &str,
        kustomization: &Object,
        live: Option<&Object>,
    ) -> Result<String, CommandError> {
        let objects = build::objects(Some(self.session), self.wanted, path, kustomization).await?;
        let brought = Brought::by(&objects);
        let failed_before = self.failures.len();
        let mut text = String::new();
        for object in &objects {
            let found = change(self.session, object, &brought, Applier::Kustomization).await;
            match &found {
                Ok(change) => text.push_str(&change.line(object)),
                Err(error) => self.failures.push(error.clone().into()),
            }
            self.changed |= found.as_ref().is_ok_and(Change::is_one);
            if matches!(
                found,
                Ok(Change::Nothing | Change::Skipped | Change::Drifted(_))
            ) {
                text.push_str(&self.nested(object).await);
            }
        }
        if self.failures.len() == failed_before && flag(kustomization, "/spec/prune") {
            for gone in deleted(live, &objects) {
                text.push_str(&format!("► {gone} deleted\n"));
                self.changed = true;
            }
        }
        Ok(text)
    }

    /// What would become of the objects of a Kustomization among the objects, where that is asked.
    async fn nested(&mut self, object: &Object) -> String {
        let is_wanted = self.wanted.recursive && build::is_kustomization(object);
        if !is_wanted || !self.seen.insert(object.key()) {
            return String::new();
        }
        let shown = object.key();
        if object.pointer("/spec/kubeConfig").is_some() {
            return format!("► {shown} for another cluster skipped\n");
        }
        let namespace = object.namespace().unwrap_or_default();
        let found = async {
            let path = build::nested_directory(self.wanted, object)?;
            let kind = Kind::Kustomization;
            let live = self.session.get_in(kind, namespace, object.name()).await?;
            Box::pin(self.of(&path, object, Some(&live))).await
        };
        match found.await {
            Ok(text) if text.is_empty() => text,
            Ok(text) => format!("📁 {shown} changed\n{text}"),
            Err(error) => {
                self.failures.push(error);
                String::new()
            }
        }
    }
}

// === impl Change ===

impl Change {
    /// What is shown of it.
    pub(crate) fn line(&self, object: &Object) -> String {
        let shown = object.key();
        match self {
            Change::Nothing => String::new(),
            Change::Skipped => format!("► {shown} skipped\n"),
            Change::Created => format!("► {shown} created\n"),
            Change::Drifted(changes) => format!("► {shown} drifted\n{changes}"),
        }
    }

    /// Whether anything would change.
    pub(crate) fn is_one(&self) -> bool {
        matches!(self, Change::Created | Change::Drifted(_))
    }
}

// === impl Applier ===

impl Applier {
    fn manager(self) -> &'static str {
        match self {
            Applier::Kustomization => names::APPLY_MANAGER,
            Applier::HelmRelease => names::HELM_CONTROLLER,
        }
    }

    /// Whether the object says so to this applier; releases ask no object.
    fn is_told(self, object: &Object, name: &str, value: &str) -> bool {
        self == Applier::Kustomization && switch(object, name, value)
    }
}

/// What applying an object would do to it.
pub(crate) async fn change(
    session: &Session,
    object: &Object,
    brought: &Brought,
    by: Applier,
) -> Result<Change, RequestError> {
    if by.is_told(object, names::RECONCILE, names::DISABLED)
        || by.is_told(object, names::SSA, names::SSA_IGNORE)
    {
        return Ok(Change::Skipped);
    }
    let resource = match session.cluster.resolve(&object.gvk()).await {
        Err(error) if error.class() == ErrorClass::UnknownKind && brought.has_kind(object) => {
            return Ok(Change::Created);
        }
        found => found?,
    };
    let namespace = object.namespace().unwrap_or_default();
    let live = session
        .cluster
        .get(&resource, namespace, object.name())
        .await?;
    if live.is_some() && by.is_told(object, names::SSA, names::SSA_IF_NOT_PRESENT) {
        return Ok(Change::Skipped);
    }
    let options = ApplyOptions {
        manager: by.manager(),
        force: true,
    };
    let tried = session.cluster.apply_dry_run(&resource, object, &options);
    match (live, tried.await) {
        (Some(live), Ok(after)) => Ok(drift(&live, &after)),
        (None, Ok(_)) => Ok(Change::Created),
        (None, Err(error))
            if error.class() == ErrorClass::NotFound && brought.has_place(object) =>
        {
            Ok(Change::Created)
        }
        // What cannot be changed is deleted and made anew.
        (Some(_), Err(error))
            if error.class() == ErrorClass::Invalid
                && by.is_told(object, names::FORCE, names::ENABLED) =>
        {
            Ok(Change::Created)
        }
        (_, Err(error)) => Err(error),
    }
}

fn drift(live: &Object, after: &Object) -> Change {
    let mut before = change::stripped(live.as_value());
    let mut after = change::stripped(after.as_value());
    if live.kind() == "Secret" {
        change::hide(&mut before, &mut after);
    }
    match change::report(&before, &after) {
        text if text.is_empty() => Change::Nothing,
        text => Change::Drifted(text),
    }
}

/// Whether a label or annotation has a value, in whatever case.
fn switch(object: &Object, name: &str, value: &str) -> bool {
    let set = [object.annotation(name), object.label(name)];
    set.into_iter()
        .flatten()
        .any(|set| set.eq_ignore_ascii_case(value))
}

/// Objects that the Kustomization has applied and that are not among the new ones.
fn deleted(live: Option<&Object>, objects: &[Object]) -> Vec<ObjectKey> {
    let new: HashSet<ObjectKey> = objects.iter().map(Object::key).collect();
    let entries = live.map_or(&[][..], |live| list(live, "/status/inventory/entries"));
    let applied = entries
        .iter()
        .filter_map(|entry| inventory::parse(field(entry, "id")).ok());
    applied.filter(|key| !new.contains(key)).collect()
}

// === impl Brought ===

impl Brought {
    pub(crate) fn by(objects: &[Object]) -> Self {
        let mut brought = Self {
            namespaces: HashSet::new(),
            kinds: HashSet::new(),
        };
        for object in objects {
            let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
            match object.kind() {
                "Namespace" => {
                    brought.namespaces.insert(object.name().to_owned());
                }
                "CustomResourceDefinition" => {
                    let group = text("/spec/group").unwrap_or_default().to_owned();
                    let kind = text("/spec/names/kind").unwrap_or_default().to_owned();
                    brought.kinds.insert((group, kind));
                }
                _ => {}
            }
        }
        brought
    }

    fn has_kind(&self, object: &Object) -> bool {
        let gvk = object.gvk();
        self.kinds.contains(&(gvk.group, gvk.kind))
    }

    fn has_place(&self, object: &Object) -> bool {
        let namespace = object.namespace().unwrap_or_default();
        self.namespaces.contains(namespace)
    }
}
