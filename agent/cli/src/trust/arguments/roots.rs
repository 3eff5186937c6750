//! The command line of what is about the keys that nodes pin.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::RepositoryArguments;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RootsWhat {
    /// List them
    Show(RepositoryArguments),
    /// Take those that a node goes by, over ssh, into a clone that knows none
    Fetch(RootsFetchArguments),
    /// Print those that this node goes by, for `fetch` (on a node)
    #[command(hide = true)]
    Print(RootsPrintArguments),
    /// Put one more key in the list
    Add(RootsAddArguments),
    /// Take somebody, or one key, out of the list
    Remove(RootsRemoveArguments),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RootsFetchArguments {
    /// The node, as ssh knows it
    pub(crate) node: String,
    /// Take them without being asked
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
    #[command(flatten)]
    pub(crate) far: FarArguments,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RootsPrintArguments {
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// How nodes are reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct FarArguments {
    /// The ssh to use, with arguments of its own
    #[arg(long, default_value = "ssh", value_name = "COMMAND")]
    pub(crate) ssh: String,
    /// What windlass is called on the nodes
    #[arg(long, default_value = "windlass", value_name = "PROGRAM")]
    pub(crate) program: String,
    /// The configuration on the nodes
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RootsAddArguments {
    /// What the key is called in the list of signers, such as a mail address
    pub(crate) name: String,
    /// The key: either half of an SSH key, or the id of an OpenPGP key
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) key: String,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RootsRemoveArguments {
    /// The name, of which all keys go, or the fingerprint of one key
    #[arg(value_name = "NAME|FINGERPRINT")]
    pub(crate) who: String,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyArguments {
    /// The nodes, as ssh knows them, separated by commas [default: this one, which reads the keys from its standard input]
    #[arg(long, value_name = "NODES", value_delimiter = ',')]
    pub(crate) node: Vec<String>,
    /// The clone that knows the keys
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
    #[command(flatten)]
    pub(crate) far: FarArguments,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(crate) check: bool,
    /// Write without being asked
    #[arg(short, long, conflicts_with = "check")]
    pub(crate) yes: bool,
}
