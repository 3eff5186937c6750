//! The command line of `trust`.

mod policy;
mod roots;

pub(crate) use self::policy::{
    AddArguments, PolicyCheckArguments, PolicyShowArguments, PolicySignArguments, PolicyWhat,
    RepositoryArguments, RetireArguments, RevokeArguments,
};

pub(crate) use self::roots::{
    ApplyArguments, FarArguments, RootsAddArguments, RootsFetchArguments, RootsRemoveArguments,
    RootsWhat,
};

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use windlass_trust::{Mode, Oid};

use super::node::NodeTrust;
use crate::arguments::DataOutput;

/// Arguments of `trust`.
#[derive(Debug, Clone, Args)]
pub struct TrustArguments {
    #[command(subcommand)]
    pub(crate) what: TrustWhat,
    /// What the node's configuration says; only a node has one.
    #[arg(skip)]
    pub(crate) node: Option<NodeTrust>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TrustWhat {
    /// Begin to trust: one signed commit in a clone full of unsigned ones
    Init(InitArguments),
    /// Say of each commit who signed it, or why it is refused
    Verify(VerifyArguments),
    /// Vouch for commits that nobody signed, by one signed merge; no forced push
    Countersign(CountersignArguments),
    /// Take nodes back to an older commit on purpose, by a signed tag that counts once
    Override(OverrideArguments),
    /// Sign that the repository is looked after, for a while: nodes notice a server that keeps news back
    Heartbeat(HeartbeatArguments),
    /// Check what is pushed before it is pushed
    Hook {
        #[command(subcommand)]
        what: HookWhat,
    },
    /// Let somebody's key change something: a new entry of windlass.policy
    Add(AddArguments),
    /// Take somebody out of windlass.policy; what they signed stays good
    Retire(RetireArguments),
    /// Revoke a key in windlass.policy, from now on or also for what is not accepted yet
    Revoke(RevokeArguments),
    /// Look at windlass.policy: who beside the pinned keys may change what
    Policy {
        #[command(subcommand)]
        what: PolicyWhat,
    },
    /// The keys that nodes pin, as this clone knows them
    Roots {
        #[command(subcommand)]
        what: RootsWhat,
    },
    /// Write the keys that this clone knows onto nodes, over ssh
    Apply(ApplyArguments),
    /// Say which rule lets a commit in, or keeps it out
    Explain(ExplainArguments),
    /// Show what this node trusts and how far it got (on a node)
    Show(ShowArguments),
    /// Show what this node accepted and refused (on a node)
    Log(LogArguments),
    /// Say at which commit a source stood whose ratchet is lost (on a node)
    Accept(AcceptArguments),
    /// Let trust in the root begin anew, with another commit and other keys, when all keys are lost (on a node)
    Reset(ResetArguments),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArguments {
    /// The commit
    #[arg(default_value = "HEAD")]
    pub(crate) commit: String,
    /// The clone: a working tree or a bare repository
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
    /// Who may sign, in OpenSSH's allowed_signers format [default: what `trust init` wrote]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Vec<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HookWhat {
    /// Write the pre-push hook of a clone
    Install(HookArguments),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InitArguments {
    /// The clone
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    /// The key that signs: either half of an SSH key, or the id of an OpenPGP key [default: git's user.signingkey,
    /// then ~/.ssh]
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) key: Option<String>,
    /// What the key is called in the list of signers [default: git's user.email]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A second key for the day the first is lost: new, none, or the file of a public key
    #[arg(long, value_name = "new|none|FILE")]
    pub(crate) spare: Option<String>,
    /// The branch that nodes follow [default: the one that is checked out]
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// The folder that holds the cluster [default: where Flux's own files are, then ./]
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// Where nodes find the repository [default: the remote origin]
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Leave git's settings as they are
    #[arg(long)]
    pub(crate) keep_config: bool,
    /// Begin anew where trust began already
    #[arg(long)]
    pub(crate) again: bool,
    /// Ask nothing and take the defaults
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArguments {
    /// The clone: a working tree or a bare repository
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    /// What to verify, as FROM..TO, FROM.., ..TO or TO [default: from the introduction to HEAD]
    pub(crate) range: Option<String>,
    /// Who may sign, in OpenSSH's allowed_signers format [default: what `trust init` wrote]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Vec<PathBuf>,
    /// Which of the new commits must be signed: path, first-parent or all
    #[arg(long, default_value = "path", value_name = "MODE")]
    pub(crate) mode: Mode,
    /// The commit with which trust begins [default: the one that `trust init` made]
    #[arg(long, value_name = "COMMIT")]
    pub(crate) introduction: Option<String>,
    /// Judge as if this file stood for windlass.policy in every commit
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Only refused commits and the verdict
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// As data
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<DataOutput>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CountersignArguments {
    /// The clone
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    /// The commit that nodes accepted last [default: the last one here that they would accept]
    #[arg(long, value_name = "COMMIT")]
    pub(crate) from: Option<String>,
    /// The branch that nodes follow [default: the one that is checked out]
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// The key that signs: an SSH key's file, or the id of an OpenPGP key [default: as git signs]
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) key: Option<String>,
    /// Who may sign, in OpenSSH's allowed_signers format [default: what `trust init` wrote]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Vec<PathBuf>,
    /// The mode of the nodes: path or first-parent
    #[arg(long, default_value = "path", value_name = "MODE")]
    pub(crate) mode: Mode,
    /// Vouch without being asked
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OverrideArguments {
    /// The commit to go back to
    pub(crate) to: String,
    /// Why, in one line [default: what the override says that is there already]
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// The commit that nodes accepted last [default: the branch as it is at origin, or here]
    #[arg(long, value_name = "COMMIT")]
    pub(crate) from: Option<String>,
    /// The branch that nodes follow [default: the one that is checked out]
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// The key that signs: an SSH key's file, or the id of an OpenPGP key [default: as git signs]
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) key: Option<String>,
    /// Who may sign, in OpenSSH's allowed_signers format [default: what `trust init` wrote]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Vec<PathBuf>,
    /// The commit with which trust begins [default: the one that `trust init` made]
    #[arg(long, value_name = "COMMIT")]
    pub(crate) introduction: Option<String>,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
    /// Sign without being asked
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HeartbeatArguments {
    /// For how long it is good, such as 36h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = length)]
    pub(crate) length: SignedDuration,
    /// The newest commit that nodes are to have
    #[arg(default_value = "HEAD")]
    pub(crate) commit: String,
    /// The key that signs: an SSH key's file, or the id of an OpenPGP key [default: as git signs]
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) key: Option<String>,
    /// Push it to origin, too
    #[arg(long)]
    pub(crate) push: bool,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HookArguments {
    /// The clone
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    /// The branch that nodes follow; others are pushed unchecked [default: the one that is checked out]
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Who may sign, in OpenSSH's allowed_signers format [default: what `trust init` wrote]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Vec<PathBuf>,
    /// The mode of the nodes: path, first-parent or all
    #[arg(long, default_value = "path", value_name = "MODE")]
    pub(crate) mode: Mode,
    /// Replace a hook that somebody else wrote; it is kept as pre-push.old
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ShowArguments {
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// As data
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<DataOutput>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogArguments {
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How many of the newest entries
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Only of sources whose name, URL or branch contains this
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// As data
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<DataOutput>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AcceptArguments {
    /// The source, as NAMESPACE/NAME
    pub(crate) source: String,
    /// The commit that this node accepted last, all 40 digits of it
    pub(crate) commit: Oid,
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

fn length(text: &str) -> Result<SignedDuration, jiff::Error> {
    let span: Span = text.parse()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ResetArguments {
    /// The commit with which trust begins anew, all 40 digits of it
    #[arg(long, value_name = "COMMIT")]
    pub(crate) introduction: Oid,
    /// Who may sign from now on, in OpenSSH's allowed_signers format [default: who may now]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Option<PathBuf>,
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Begin anew without being asked
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// === impl TrustArguments ===

impl TrustArguments {
    /// The node's configuration that the command wants to know; none when it works on a clone.
    #[must_use]
    pub fn node_config(&self) -> Option<&Path> {
        match &self.what {
            TrustWhat::Show(arguments) => Some(&arguments.config),
            TrustWhat::Log(arguments) => Some(&arguments.config),
            TrustWhat::Accept(arguments) => Some(&arguments.config),
            TrustWhat::Reset(arguments) => Some(&arguments.config),
            TrustWhat::Apply(arguments) if arguments.node.is_empty() => Some(&arguments.far.config),
            TrustWhat::Roots {
                what: RootsWhat::Print(arguments),
            } => Some(&arguments.config),
            _ => None,
        }
    }

    /// Whether the agent of a node can answer it to somebody who may not read the configuration.
    #[must_use]
    pub fn asks_agent(&self) -> bool {
        matches!(self.what, TrustWhat::Log(_))
    }

    /// The command with what the node's configuration says.
    #[must_use]
    pub fn on(self, node: NodeTrust) -> Self {
        Self {
            node: Some(node),
            ..self
        }
    }
}
