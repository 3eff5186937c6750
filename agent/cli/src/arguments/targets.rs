//! What `get`, `reconcile`, `suspend` and `resume` can be asked about.

use clap::{Args, Subcommand};

use crate::kind::Kind;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum GetWhat {
    /// Sources, HelmReleases and Kustomizations
    All,
    /// Sources
    #[command(alias = "source")]
    Sources {
        #[command(subcommand)]
        what: GetSource,
    },
    /// Kustomizations
    #[command(visible_alias = "ks", alias = "kustomization")]
    Kustomizations {
        /// Only this one
        name: Option<String>,
        /// With the source of each
        #[arg(long)]
        show_source: bool,
    },
    /// Releases of charts
    #[command(visible_alias = "hr", alias = "helmrelease")]
    Helmreleases {
        /// Only this one
        name: Option<String>,
        /// With the source of each
        #[arg(long)]
        show_source: bool,
    },
    /// Who is told of which events
    #[command(alias = "alert")]
    Alerts {
        /// Only this one
        name: Option<String>,
    },
    /// Places that notifications are sent to
    #[command(alias = "alert-provider")]
    AlertProviders {
        /// Only this one
        name: Option<String>,
    },
    /// What webhooks come to
    #[command(alias = "receiver")]
    Receivers {
        /// Only this one
        name: Option<String>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum GetSource {
    /// Sources of every kind
    All,
    /// Git repositories
    Git {
        /// Only this one
        name: Option<String>,
    },
    /// Helm repositories
    Helm {
        /// Only this one
        name: Option<String>,
    },
    /// Charts
    Chart {
        /// Only this one
        name: Option<String>,
    },
    /// Artifacts of registries
    Oci {
        /// Only this one
        name: Option<String>,
    },
    /// Buckets
    Bucket {
        /// Only this one
        name: Option<String>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ReconcileWhat {
    /// A source
    Source {
        #[command(subcommand)]
        what: ReconcileSource,
    },
    /// A Kustomization
    #[command(visible_alias = "ks")]
    Kustomization(ReconcileTarget),
    /// A release of a chart
    #[command(visible_alias = "hr")]
    Helmrelease {
        #[command(flatten)]
        target: ReconcileTarget,
        /// Install or upgrade once, also when nothing has changed
        #[arg(long)]
        force: bool,
        /// Count failures from zero again
        #[arg(long)]
        reset: bool,
    },
    /// What webhooks come to
    Receiver {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ReconcileSource {
    /// A Git repository
    Git(ReconcileTarget),
    /// A Helm repository
    Helm(ReconcileTarget),
    /// A chart
    Chart(ReconcileTarget),
    /// An artifact of a registry
    Oci(ReconcileTarget),
    /// A bucket
    Bucket(ReconcileTarget),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReconcileTarget {
    /// Its name
    pub(crate) name: String,
    /// Its source first (for a source that has none: itself)
    #[arg(long)]
    pub(crate) with_source: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Which {
    /// Sources
    Source {
        #[command(subcommand)]
        what: WhichSource,
    },
    /// Kustomizations
    #[command(visible_alias = "ks")]
    Kustomization(Names),
    /// Releases of charts
    #[command(visible_alias = "hr")]
    Helmrelease(Names),
    /// Who is told of which events
    Alert(Names),
    /// Places that notifications are sent to
    AlertProvider(Names),
    /// What webhooks come to
    Receiver(Names),
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum WhichSource {
    /// Git repositories
    Git(Names),
    /// Helm repositories
    Helm(Names),
    /// Charts
    Chart(Names),
    /// Artifacts of registries
    Oci(Names),
    /// Buckets
    Bucket(Names),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Names {
    /// Their names
    pub(crate) names: Vec<String>,
}

// === impl Which ===

impl Which {
    /// The kind that is meant, and the names.
    pub(crate) fn objects(&self) -> (Kind, &[String]) {
        let (kind, names) = match self {
            Which::Source { what } => match what {
                WhichSource::Git(names) => (Kind::GitRepository, names),
                WhichSource::Helm(names) => (Kind::HelmRepository, names),
                WhichSource::Chart(names) => (Kind::HelmChart, names),
                WhichSource::Oci(names) => (Kind::OciRepository, names),
                WhichSource::Bucket(names) => (Kind::Bucket, names),
            },
            Which::Kustomization(names) => (Kind::Kustomization, names),
            Which::Helmrelease(names) => (Kind::HelmRelease, names),
            Which::Alert(names) => (Kind::Alert, names),
            Which::AlertProvider(names) => (Kind::Provider, names),
            Which::Receiver(names) => (Kind::Receiver, names),
        };
        (kind, &names.names)
    }
}
