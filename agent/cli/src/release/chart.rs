//! The chart of a release: from files of this machine, or the one that the agent of this node keeps.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_api::helm_chart::HelmChartSpec;
use windlass_api::helm_release::{ChartReferenceKind, ChartSourceKind};
use windlass_api::{names, parse};
use windlass_control::{Answer, KeptChart, Question};
use windlass_helm::{Chart, File, archive_files, load_archive, load_files};
use windlass_kustomize::{Entry, EntryKind, Tree, TreeError};
use windlass_release::chart::{Built, Content, Nowhere, Wanted, find, of_package};

use super::Found;
use crate::arguments::Globals;
use crate::elsewhere::Elsewhere;
use crate::error::CommandError;
use crate::helm::chart::read;
use crate::kind::Kind;
use crate::local_tree::{LocalTree, as_seen_here, tree_path};
use crate::session::Session;

/// A chart, and what it is known as.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) chart: Chart,
    pub(super) version: String,
}

/// What is asked for of a source.
struct Asked {
    /// Whether the source's files have the chart among them, and not only it.
    in_source: bool,
    path: String,
    values_files: Vec<String>,
    ignore_missing: bool,
}

/// Finds the chart.
pub(super) async fn locate(
    globals: &Globals,
    session: Option<&Session>,
    found: &Found,
    path: Option<&Path>,
) -> Result<Located, CommandError> {
    match path {
        Some(path) => in_files(&asked(session, found).await?, path),
        None => kept(globals, session, found).await,
    }
}

/// What the HelmRelease, or the HelmChart that it names, says.
async fn asked(session: Option<&Session>, found: &Found) -> Result<Asked, CommandError> {
    if let Some(template) = &found.spec.chart {
        let spec = &template.spec;
        return Ok(Asked {
            in_source: spec.source_ref.kind != ChartSourceKind::HelmRepository,
            path: spec.chart.clone(),
            values_files: spec.values_files.clone(),
            ignore_missing: spec.ignore_missing_values_files,
        });
    }
    let reference = found.spec.chart_ref.as_ref();
    let chart = reference.filter(|one| one.kind == ChartReferenceKind::HelmChart);
    match (chart, session) {
        (Some(reference), Some(session)) => {
            let own = found.owner().namespace;
            let namespace = reference.namespace.as_deref().unwrap_or(own);
            let object = session
                .get_in(Kind::HelmChart, namespace, &reference.name)
                .await?;
            let typed = parse::helm_chart(&object);
            let spec = typed.map_err(|error| CommandError::Build(error.to_string()))?;
            Ok(of_helm_chart(spec.spec))
        }
        // What is known of such a chart is the chart itself.
        _ => Ok(Asked {
            in_source: false,
            path: String::new(),
            values_files: Vec::new(),
            ignore_missing: false,
        }),
    }
}

fn of_helm_chart(spec: HelmChartSpec) -> Asked {
    Asked {
        in_source: spec.source_ref.kind
            != windlass_api::helm_chart::HelmChartSourceKind::HelmRepository,
        path: spec.chart,
        values_files: spec.values_files,
        ignore_missing: spec.ignore_missing_values_files,
    }
}

/// The chart in files of this machine, made as the nodes make it.
fn in_files(asked: &Asked, path: &Path) -> Result<Located, CommandError> {
    let shown = path.display();
    let fail = |error: String| CommandError::Build(format!("{shown}: {}", as_seen_here(&error)));
    let root = tree_path(path).map_err(|error| fail(error.to_string()))?;
    let mut wanted = Wanted {
        path: &asked.path,
        values_files: &asked.values_files,
        ignore_missing: asked.ignore_missing,
        metadata: "",
    };
    let is_chart = path.is_file() || path.join("Chart.yaml").is_file();
    if asked.in_source && is_chart && !asked.values_files.is_empty() {
        return Err(CommandError::Usage(format!(
            "--path {shown} is the chart itself, and its valuesFiles are in its source: name the directory with the source's files"
        )));
    }
    if path.is_file() {
        let bytes = read(path).map_err(|error| fail(error.to_string()))?;
        let files = archive_files(&bytes).map_err(|error| fail(error.to_string()))?;
        let built = of_package(bytes, files, wanted).map_err(|error| fail(error.to_string()))?;
        return loaded(built).map_err(fail);
    }
    if !asked.in_source || is_chart {
        wanted.path = "";
    }
    let tree = Rooted {
        tree: LocalTree {
            restricts: false,
            left_out: None,
            elsewhere: Elsewhere::of(path),
        },
        root,
    };
    let built = find(&tree, wanted).and_then(|found| found.build(&Nowhere));
    let built = built.map_err(|error| fail(error.to_string()))?;
    loaded(built).map_err(fail)
}

