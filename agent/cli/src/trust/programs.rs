//! A person's own `git`, `gpg` and `ssh-keygen`, started on a laptop to sign as they always do, and `ssh`; what fetches there is
//! `elsewhere/programs.rs`.
//!
//! The agent's process never comes here: no room that it is made of depends on `cli` (docs/architecture.md).
#![expect(
    clippy::disallowed_types,
    reason = "git signs with the person's own settings, key and agent; windlass holds no private key"
)]

pub(crate) mod bundle;
pub(crate) mod ssh;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use windlass_trust::{Oid, POLICY_NAMESPACE};

use super::clone::LocalClone;
use super::error::TrustError;
use super::signing_key::{Public, SigningKey};

/// What git sets for hooks and aliases: the repository is the one that the person named.
const SET_BY_GIT: [&str; 5] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
];

/// The person's git, in one repository.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    work_dir: PathBuf,
    /// Settings for every call, `name=value`.
    settings: Vec<String>,
}

/// A commit to make: an existing directory, with parents and a message.
#[derive(Debug)]
pub(crate) struct NewCommit<'a> {
    pub(crate) tree_of: Oid,
    pub(crate) parents: &'a [Oid],
    pub(crate) message: &'a str,
}

// === impl Git ===

impl Git {
    pub(crate) fn new(work_dir: &Path) -> Self {
        Self {
            work_dir: work_dir.to_owned(),
            settings: Vec::new(),
        }
    }

    /// With a setting that differs from the person's configuration.
    pub(crate) fn with(mut self, setting: String) -> Self {
        self.settings.push(setting);
        self
    }

    /// Runs git and gives what it printed, without the last line break.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<String, TrustError> {
        output(self.command().args(arguments))
    }

    /// One setting as the person has it; none when it is not set.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let value = self.run(&["config", "--get", name]).ok()?;
        Some(value).filter(|value| !value.is_empty())
    }

    /// One setting that is a file.
    pub(crate) fn path_setting(&self, name: &str) -> Option<PathBuf> {
        let value = self.run(&["config", "--type=path", "--get", name]).ok()?;
        Some(PathBuf::from(value)).filter(|value| !value.as_os_str().is_empty())
    }

    /// The certificate of the person's OpenPGP key, armoured and without what others signed in it.
    pub(crate) fn exported_certificate(&self, key: &str) -> Result<String, TrustError> {
        let mut gpg = self.gpg();
        gpg.args(["--batch", "--armor", "--export-options", "export-minimal"]);
        let armour = output(gpg.args(["--export", "--", key]))?;
        if armour.is_empty() {
            return Err(TrustError::Wanted {
                what: format!("gpg has no key {key}"),
                next: "`gpg --list-secret-keys` shows those it has; name one with --key".to_owned(),
            });
        }
        Ok(armour + "\n")
    }

    /// Makes a signed commit and gives its id; no branch moves.
    pub(crate) fn commit_signed(&self, commit: &NewCommit<'_>) -> Result<Oid, TrustError> {
        let mut arguments = vec!["commit-tree".to_owned(), "-S".to_owned()];
        for parent in commit.parents {
            arguments.extend(["-p".to_owned(), parent.to_string()]);
        }
        arguments.extend(["-m".to_owned(), commit.message.to_owned()]);
        arguments.push(format!("{}^{{tree}}", commit.tree_of));
        let printed = self.run(&arguments).map_err(cannot_sign)?;
        printed.parse().map_err(|_| TrustError::Program {
            command: "git commit-tree".to_owned(),
            said: printed,
        })
    }

    /// Makes a signed tag, in the place of one of that name, and gives its id.
    pub(crate) fn tag_signed(
        &self,
        name: &str,
        target: &Oid,
        message: &str,
    ) -> Result<Oid, TrustError> {
        let target = target.to_string();
        let tag = ["tag", "-s", "-f", "--cleanup=verbatim", "-m", message, name];
        let printed = self.run(&[tag.as_slice(), &[&target]].concat());
        printed.map_err(cannot_sign)?;
        let id = self.run(&["rev-parse", &format!("refs/tags/{name}")])?;
        id.parse().map_err(|_| TrustError::Program {
            command: "git rev-parse".to_owned(),
            said: id,
        })
    }

    /// Takes a tag back: what stood there before stands there again, or nothing.
    pub(crate) fn put_tag_back(&self, name: &str, before: Option<Oid>) -> Result<(), TrustError> {
        let name = format!("refs/tags/{name}");
        match before {
            Some(before) => self.run(&["update-ref", &name, &before.to_string()]),
            None => self.run(&["update-ref", "-d", &name]),
        }
        .map(drop)
    }

    /// Moves a branch, if it still stands where it was seen.
    pub(crate) fn move_branch(
        &self,
        branch: &str,
        from: &Oid,
        to: &Oid,
        why: &str,
    ) -> Result<(), TrustError> {
        let reference = format!("refs/heads/{branch}");
        let (from, to) = (from.to_string(), to.to_string());
        self.run(&["update-ref", "-m", why, &reference, &to, &from])
            .map(drop)
    }

    /// Whether the first commit is the second or lies behind it.
    pub(crate) fn is_ancestor(&self, one: &Oid, other: &Oid) -> bool {
        let (one, other) = (one.to_string(), other.to_string());
        self.run(&["merge-base", "--is-ancestor", &one, &other])
            .is_ok()
    }

    /// Refuses to go on where the forge has commits that the branch has not: what is made here could not be pushed.
    pub(crate) fn check_pulled(
        &self,
        clone: &LocalClone,
        branch: &str,
        head: &Oid,
    ) -> Result<(), TrustError> {
        match clone.reference(&format!("refs/remotes/origin/{branch}"))? {
            Some(remote) if !self.is_ancestor(&remote, head) => Err(TrustError::Wanted {
                what: format!("origin/{branch} has commits that {branch} has not"),
                next: "`git pull` first, then start again".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Opens a file in the person's editor, as git would, and waits until it is closed.
    pub(crate) fn edit(&self, file: &Path) -> Result<(), TrustError> {
        let editor = self.run(&["var", "GIT_EDITOR"])?;
        // As git starts it: the setting may be a command with arguments (editor.c).
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{editor} \"$@\""), &editor])
            .arg(file);
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            ended => Err(TrustError::Program {
                said: ended.map_or_else(|error| error.to_string(), |status| status.to_string()),
                command: editor,
            }),
        }
    }

    /// Signs a policy file with one key; gives the armour.
    pub(crate) fn sign_policy(&self, key: &SigningKey, file: &Path) -> Result<Vec<u8>, TrustError> {
        let mut command = match key.public {
            Public::Ssh(_) => {
                let mut command = Command::new("ssh-keygen");
                command.args(["-Y", "sign", "-q", "-n", POLICY_NAMESPACE, "-f", &key.name]);
                command
            }
            Public::OpenPgp(_) => {
                let mut command = self.gpg();
                command.args(["--armor", "--detach-sign", "--local-user", &key.name]);
                command
            }
        };
        let message = File::open(file).map_err(|source| TrustError::Read {
            path: file.to_owned(),
            source,
        })?;
        output(command.stdin(message)).map(|armour| (armour + "\n").into_bytes())
    }

    fn gpg(&self) -> Command {
        let named = ["gpg.openpgp.program", "gpg.program"];
        let program = named.iter().find_map(|name| self.path_setting(name));
        Command::new(program.unwrap_or_else(|| PathBuf::from("gpg")))
    }

    fn command(&self) -> Command {
        let mut command = git();
        command.arg("-C").arg(&self.work_dir);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command
    }
}

