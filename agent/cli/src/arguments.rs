//! The command line, in Flux's words.

mod targets;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use windlass_api::duration::GoDuration;

pub(crate) use self::targets::{
    GetSource, GetWhat, ReconcileSource, ReconcileTarget, ReconcileWhat, Which,
};
use crate::backup::{BackupArguments, RestoreArguments};
use crate::build::BuildArguments;
use crate::bundle::{BundleArguments, PushArguments};
use crate::confirm::ConfirmArguments;
use crate::debug::DebugArguments;
use crate::diff::DiffArguments;
use crate::envsubst::EnvsubstArguments;
use crate::helm::HelmArguments;
use crate::identity::IdentityArguments;
use crate::kustomize::KustomizeArguments;
use crate::lock::LockArguments;
use crate::man::ManArguments;
use crate::moving::{MigrateArguments, PromoteArguments};
use crate::pause::PauseArguments;
use crate::stats::StatsArguments;
use crate::status_selector::StatusSelector;
use crate::trace::TraceArguments;
use crate::trigger::TriggerArguments;
use crate::trust::TrustArguments;
use crate::uninstall::UninstallArguments;

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// Namespace of the objects [default: flux-system]
    #[arg(
        short,
        long,
        global = true,
        env = "FLUX_SYSTEM_NAMESPACE",
        hide_env_values = true
    )]
    pub(crate) namespace: Option<String>,
    /// Path of the kubeconfig [default: $KUBECONFIG, then ~/.kube/config, then the node's]
    #[arg(long, global = true)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig [default: its current one]
    #[arg(long, global = true)]
    pub(crate) context: Option<String>,
    /// How long a command may wait
    #[arg(long, global = true, default_value = "5m")]
    pub(crate) timeout: GoDuration,
    /// Socket of the agent on this node, asked where the API server does not answer
    #[arg(long, global = true, env = "WINDLASS_AGENT_SOCKET", hide = true)]
    pub(crate) agent_socket: Option<PathBuf>,
    /// Accepted for scripts written for Flux; nothing is left out here anyway
    #[arg(long, global = true, hide = true)]
    pub(crate) verbose: bool,
}

/// What a person can ask for.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Show objects and their state
    Get(GetArguments),
    /// Ask for a pass now and wait for it
    Reconcile(ReconcileArguments),
    /// Send a webhook to a Receiver
    Trigger(TriggerArguments),
    /// Let a deletion happen that is held because it is large
    Confirm(ConfirmArguments),
    /// Leave objects alone for now
    Suspend(SuspendArguments),
    /// Let suspended objects go on
    Resume(ResumeArguments),
    /// Stop every node's writes; fetching and verifying go on
    Pause(PauseArguments),
    /// End the pause
    Unpause,
    /// Show everything about one object
    Describe(DescribeArguments),
    /// Show what an object applied, and what that applied
    Tree(TreeArguments),
    /// Show where objects come from, back to the source
    Trace(TraceArguments),
    /// Show events about objects
    Events(EventsArguments),
    /// Count objects of each kind
    Stats(StatsArguments),
    /// Print objects as they would be written into a repository
    Export(ExportArguments),
    /// Delete one object
    Delete(DeleteArguments),
    /// Say how to read the logs, which stay on the nodes
    Logs(LogsArguments),
    /// Check the cluster, what is installed and who leads
    Check(CheckArguments),
    /// Show on one screen how things stand
    Status,
    /// Decide whose commits may reach the cluster, and see what became of them
    Trust(Box<TrustArguments>),
    /// Make what a node is in the cluster, or take it away
    Identity(IdentityArguments),
    /// Carry the history of a source to a node without the network
    Bundle(BundleArguments),
    /// Give a node what it does not have yet of a clone, over ssh
    Push(PushArguments),
    /// Keep what nobody else could give this node again: configuration, trust, and how far it has come; no keys
    Backup(BackupArguments),
    /// Put a backup back on a node, before windlass runs there
    Restore(RestoreArguments),
    /// Let a node that observed beside Flux lead in its place
    Promote(Box<PromoteArguments>),
    /// Move between Flux and windlass
    Migrate(Box<MigrateArguments>),
    /// Show versions
    Version(VersionArguments),
    /// Take windlass and Flux's API out of the cluster; workloads stay
    Uninstall(UninstallArguments),
    /// Print what local files would apply
    Build(BuildArguments),
    /// Show what local files would change in the cluster
    Diff(DiffArguments),
    /// Show what is behind one object
    Debug(DebugArguments),
    /// What the kustomize program does, with its flags
    Kustomize(KustomizeArguments),
    /// Substitute variables of the environment in standard input, as after a build
    Envsubst(EnvsubstArguments),
    /// Pin what kustomizations name of other places
    Lock(LockArguments),
    /// What the helm program does without a cluster, with its flags
    Helm(HelmArguments),
    /// Print a completion script
    Completion(CompletionArguments),
    /// Write man pages into a folder, as install.sh has it do
    #[command(hide = true)]
    Man(ManArguments),
}

impl Command {
    /// Whether it only looks at what is there now, which the agent of this node can answer too.
    pub(crate) fn looks(&self) -> bool {
        match self {
            Command::Get(arguments) => !arguments.flags.watch,
            Command::Events(arguments) => !arguments.watch,
            Command::Status | Command::Stats(_) | Command::Describe(_) | Command::Tree(_) => true,
            _ => false,
        }
    }
}