fn loaded(built: Built) -> Result<Located, String> {
    let chart = match built.content {
        Content::Archive(bytes) => load_archive(&bytes),
        Content::Files(files) => load_files(files),
    };
    Ok(Located {
        chart: chart.map_err(|error| error.to_string())?,
        version: built.version,
    })
}

/// The chart that the agent of this node keeps for the release.
async fn kept(
    globals: &Globals,
    session: Option<&Session>,
    found: &Found,
) -> Result<Located, CommandError> {
    let socket = globals.agent_socket.as_deref();
    let socket = socket.unwrap_or(Path::new(names::CONTROL_SOCKET));
    let nobody = |why: String| {
        let socket = socket.display().to_string();
        CommandError::NoChart { socket, why }
    };
    if let (Some(session), Ok(Answer::Standing(standing))) = (
        session,
        windlass_control::ask(socket, Question::Standing).await,
    ) && standing.server != session.cluster.server()
    {
        let server = session.cluster.server();
        return Err(nobody(format!(
            "it serves {}, and not {server}",
            standing.server
        )));
    }
    let question =
        question(found).ok_or_else(|| nobody("the release names no chart".to_owned()))?;
    match windlass_control::ask(socket, question).await {
        Ok(Answer::Chart(chart)) => unpacked(chart).map_err(nobody),
        Ok(Answer::Refused(why)) => Err(nobody(why)),
        Ok(_) => Err(nobody(
            "nothing of use; it is of another version".to_owned(),
        )),
        Err(error) => Err(nobody(error.to_string())),
    }
}

fn question(found: &Found) -> Option<Question> {
    let owner = found.owner();
    let own = |namespace: &Option<String>| {
        let namespace = namespace.as_deref().unwrap_or(owner.namespace);
        namespace.to_owned()
    };
    if let Some(template) = &found.spec.chart {
        return Some(Question::Chart {
            kind: names::HELM_CHART.to_owned(),
            namespace: own(&template.spec.source_ref.namespace),
            name: format!("{}-{}", owner.namespace, owner.name),
        });
    }
    let reference = found.spec.chart_ref.as_ref()?;
    let kind = match reference.kind {
        ChartReferenceKind::OciRepository => names::OCI_REPOSITORY,
        ChartReferenceKind::HelmChart => names::HELM_CHART,
        ChartReferenceKind::ExternalArtifact => return None,
    };
    Some(Question::Chart {
        kind: kind.to_owned(),
        namespace: own(&reference.namespace),
        name: reference.name.clone(),
    })
}

fn unpacked(kept: KeptChart) -> Result<Located, String> {
    let files = kept.files.into_iter().map(|(name, data)| {
        let data = STANDARD.decode(data).map_err(|error| error.to_string())?;
        let data = data.into();
        Ok(File { name, data })
    });
    let files = files.collect::<Result<Vec<File>, String>>()?;
    let mut chart = load_files(files).map_err(|error| error.to_string())?;
    // Templates see what it is known as, too.
    kept.version.clone_into(&mut chart.metadata.version);
    Ok(Located {
        chart,
        version: kept.version,
    })
}

/// A directory of this machine as the root of a tree, which nothing leads out of.
struct Rooted {
    tree: LocalTree,
    root: String,
}

// === impl Rooted ===

impl Rooted {
    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }
}

impl Tree for Rooted {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.tree.read(&self.path(path))
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        self.tree.list(&self.path(directory))
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        self.tree.kind(&self.path(path))
    }
}
