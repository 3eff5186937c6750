//! `migrate --check`: what would become of a cluster that Flux keeps, from a clone and a kubeconfig. Nothing is written: objects are
//! applied as a dry run.

mod sources;

use std::path::{Path, PathBuf};

use windlass_api::names;
use windlass_cluster::{ErrorClass, RequestError, Scope};
use windlass_object::Object;

use crate::build::{self, Common};
use crate::diff::{self, Applier, Brought};
use crate::error::CommandError;
use crate::facts::{flag, source, text};
use crate::kind::Kind;
use crate::local_tree::tree_path;
use crate::screen::Screen;
use crate::session::Session;
use crate::table;
use crate::trust::{TrustError, newest_is_taken};

/// Objects that are named in a row.
const NAMED: usize = 3;

/// What becomes of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// windlass does what Flux does.
    Same,
    /// It would change something.
    Differs,
    /// It would not do it as things are.
    Refused,
    /// That cannot be told from here.
    Unseen,
}

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) verdict: Verdict,
    pub(super) why: String,
    /// The line to add, and where.
    pub(super) add: String,
}

/// Where the files and the keys are.
#[derive(Debug)]
pub(super) struct Files<'a> {
    pub(super) path: &'a Path,
    pub(super) signers: &'a [PathBuf],
    /// The GitRepository that it is a clone of.
    pub(super) of: &'a str,
}

// === impl Verdict ===

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Differs => "differs",
            Verdict::Refused => "refused",
            Verdict::Unseen => "not seen",
        }
    }
}

// === impl Row ===

impl Row {
    pub(super) fn new(what: impl Into<String>, verdict: Verdict, why: impl Into<String>) -> Self {
        Row {
            what: what.into(),
            verdict,
            why: why.into(),
            add: String::new(),
        }
    }

    pub(super) fn add(self, add: impl Into<String>) -> Self {
        Row {
            add: add.into(),
            ..self
        }
    }

    fn cells(&self) -> Vec<String> {
        let Row { what, why, add, .. } = self;
        [what, self.verdict.word(), why, add]
            .map(str::to_owned)
            .to_vec()
    }
}

/// Prints the table.
///
/// # Errors
/// [`CommandError::Changed`] where anything differs or is refused.
pub(super) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    clone: &Files<'_>,
) -> Result<(), CommandError> {
    let mut rows = vec![commits(clone)];
    rows.extend(sources::rows(session, clone.of).await?);
    for object in list(session, Kind::Kustomization).await? {
        rows.push(kustomization(session, clone, &object).await);
    }
    for object in list(session, Kind::HelmRelease).await? {
        rows.push(release(&object));
    }
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    let header = ["What", "Verdict", "Why", "To add"];
    screen.print(&table::aligned(&header, &cells))?;
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (same, differs) = (count(Verdict::Same), count(Verdict::Differs));
    let (refused, unseen) = (count(Verdict::Refused), count(Verdict::Unseen));
    let text = format!("{same} same, {differs} different, {refused} refused, {unseen} not seen");
    if differs + refused > 0 {
        screen.warning(&text)?;
        return Err(CommandError::Changed);
    }
    Ok(screen.success(&text)?)
}

/// All objects of a kind; none where the cluster has no such kind.
pub(super) async fn list(session: &Session, kind: Kind) -> Result<Vec<Object>, RequestError> {
    let resource = match session.resource(kind).await {
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(Vec::new()),
        resource => resource?,
    };
    let cluster = &session.cluster;
    cluster
        .list(&resource, &Scope::all(), windlass_cluster::Detail::Object)
        .await
}

/// Whether nodes would take the newest commit, with trust beginning before it.
fn commits(clone: &Files<'_>) -> Row {
    let what = "the newest commit";
    match newest_is_taken(clone.path, clone.signers) {
        Ok(()) => Row::new(what, Verdict::Same, "it is signed"),
        Err(error @ TrustError::Refused(_)) => {
            Row::new(what, Verdict::Refused, first_line(&error.to_string())).add(
                "windlass trust init: one signed commit, and its id for install.sh --introduction",
            )
        }
        Err(error) => Row::new(what, Verdict::Unseen, first_line(&error.to_string()))
            .add("--signers FILE: who may sign, in OpenSSH's allowed_signers format"),
    }
}