/// Arguments of `get`.
#[derive(Debug, Clone, Args)]
pub struct GetArguments {
    #[command(flatten)]
    pub(crate) flags: GetFlags,
    #[command(subcommand)]
    pub(crate) what: GetWhat,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GetFlags {
    /// In all namespaces
    #[arg(short = 'A', long, global = true)]
    pub(crate) all_namespaces: bool,
    /// Without the header
    #[arg(long, global = true)]
    pub(crate) no_header: bool,
    /// Go on and print each change
    #[arg(short, long, global = true)]
    pub(crate) watch: bool,
    /// Only objects with these labels
    #[arg(short, long, global = true)]
    pub(crate) label_selector: Option<String>,
    /// Only objects with this condition, as ready=false or ready!=true
    #[arg(long, global = true)]
    pub(crate) status_selector: Option<StatusSelector>,
    /// Whole objects or names in place of the table
    #[arg(short, long, global = true, value_enum)]
    pub(crate) output: Option<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Yaml,
    Json,
    Name,
}

/// Arguments of `reconcile`.
#[derive(Debug, Clone, Args)]
pub struct ReconcileArguments {
    #[command(subcommand)]
    pub(crate) what: ReconcileWhat,
}

/// Arguments of `suspend`.
#[derive(Debug, Clone, Args)]
pub struct SuspendArguments {
    /// Every object of the kind in the namespace
    #[arg(long, global = true)]
    pub(crate) all: bool,
    /// Goes on by itself after this time, as 2h
    #[arg(long = "for", global = true, value_name = "DURATION")]
    pub(crate) length: Option<GoDuration>,
    #[command(subcommand)]
    pub(crate) what: Which,
}

/// Arguments of `resume`.
#[derive(Debug, Clone, Args)]
pub struct ResumeArguments {
    /// Every object of the kind in the namespace
    #[arg(long, global = true)]
    pub(crate) all: bool,
    /// Wait until each is ready [default: when a single one is named]
    #[arg(
        long,
        global = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) wait: Option<bool>,
    #[command(subcommand)]
    pub(crate) what: Which,
}

/// Arguments of `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArguments {
    /// Every object of the kind in the namespace
    #[arg(long, global = true)]
    pub(crate) all: bool,
    #[command(subcommand)]
    pub(crate) what: Which,
}

/// Arguments of `delete`.
#[derive(Debug, Clone, Args)]
pub struct DeleteArguments {
    /// Without a question
    #[arg(short, long, global = true)]
    pub(crate) silent: bool,
    #[command(subcommand)]
    pub(crate) what: Which,
}

/// Arguments of `describe`.
#[derive(Debug, Clone, Args)]
pub struct DescribeArguments {
    #[command(subcommand)]
    pub(crate) what: DescribeWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DescribeWhat {
    /// A Kustomization
    #[command(visible_alias = "ks")]
    Kustomization {
        /// Its name
        name: String,
    },
}

/// Arguments of `tree`.
#[derive(Debug, Clone, Args)]
pub struct TreeArguments {
    #[command(subcommand)]
    pub(crate) what: TreeWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TreeWhat {
    /// A Kustomization
    #[command(visible_alias = "ks")]
    Kustomization(TreeOf),
    /// A release of a chart
    #[command(visible_alias = "hr")]
    Helmrelease(TreeOf),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TreeOf {
    /// Its name
    pub(crate) name: String,
    /// Only objects of Flux's own kinds
    #[arg(long)]
    pub(crate) compact: bool,
    /// As data
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<DataOutput>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataOutput {
    Yaml,
    Json,
}

/// Arguments of `events`.
#[derive(Debug, Clone, Args)]
pub struct EventsArguments {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Go on and print each new one
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Only about a kind or one object, as Kustomization/apps
    #[arg(long = "for", value_name = "KIND[/NAME]")]
    pub(crate) about: Option<String>,
    /// Only Normal or Warning
    #[arg(long, value_delimiter = ',', ignore_case = true, value_enum)]
    pub(crate) types: Vec<EventType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventType {
    #[value(name = "Normal")]
    Normal,
    #[value(name = "Warning")]
    Warning,
}

/// Arguments of `logs`.
#[derive(Debug, Clone, Args)]
pub struct LogsArguments {
    /// Go on as lines are written
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(long)]
    pub(crate) tail: Option<u64>,
    /// Only lines that are not older than this, as 1h
    #[arg(long)]
    pub(crate) since: Option<GoDuration>,
    /// Only lines of this level or a more serious one
    #[arg(long, value_enum)]
    pub(crate) level: Option<LogLevel>,
    /// Only lines about objects of this kind
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only lines about the object of this name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// About objects in all namespaces, which is how it is without --name
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Accepted for scripts written for Flux; the logs are in no namespace
    #[arg(long, hide = true)]
    pub(crate) flux_namespace: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Error,
}

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArguments {
    /// Only what must be so before windlass is installed
    #[arg(long)]
    pub(crate) pre: bool,
    /// A node's configuration file, checked without a cluster
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// With --config: fetch the repository too, by the network process that listens on this socket, and judge it; nothing is kept
    #[arg(long, requires = "config", value_name = "SOCKET", hide = true)]
    pub fetch_by: Option<PathBuf>,
}

/// Arguments of `version`.
#[derive(Debug, Clone, Args)]
pub struct VersionArguments {
    /// Only this program's
    #[arg(long)]
    pub(crate) client: bool,
    /// As data
    #[arg(short, long, value_enum, default_value = "yaml")]
    pub(crate) output: DataOutput,
}

/// Arguments of `completion`.
#[derive(Debug, Clone, Args)]
pub struct CompletionArguments {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