/// Git, for a repository that is named to it.
pub(crate) fn git() -> Command {
    let mut command = Command::new("git");
    for name in SET_BY_GIT {
        command.env_remove(name);
    }
    // For what is read; what a person reads is ours.
    command.env("LC_ALL", "C").stdin(Stdio::inherit());
    command
}

fn cannot_sign(error: TrustError) -> TrustError {
    TrustError::Wanted {
        what: error.to_string(),
        next: "try it by hand: `git commit --allow-empty -S -m test`; `git config gpg.format` and `git config \
               user.signingkey` say how git signs, and `ssh-add -L` which keys the agent holds"
            .to_owned(),
    }
}

/// Makes an ed25519 key without a passphrase at `path`, its public half beside it (`.pub`).
pub(crate) fn make_key(path: &Path, comment: &str) -> Result<(), TrustError> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]);
    output(command.arg(path)).map(drop)
}

/// The public keys that the ssh-agent holds, a line each; none without an agent.
pub(crate) fn agent_keys() -> Vec<String> {
    let printed = output(Command::new("ssh-add").arg("-L")).unwrap_or_default();
    let keys = printed
        .lines()
        .filter(|line| line.contains("ssh-") || line.contains("ecdsa-"));
    keys.map(str::to_owned).collect()
}

/// Runs a program to its end and gives what it printed.
fn output(command: &mut Command) -> Result<String, TrustError> {
    let output = command.stderr(Stdio::piped()).output();
    let printed = ended(&shown(command), output)?;
    Ok(printed.trim_end_matches('\n').to_owned())
}

/// What a program printed that did what it should.
fn ended(command: &str, output: io::Result<Output>) -> Result<String, TrustError> {
    let failed = |said: String| TrustError::Program {
        command: command.to_owned(),
        said,
    };
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(said.trim().replace('\n', "; ")))
}

/// The command as a person would type it, as far as it says which one it was.
fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy());
    let named: Vec<_> = arguments
        .by_ref()
        .skip_while(|argument| program == "git" && argument.as_ref() != "commit-tree")
        .take(2)
        .collect();
    if named.is_empty() {
        program
    } else {
        format!("{program} {}", named.join(" "))
    }
}