async fn kustomization(session: &Session, clone: &Files<'_>, object: &Object) -> Row {
    let what = name(object);
    let (kind, namespace, source) = source(object);
    if flag(object, "/spec/suspend") {
        return Row::new(what, Verdict::Same, "suspended");
    }
    if format!("{kind}/{namespace}/{source}") != clone.of {
        let why = format!("its files are those of {kind} {namespace}/{source}");
        return Row::new(what, Verdict::Unseen, why)
            .add("let a node observe: install.sh --observe");
    }
    if object.pointer("/spec/kubeConfig").is_some() {
        return Row::new(what, Verdict::Unseen, "its objects are in another cluster");
    }
    match compared(session, clone, object).await {
        Ok((count, changed)) if changed.is_empty() => {
            Row::new(what, Verdict::Same, format!("{count} objects"))
        }
        Ok((count, changed)) => {
            let named = changed.iter().take(NAMED).map(String::as_str);
            let named: Vec<&str> = named.collect();
            let more = match changed.len() > NAMED {
                true => ", ...",
                false => "",
            };
            let why = format!(
                "{} of {count} objects: {}{more}",
                changed.len(),
                named.join(", ")
            );
            Row::new(what, Verdict::Differs, why).add(format!(
                "windlass diff kustomization {} -n {} --path ... shows how",
                object.name(),
                object.namespace().unwrap_or_default()
            ))
        }
        Err(error) => refused(what, &error),
    }
}

/// Builds from the clone and asks what applying would change; gives how many objects there are, and which would change.
async fn compared(
    session: &Session,
    clone: &Files<'_>,
    object: &Object,
) -> Result<(usize, Vec<String>), CommandError> {
    let below = text(object, "/spec/path").trim_start_matches('/');
    let path = clone.path.join(below);
    let directory = tree_path(&path).ok().filter(|_| path.is_dir());
    let directory =
        directory.ok_or_else(|| CommandError::Build(format!("{} is not there", path.display())))?;
    let common = Common::of(object.name(), &path);
    let objects = build::objects(Some(session), &common, &directory, object).await?;
    let brought = Brought::by(&objects);
    let mut changed = Vec::new();
    let applied = objects.iter().filter(|object| !is_replaced(object));
    for object in applied.clone() {
        let found = diff::change(session, object, &brought, Applier::Kustomization).await?;
        if found.is_one() {
            changed.push(object.key().to_string());
        }
    }
    Ok((applied.count(), changed))
}

/// What windlass takes the place of, and leaves alone (decision 3).
fn is_replaced(object: &Object) -> bool {
    let is_flux = object.label(names::PART_OF) == Some("flux")
        && object.label(names::INSTANCE) == Some(names::FLUX_SYSTEM);
    let is_root = object.name() == names::FLUX_SYSTEM
        && object.namespace() == Some(names::FLUX_SYSTEM)
        && [names::GIT_REPOSITORY, names::KUSTOMIZATION].contains(&object.kind());
    is_flux || is_root
}

/// Why a build fails here and what to do about it: where windlass is stricter than kustomize, or the files are wrong for Flux, too.
fn refused(what: String, error: &CommandError) -> Row {
    let why = first_line(&error.to_string());
    let add = match why.as_str() {
        text if text.contains("windlass.lock") || text.contains("not pinned") => {
            "windlass lock; or on the node: [remote] unpinned = \"first-seen\""
        }
        text if text.contains("helmChart") || text.contains("HelmChartInflationGenerator") => {
            "a HelmRelease in its place"
        }
        _ => "",
    };
    Row::new(what, Verdict::Refused, why).add(add)
}

/// Charts are rendered on nodes, which keep them: here only what no node would do is told.
fn release(object: &Object) -> Row {
    let what = name(object);
    if flag(object, "/spec/suspend") {
        return Row::new(what, Verdict::Same, "suspended");
    }
    if text(object, "/spec/chartRef/kind") == Kind::ExternalArtifact.name() {
        return Row::new(
            what,
            Verdict::Refused,
            "charts of ExternalArtifacts are not served",
        )
        .add("spec.chartRef to an OCIRepository or HelmChart");
    }
    Row::new(what, Verdict::Unseen, "its chart is rendered on a node")
        .add("let a node observe: install.sh --observe")
}

pub(super) fn name(object: &Object) -> String {
    format!(
        "{}/{}/{}",
        object.kind(),
        object.namespace().unwrap_or_default(),
        object.name()
    )
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lock_or_a_release_would_help_is_said() {
        let add = |message: &str| {
            let error = CommandError::Build(message.to_owned());
            refused("Kustomization/a/b".to_owned(), &error).add
        };
        assert!(add("a: https://x is not pinned in windlass.lock").starts_with("windlass lock"));
        assert!(add("kustomization.yaml: helmCharts are refused").contains("HelmRelease"));
        assert_eq!(add("something else"), "");
    }

    #[test]
    fn a_row_says_what_the_verdict_is_and_what_to_add() {
        let row = Row::new("a", Verdict::Refused, "b").add("c");
        assert_eq!(row.cells(), ["a", "refused", "b", "c"]);
    }
}
