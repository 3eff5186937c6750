//! `windlass helm template`: what `helm template` prints, from the files of this machine.

pub(crate) mod chart;
mod fetch;
mod flags;
mod output;
mod provenance;
mod server;
mod values;

use std::net::ToSocketAddrs as _;

use clap::{Args, Subcommand};
use rand::TryRngCore as _;
use serde_json::{Map, Value};
use windlass_helm::{
    Capabilities, Chart, KubeVersion, Operation, Parts, Release, Rendered, Surroundings,
    is_release_name, missing_dependencies, render, render_name, show_only,
};

use self::flags::{DryRun, TemplateFlags};
use crate::arguments::Globals;
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
    #[command(args_override_self = true)]
    Template(Box<TemplateFlags>),
}

/// The clock and randomness of this machine, and no cluster.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Offline {
    /// Whether templates may ask where a host is.
    pub(crate) resolves: bool,
}

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

    fn resolve(&self, host: &str) -> String {
        if !self.resolves {
            return String::new();
        }
        let found = (host, 0).to_socket_addrs();
        let first = found.ok().and_then(|mut found| found.next());
        first.map_or_else(String::new, |address| address.ip().to_string())
    }
}

/// Renders and prints.
pub(crate) async fn run(
    globals: &Globals,
    screen: &mut Screen<'_>,
    arguments: &HelmArguments,
) -> Result<(), CommandError> {
    let HelmWhat::Template(flags) = &arguments.what;
    flags.refuse()?;
    let (name, path) = name_and_chart(flags)?;
    let chart = loaded(path, flags)?;
    let values = flags.values.read()?;
    let release = Release {
        name: name.clone(),
        namespace: globals.namespace.as_deref().unwrap_or(NAMESPACE).to_owned(),
        revision: 1,
        operation: if flags.is_upgrade {
            Operation::Upgrade
        } else {
            Operation::Install
        },
        skips_schema: flags.skip_schema_validation,
    };
    let rendered = match flags.dry_run() {
        DryRun::Client => offline(path, &chart, &values, &release, flags)?,
        DryRun::Server => server::rendered(globals, chart, values, release, flags).await?,
    };
    let parts = Parts {
        definitions: flags.include_crds,
        hooks: !flags.no_hooks,
        tests: !flags.skip_tests,
    };
    if let Some(directory) = &flags.output_dir {
        let named = match flags.release_name {
            true => directory.join(&name),
            false => directory.clone(),
        };
        return output::write(screen, &rendered, parts, &named);
    }
    let mut text = rendered.text(parts);
    if !flags.show_only.is_empty() {
        text = show_only(&text, &flags.show_only).map_err(CommandError::Usage)?;
    }
    Ok(screen.print_yaml(&text)?)
}

/// The chart, with all that it needs.
fn loaded(path: &str, flags: &TemplateFlags) -> Result<Chart, CommandError> {
    let is_remote = fetch::is_remote(path, flags);
    if flags.verify && is_remote {
        let message = "--verify: a package is compared on this machine; fetch it with `helm pull --prov`, and name the file";
        return Err(CommandError::Usage(message.to_owned()));
    }
    if flags.verify {
        provenance::check(path, flags.keyring.as_deref())?;
    }
    let mut chart = match is_remote {
        true => fetch::chart(path, flags)?,
        false => chart::load(path)?,
    };
    if flags.dependency_update {
        fetch::dependencies(path, &mut chart, flags)?;
    }
    is_complete(path, &chart)?;
    Ok(chart)
}

/// The release's name and where the chart is (pkg/action of Helm, `NameAndChart`). `helm template` has a name for every
/// release, so that none is ever generated.
fn name_and_chart(flags: &TemplateFlags) -> Result<(String, &str), CommandError> {
    let usage = |message: &str| CommandError::Usage(message.to_owned());
    let (name, path) = match (flags.name_and_chart.as_slice(), &flags.name_template) {
        ([_, _], Some(_)) => {
            return Err(usage("cannot set --name-template and also specify a name"));
        }
        ([_, _], None) if flags.generate_name => {
            return Err(usage("cannot set --generate-name and also specify a name"));
        }
        ([name, chart], None) => (name.clone(), chart),
        ([chart], Some(template)) if !template.is_empty() => {
            let name = render_name(template, &Offline::default());
            let name = name.map_err(|error| usage(&format!("--name-template: {error}")))?;
            (name, chart)
        }
        ([chart], _) => (RELEASE_NAME.to_owned(), chart),
        _ => return Err(usage("name a chart")),
    };
    if !is_release_name(&name) {
        return Err(CommandError::Usage(format!(
            "release name {name:?}: it has at most 53 characters: words of a-z, 0-9 and inner hyphens, with dots between them"
        )));
    }
    Ok((name, path))
}

fn is_complete(path: &str, chart: &Chart) -> Result<(), CommandError> {
    let missing = missing_dependencies(chart);
    if missing.is_empty() {
        return Ok(());
    }
    Err(CommandError::Build(format!(
        "{path}: found in Chart.yaml, but missing in charts/ directory: {}; fetch them with `helm dependency build {path}`",
        missing.join(", ")
    )))
}

fn offline(
    path: &str,
    chart: &Chart,
    values: &Map<String, Value>,
    release: &Release,
    flags: &TemplateFlags,
) -> Result<Rendered, CommandError> {
    let offline = Offline {
        resolves: flags.enable_dns,
    };
    render(chart, values, release, &capabilities(flags)?, &offline)
        .map_err(|error| CommandError::Build(format!("{path}: {error}")))
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
