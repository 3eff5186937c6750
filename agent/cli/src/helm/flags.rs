//! The flags of `helm template`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::ValueFlags;
use crate::error::CommandError;

/// helm's own flags.
#[derive(Debug, Clone, Args)]
pub(crate) struct TemplateFlags {
    /// Name of the release, and the chart: a directory or a .tgz file
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    pub(super) name_and_chart: Vec<String>,
    #[command(flatten)]
    pub(super) values: ValueFlags,
    /// API versions that the cluster serves beside the usual ones
    #[arg(short, long, value_delimiter = ',', value_name = "VERSION")]
    pub(super) api_versions: Vec<String>,
    /// client: ask no cluster. server: templates see the cluster, which is asked whether it would take the objects
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<DryRun>,
    /// As --dry-run=server
    #[arg(long, conflicts_with = "dry_run")]
    validate: bool,
    /// With --dry-run=server: do not ask the cluster whether it would take the objects
    #[arg(long)]
    pub(super) disable_openapi_validation: bool,
    /// With --dry-run=server: objects that are there and not the release's are no error
    #[arg(long)]
    pub(super) take_ownership: bool,
    /// The name is release-name, as always where none is given
    #[arg(short, long)]
    pub(super) generate_name: bool,
    /// A template that gives the name of the release
    #[arg(long, value_name = "TEMPLATE")]
    pub(super) name_template: Option<String>,
    /// Version of Kubernetes that the chart is told
    #[arg(long, value_name = "VERSION")]
    pub(super) kube_version: Option<String>,
    /// Print the custom resource definitions in crds/ too
    #[arg(long)]
    pub(super) include_crds: bool,
    /// Render as for an upgrade
    #[arg(long)]
    pub(super) is_upgrade: bool,
    /// Leave hooks out
    #[arg(long)]
    pub(super) no_hooks: bool,
    /// Print only objects from these files of the chart, such as templates/deployment.yaml
    #[arg(short, long, value_name = "FILE")]
    pub(super) show_only: Vec<String>,
    /// Do not check the values against values.schema.json
    #[arg(long)]
    pub(super) skip_schema_validation: bool,
    /// Leave tests out
    #[arg(long)]
    pub(super) skip_tests: bool,
    /// Check the package against the signed .prov file beside it
    #[arg(long)]
    pub(super) verify: bool,
    /// Whose signatures count: what `gpg --export` printed [default: ~/.gnupg/pubring.gpg]
    #[arg(long, value_name = "FILE")]
    pub(super) keyring: Option<PathBuf>,
    /// The repository of charts that CHART is a name in: https://... or oci://...
    #[arg(long, value_name = "URL")]
    pub(super) repo: Option<String>,
    /// Version, or range of versions, of a chart that is fetched [default: the newest]
    #[arg(long = "version", value_name = "VERSION")]
    pub(super) chart_version: Option<String>,
    /// Take versions that come before a release too
    #[arg(long)]
    pub(super) devel: bool,
    /// Ask registries without TLS
    #[arg(long)]
    pub(super) plain_http: bool,
    /// Fetch what the chart needs and charts/ does not hold; nothing of it is written
    #[arg(long)]
    pub(super) dependency_update: bool,
    /// Templates may ask for the addresses of hosts
    #[arg(long)]
    pub(super) enable_dns: bool,
    /// Write a file for each template below this directory
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) output_dir: Option<PathBuf>,
    /// With --output-dir: put them into a directory named after the release
    #[arg(long)]
    pub(super) release_name: bool,
    #[command(flatten)]
    refused: Refused,
    #[command(flatten)]
    _idle: Idle,
}

/// Whether a cluster is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DryRun {
    #[value(alias = "true")]
    Client,
    Server,
}

/// Flags whose work is not done here.
#[derive(Debug, Clone, Args)]
struct Refused {
    /// Not supported: use postRenderers of a HelmRelease
    #[arg(long, hide = true)]
    post_renderer: Option<String>,
    /// Not supported: use postRenderers of a HelmRelease
    #[arg(long, hide = true)]
    post_renderer_args: Vec<String>,
    /// Not supported: write it into ~/.netrc
    #[arg(long, hide = true)]
    username: Option<String>,
    /// Not supported: write it into ~/.netrc
    #[arg(long, hide = true)]
    password: Option<String>,
    /// Not supported: write it into ~/.curlrc
    #[arg(long, hide = true)]
    ca_file: Option<PathBuf>,
    /// Not supported: write it into ~/.curlrc
    #[arg(long, hide = true)]
    cert_file: Option<PathBuf>,
    /// Not supported: write it into ~/.curlrc
    #[arg(long, hide = true)]
    key_file: Option<PathBuf>,
    /// Not supported: write it into ~/.curlrc
    #[arg(long, hide = true)]
    insecure_skip_tls_verify: bool,
}

/// Flags that change nothing of what `helm template` prints of a chart of this machine: they are for installing, and for
/// fetching.
#[derive(Debug, Clone, Args)]
struct Idle {
    #[arg(long, hide = true)]
    create_namespace: bool,
    #[arg(long, hide = true)]
    description: Option<String>,
    #[arg(long, hide = true)]
    force_conflicts: bool,
    #[arg(long, hide = true)]
    force_replace: bool,
    #[arg(short, long, hide = true)]
    labels: Vec<String>,
    #[arg(long, hide = true)]
    pass_credentials: bool,
    #[arg(long, hide = true)]
    replace: bool,
    #[arg(long, hide = true)]
    rollback_on_failure: bool,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    server_side: Option<bool>,
    #[arg(long, hide = true)]
    skip_crds: bool,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    wait: Option<String>,
    #[arg(long, hide = true)]
    wait_for_jobs: bool,
}

// === impl TemplateFlags ===

impl TemplateFlags {
    pub(super) fn dry_run(&self) -> DryRun {
        match self.validate {
            true => DryRun::Server,
            false => self.dry_run.unwrap_or(DryRun::Client),
        }
    }

    /// Says of a flag whose work is not done here what to do instead.
    pub(super) fn refuse(&self) -> Result<(), CommandError> {
        let refused = &self.refused;
        let runs = refused.post_renderer.is_some() || !refused.post_renderer_args.is_empty();
        let logs_in = refused.username.is_some() || refused.password.is_some();
        let files = [&refused.ca_file, &refused.cert_file, &refused.key_file];
        let trusts = refused.insecure_skip_tls_verify || files.into_iter().any(Option::is_some);
        let message = if runs {
            "--post-renderer: it names a plugin of helm, and windlass runs none; use postRenderers of a HelmRelease"
        } else if logs_in {
            "--username and --password: your own curl fetches; put the login into ~/.netrc"
        } else if trusts {
            "--ca-file, --cert-file, --key-file and --insecure-skip-tls-verify: your own curl fetches; put them into ~/.curlrc"
        } else if self.output_dir.is_some() && !self.show_only.is_empty() {
            "--output-dir writes a file for each template: leave --show-only out, and look at the file"
        } else {
            return Ok(());
        };
        Err(CommandError::Usage(message.to_owned()))
    }
}
