//! `backup` and `restore`: what they are told; the binary does them, as it knows the node's configuration.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `backup`.
#[derive(Debug, Clone, Args)]
pub struct BackupArguments {
    /// Where to write it; a file that is there is left alone
    pub file: PathBuf,
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArguments {
    /// The backup
    pub file: PathBuf,
    /// Also where this node has accepted more since, which then counts for nothing
    #[arg(long)]
    pub over_newer: bool,
}
