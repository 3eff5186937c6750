//! `windlass helm template`: what `helm template` prints, from the files of this machine.

mod chart;
mod values;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rand::TryRngCore as _;
use windlass_helm::{
    Capabilities, KubeVersion, Operation, Parts, Release, Surroundings, render, show_only,
};

use self::values::ValueFlags;
use crate::error::CommandError;
use crate::screen::Screen;

/// The release's name when none is given; Helm's.
const RELEASE_NAME: &str = "release-name";

/// The release's namespace when none is given; Helm's.
const NAMESPACE: &str = "default";

/// Arguments of `helm`.
#[derive(Debug, Clone, Args)]
pub struct HelmArguments {
    #[command(subcommand)]
    pub(crate) what: HelmWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HelmWhat {
    /// Render a chart and print its objects; -n gives the release's namespace [default: default]
    Template(Box<TemplateFlags>),
}

/// helm's own flags.
#[derive(Debug, Clone, Args)]
pub(crate) struct TemplateFlags {
    /// Name of the release, and the chart: a directory or a .tgz file
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    name_and_chart: Vec<String>,
    #[command(flatten)]
    values: ValueFlags,
    /// API versions that the cluster serves beside the usual ones
    #[arg(short, long, value_delimiter = ',', value_name = "VERSION")]
    api_versions: Vec<String>,
    /// Version of Kubernetes that the chart is told
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Print the custom resource definitions in crds/ too
    #[arg(long)]
    include_crds: bool,
    /// Render as for an upgrade
    #[arg(long)]
    is_upgrade: bool,
    /// Leave hooks out
    #[arg(long)]
    no_hooks: bool,
    /// Print only objects from these files of the chart, such as templates/deployment.yaml
    #[arg(short, long, value_name = "FILE")]
    show_only: Vec<String>,
    /// For installing; custom resource definitions are printed only with --include-crds
    #[arg(long, hide = true)]
    skip_crds: bool,
    /// Do not check the values against values.schema.json
    #[arg(long)]
    skip_schema_validation: bool,
    /// Leave tests out
    #[arg(long)]
    skip_tests: bool,
    /// Not supported: windlass fetches charts only for the cluster
    #[arg(long, hide = true)]
    repo: Option<String>,
    /// Not supported: use postRenderers of a HelmRelease
    #[arg(long, hide = true)]
    post_renderer: Option<String>,
    /// Not supported: send the output to a file
    #[arg(long, hide = true)]
    output_dir: Option<PathBuf>,
}

/// The clock and randomness of this machine, and no cluster.
struct Offline;

// === impl Surroundings ===

impl Surroundings for Offline {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        // Keys made of anything less would be no keys; an operating system without randomness is broken.
        rand::rngs::OsRng
            .try_fill_bytes(bytes)
            .expect("the operating system gives randomness");
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<serde_json::Value, String> {
        Ok(serde_json::json!({}))
    }
}

/// Renders and prints.
pub(crate) fn run(
    screen: &mut Screen<'_>,
    namespace: Option<&str>,
    arguments: &HelmArguments,
) -> Result<(), CommandError> {
    let HelmWhat::Template(flags) = &arguments.what;
    refuse(flags)?;
    let (name, path) = match flags.name_and_chart.as_slice() {
        [name, chart] => (name.as_str(), chart),
        [chart] => (RELEASE_NAME, chart),
        _ => return Err(CommandError::Usage("name a chart".to_owned())),
    };
    let chart = chart::load(path)?;
    let values = flags.values.read()?;
    let release = Release {
        name: name.to_owned(),
        namespace: namespace.unwrap_or(NAMESPACE).to_owned(),
        revision: 1,
        operation: if flags.is_upgrade {
            Operation::Upgrade
        } else {
            Operation::Install
        },
        skips_schema: flags.skip_schema_validation,
    };
    let rendered = render(&chart, &values, &release, &capabilities(flags)?, &Offline)
        .map_err(|error| CommandError::Build(format!("{path}: {error}")))?;
    let mut text = rendered.text(Parts {
        definitions: flags.include_crds,
        hooks: !flags.no_hooks,
        tests: !flags.skip_tests,
    });
    if !flags.show_only.is_empty() {
        text = show_only(&text, &flags.show_only).map_err(CommandError::Usage)?;
    }
    Ok(screen.print_yaml(&text)?)
}

fn capabilities(flags: &TemplateFlags) -> Result<Capabilities, CommandError> {
    let mut capabilities = Capabilities::offline();
    if let Some(text) = &flags.kube_version {
        capabilities.kube_version = KubeVersion::parse(text).ok_or_else(|| {
            CommandError::Usage(format!(
                "--kube-version {text}: a version starts with two numbers, such as 1.33"
            ))
        })?;
    }
    let more = flags.api_versions.iter().cloned();
    capabilities.api_versions.extend(more);
    Ok(capabilities)
}

/// Flags whose work is not done here.
fn refuse(flags: &TemplateFlags) -> Result<(), CommandError> {
    let refused = if flags.repo.is_some() {
        "--repo: fetch the chart with `helm pull` and name the file"
    } else if flags.post_renderer.is_some() {
        "--post-renderer: windlass starts no program; use postRenderers of a HelmRelease"
    } else if flags.output_dir.is_some() {
        "--output-dir: send the output to a file, or use --show-only"
    } else {
        return Ok(());
    };
    Err(CommandError::Usage(refused.to_owned()))
}
