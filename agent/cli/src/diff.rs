//! `diff kustomization`: what a Kustomization would change in the cluster if its files were the local ones.
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
enum Change {
    Nothing,
    Skipped,
    Created,
    Drifted(String),
}

/// What all objects of a Kustomization bring along: objects in a new namespace or of a new kind cannot
/// be asked about.
struct Brought {
    namespaces: HashSet<String>,
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
    let DiffWhat::Kustomization(wanted) = &arguments.what;
    match compare(globals, screen, wanted).await {
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
    let mut failures = comparison.failures.into_iter().peekable();
    while let Some(failure) = failures.next() {
        if failures.peek().is_none() {
            return Err(failure);
        }
        screen.failure(&failure.to_string())?;
    }
    Ok(changed)
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
            let shown = object.key();
            let found = change(self.session, object, &brought).await;
            match &found {
                Ok(Change::Nothing) => {}
                Ok(Change::Skipped) => text.push_str(&format!("► {shown} skipped\n")),
                Ok(Change::Created) => text.push_str(&format!("► {shown} created\n")),
                Ok(Change::Drifted(changes)) => {
                    text.push_str(&format!("► {shown} drifted\n{changes}"));
                }
                Err(error) => self.failures.push(error.clone().into()),
            }
            self.changed |= matches!(found, Ok(Change::Created | Change::Drifted(_)));
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

async fn change(
    session: &Session,
    object: &Object,
    brought: &Brought,
) -> Result<Change, RequestError> {
    if switch(object, names::RECONCILE, names::DISABLED)
        || switch(object, names::SSA, names::SSA_IGNORE)
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
    if live.is_some() && switch(object, names::SSA, names::SSA_IF_NOT_PRESENT) {
        return Ok(Change::Skipped);
    }
    let options = ApplyOptions {
        manager: names::APPLY_MANAGER,
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
                && switch(object, names::FORCE, names::ENABLED) =>
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
    fn by(objects: &[Object]) -> Self {
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
