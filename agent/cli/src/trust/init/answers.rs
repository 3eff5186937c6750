//! The questions of `trust init`, five at most; each has a flag, and a default that a person gets with Enter.

use std::path::{Path, PathBuf};

use windlass_trust::Oid;

use super::install;
use crate::screen::Screen;
use crate::trust::arguments::InitArguments;
use crate::trust::clone::LocalClone;
use crate::trust::error::TrustError;
use crate::trust::programs::Git;
use crate::trust::signing_key::{SigningKey, expanded, type_and_key};
use crate::trust::words::shown;

/// What was decided.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) key: SigningKey,
    pub(super) name: String,
    pub(super) spare: Spare,
    pub(super) path: String,
    pub(super) url: String,
}

/// The second key of the same person.
#[derive(Debug)]
pub(super) enum Spare {
    /// Made now, in this file, to be printed and deleted.
    New { file: PathBuf, name: String },
    /// This one, which is somewhere already.
    Public(String),
    /// None.
    None,
}

// === impl Answers ===

impl Answers {
    pub(super) fn collect(
        screen: &mut Screen<'_>,
        git: &Git,
        arguments: &InitArguments,
    ) -> Result<Self, TrustError> {
        let key = key(screen, git, arguments)?;
        let name = name(git, arguments)?;
        let spare = spare(screen, git, arguments, &name)?;
        let head: Option<Oid> = git.run(&["rev-parse", "HEAD"])?.parse().ok();
        let found = head.map_or_else(|| "./".to_owned(), |head| path(git, arguments, &head));
        let path = match arguments.path {
            Some(_) => found,
            None => screen.ask("Which folder of it holds the cluster?", &found)?,
        };
        let url = match url(git, arguments) {
            Some(url) => url,
            None => screen.ask(
                "Under which URL do nodes find the repository?",
                install::NO_URL,
            )?,
        };
        Ok(Self {
            key,
            name,
            spare,
            path,
            url,
        })
    }
}

// === impl Spare ===

impl Spare {
    /// The public half; makes the key where it is to be made.
    pub(super) fn public_key(
        &self,
        screen: &mut Screen<'_>,
        clone: &LocalClone,
    ) -> Result<Option<String>, TrustError> {
        match self {
            Self::None => Ok(None),
            Self::Public(key) => Ok(Some(key.clone())),
            Self::New { file, name } => {
                let file = clone.work_dir().join(file);
                if file.exists() {
                    return Err(TrustError::Wanted {
                        what: format!("{} is there already", file.display()),
                        next: format!("use it with --spare {}.pub, or remove it", file.display()),
                    });
                }
                super::make_spare(&file, name)?;
                screen.success(&format!("spare key: {}", shown(&file)))?;
                let mut public = file.into_os_string();
                public.push(".pub");
                read_public(Path::new(&public)).map(Some)
            }
        }
    }

    /// The private half that belongs on paper.
    pub(super) fn to_print(&self) -> Option<&Path> {
        match self {
            Self::New { file, .. } => Some(file),
            Self::Public(_) | Self::None => None,
        }
    }
}

/// The URL that nodes fetch from, by flag or from the remote that is pushed to.
pub(super) fn url(git: &Git, arguments: &InitArguments) -> Option<String> {
    let remote = || {
        git.setting("remote.origin.url")
            .and_then(|remote| install::url(&remote))
    };
    arguments.url.clone().or_else(remote)
}

/// The folder that holds the cluster, by flag or where `flux bootstrap` put its files.
pub(super) fn path(git: &Git, arguments: &InitArguments, head: &Oid) -> String {
    if let Some(path) = &arguments.path {
        return path.clone();
    }
    let id = head.to_string();
    let files = git
        .run(&["ls-tree", "-r", "--name-only", &id])
        .unwrap_or_default();
    let mut found = files
        .lines()
        .filter_map(|file| file.strip_suffix("flux-system/gotk-sync.yaml"));
    match (found.next(), found.next()) {
        (Some(folder), None) => format!("./{folder}").trim_end_matches('/').to_owned(),
        _ => "./".to_owned(),
    }
}

fn key(
    screen: &mut Screen<'_>,
    git: &Git,
    arguments: &InitArguments,
) -> Result<SigningKey, TrustError> {
    if let Some(path) = &arguments.key {
        return SigningKey::named(git, path);
    }
    let Some(usual) = SigningKey::usual(git)? else {
        return Err(TrustError::Wanted {
            what: "there is no key to sign with".to_owned(),
            next: "make one with `ssh-keygen -t ed25519`, or name one with --key".to_owned(),
        });
    };
    let answer = screen.ask(
        "Which key signs your commits (the file of an SSH key, or the id of an OpenPGP key)?",
        &usual.name,
    )?;
    if answer == usual.name {
        Ok(usual)
    } else {
        SigningKey::named(git, &answer)
    }
}

fn name(git: &Git, arguments: &InitArguments) -> Result<String, TrustError> {
    let given = arguments.name.clone().or_else(|| git.setting("user.email"));
    let name = given.ok_or_else(|| TrustError::Wanted {
        what: "git does not know who you are".to_owned(),
        next: "give --name me@example.org, or `git config --global user.email me@example.org`"
            .to_owned(),
    })?;
    if name
        .chars()
        .any(|character| character.is_whitespace() || "\"',!*?".contains(character))
    {
        return Err(TrustError::Usage(format!(
            "--name {name:?} must be one word without quotes, commas and patterns, as me@example.org"
        )));
    }
    Ok(name)
}

fn spare(
    screen: &mut Screen<'_>,
    git: &Git,
    arguments: &InitArguments,
    name: &str,
) -> Result<Spare, TrustError> {
    let answer = match &arguments.spare {
        Some(answer) => answer.clone(),
        None => screen.ask(
            "A spare key, for the day the first is lost: new (made now, to print), the file of a public key, or none?",
            "new",
        )?,
    };
    match answer.as_str() {
        "none" => Ok(Spare::None),
        "new" => {
            let folder = git.run(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
            Ok(Spare::New {
                file: PathBuf::from(folder).join("windlass").join("spare-key"),
                name: format!("{name}-spare"),
            })
        }
        file => read_public(&expanded(file)).map(Spare::Public),
    }
}

fn read_public(path: &Path) -> Result<String, TrustError> {
    let text = std::fs::read_to_string(path).map_err(|source| TrustError::Read {
        path: path.to_owned(),
        source,
    })?;
    type_and_key(&text)
}
