//! The command line of what is about `windlass.policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PolicyWhat {
    /// Print who may change what after a commit
    Show(PolicyShowArguments),
    /// Say whether the file here may take the place of the one that is committed
    Check(PolicyCheckArguments),
    /// Change the file in your editor; its version rises by itself
    Edit(RepositoryArguments),
    /// Sign the file with one more pinned key, where it asks for several
    Sign(PolicySignArguments),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyShowArguments {
    /// The clone: a working tree or a bare repository
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    /// The commit
    #[arg(default_value = "HEAD")]
    pub(crate) commit: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyCheckArguments {
    /// The clone
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    /// The commit that it is to follow
    #[arg(long, default_value = "HEAD", value_name = "COMMIT")]
    pub(crate) after: String,
    /// The file [default: windlass.policy of the working tree]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RepositoryArguments {
    /// The clone
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PolicySignArguments {
    /// The clone
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    /// The key that signs: an SSH key's file, or the id of an OpenPGP key [default: as git signs]
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) key: Option<String>,
    /// Which keys are pinned, in OpenSSH's allowed_signers format [default: what `trust init` wrote]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Vec<PathBuf>,
}

/// What a principal's key may do alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WrittenRole {
    /// Raise versions, and change files that no render reads
    Bump,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AddArguments {
    /// Who it is; a name that is there already gets one key more
    pub(crate) name: String,
    /// Their key: the file of a public SSH key, or the id of an OpenPGP key that gpg knows
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) key: String,
    /// What they may change, as a pattern such as apps/** [default: everything]
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) paths: Vec<String>,
    /// Limits what they may change it to
    #[arg(long, value_enum)]
    pub(crate) role: Option<WrittenRole>,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RetireArguments {
    /// Who: a name in the file, or the fingerprint of one key
    #[arg(value_name = "NAME|FINGERPRINT")]
    pub(crate) who: String,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("reach").required(true))]
pub(crate) struct RevokeArguments {
    /// Whose keys: a name in the file, or the fingerprint of one key
    #[arg(value_name = "NAME|FINGERPRINT")]
    pub(crate) who: String,
    /// From this commit on: for a key that is not used any more
    #[arg(long, group = "reach")]
    pub(crate) soft: bool,
    /// Also for all that nodes have not accepted yet: for a key that was stolen
    #[arg(long, group = "reach")]
    pub(crate) hard: bool,
    /// Why, for people
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
}
