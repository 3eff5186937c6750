//! Directories of Git repositories: a commit, fetched by its id and kept as those of sources are.

use std::collections::BTreeSet;
use std::time::Duration;

use windlass_kustomize::{GitReference, RemoteError};
use windlass_state::{Line, Store, StoreError, Tip};
use windlass_trust::{
    Introduction, Mode, ObjectReader, Oid, Policy, Signers, Verdict, VerifiedSource,
    missing_objects, verify_pinned,
};
use windlass_wire::{Credentials, FailureClass, FetchRequest, History, Known, Reference};

use super::{LOOK_TIMEOUT, Naming, World, unavailable};
use crate::named::Named;
use crate::source::ask::ask;
use crate::source::fetch::FetchError;

/// How the lines of bases are called; two names follow, so that no source is called so.
pub(crate) const SOURCE: &str = "base/";

/// Under which name the commit is remembered that a reference named when it was met first.
const FIRST: &str = "first-base/";

/// How long a repository may take; kustomize gives git 27 seconds by default.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest time that a reference may ask for.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

/// One repository that a kustomization names.
pub(super) struct Base<'a> {
    world: World<'a>,
    git: &'a GitReference,
    /// As windlass-net takes it.
    url: String,
    credentials: Credentials,
    ca_bundle: Option<String>,
}

// === impl Base ===

impl<'a> Base<'a> {
    /// Refuses what is not fetched: repositories on the node, and submodules.
    pub(super) fn new(world: World<'a>, git: &'a GitReference) -> Result<Self, RemoteError> {
        let url = url(&git.repository).map_err(|message| RemoteError::Refused { message })?;
        if git.wants_submodules {
            let message = "submodules are not fetched; write submodules=false, and name what is in them by itself";
            return Err(RemoteError::Refused {
                message: message.to_owned(),
            });
        }
        let (credentials, ca_bundle) = world.access.for_url(&url);
        if url.starts_with("ssh://") && credentials == Credentials::None {
            let message = "ssh needs a key: the one of the source that is built is used, on its own host only; write the \
                           https URL where that is public, or make it a GitRepository";
            return Err(RemoteError::Refused {
                message: message.to_owned(),
            });
        }
        Ok(Base {
            world,
            git,
            url,
            credentials,
            ca_bundle,
        })
    }

    /// A commit of the repository, fetched unless it is kept.
    pub(super) fn commit(
        &self,
        reader: &dyn ObjectReader,
        commit: Oid,
    ) -> Result<VerifiedSource, RemoteError> {
        let kept = self.world.store.kept(&self.line(commit));
        if kept.map_err(|error| unavailable(&error))?.is_some()
            && let Ok(source) = self.proven(reader, commit)
            && matches!(missing_objects(reader, &source), Ok(None))
        {
            return Ok(source);
        }
        let reference = Reference::Commit(commit.to_string());
        let fetched = self.fetch(&reference, Some(commit)).and_then(|found| {
            let asked = commit.to_string();
            let answer = found.to_string();
            match found == commit {
                true => self.proven(reader, commit),
                false => Err(FetchError::NotAskedFor { asked, answer }),
            }
        });
        fetched.map_err(|error| unavailable(&error))
    }

    /// The commit that the reference named when it was met first; what it names now is looked at, so that a change is
    /// told in `changed`.
    pub(super) fn first_seen(&self, changed: &mut Vec<String>) -> Result<Oid, RemoteError> {
        let store = self.world.store;
        let key = format!("{FIRST}{}\n{}", self.git.repository, self.git.reference);
        let known = store.recall(&key).map_err(|error| unavailable(&error))?;
        let known = known.and_then(|bytes| String::from_utf8(bytes).ok());
        let met: Option<Oid> = known.and_then(|text| text.parse().ok());
        match (self.look(met), met) {
            (Ok(found), None) => {
                let text = found.to_string();
                let remembered = store.remember(&key, text.as_bytes());
                remembered.map_err(|error| unavailable(&error))?;
                Ok(found)
            }
            (Err(error), None) => Err(unavailable(&error)),
            (found, Some(met)) => {
                // Nobody can say what it is now where it cannot be asked.
                let now = found.unwrap_or(met);
                if now != met {
                    changed.push(format!(
                        "{} named commit {met} when this node met it first, and names {now} now; what was met first stays in \
                         use; to take the other, pin it with `windlass lock`",
                        self.shown(),
                    ));
                }
                Ok(met)
            }
        }
    }

    fn shown(&self) -> String {
        let repository = windlass_wire::DisplayUrl(&self.git.repository);
        match self.git.reference.as_str() {
            "" => format!("{repository} (its default branch)"),
            reference => format!("{repository} (ref {reference})"),
        }
    }

    /// What the reference names now: a tag before a branch, as git takes it.
    fn look(&self, met: Option<Oid>) -> Result<Oid, FetchError> {
        let name = self.git.reference.as_str();
        if name.is_empty() {
            return self.fetch(&Reference::Name("HEAD".to_owned()), met);
        }
        if name.starts_with("refs/") {
            return self.fetch(&Reference::Name(name.to_owned()), met);
        }
        match self.fetch(&Reference::Tag(name.to_owned()), met) {
            Err(FetchError::Failed {
                class: FailureClass::NoSuchReference,
                ..
            }) => self.fetch(&Reference::Branch(name.to_owned()), met),
            found => found,
        }
    }

    /// Asks for a reference; keeps what comes where it is the expected commit, or where none is expected. Gives the
    /// commit that the reference names.
    fn fetch(&self, reference: &Reference, expected: Option<Oid>) -> Result<Oid, FetchError> {
        let World {
            store, net, naming, ..
        } = self.world;
        let kept = expected.map(|commit| store.kept(&self.line(commit)));
        let kept = kept.transpose()?.flatten().and_then(|kept| kept.tip);
        let request = self.request(reference, kept.as_ref());
        let Some(came) = ask(store, net, &request)? else {
            let what = "that a reference is as it was which was not named";
            return expected.ok_or(FetchError::Unexpected { what });
        };
        let commit = came.head;
        if expected.is_some_and(|expected| expected != commit) {
            return Ok(commit);
        }
        let accepted = accepted(&came.incoming, naming, commit)?;
        if let Some(missing) = missing_objects(&came.incoming, &accepted.source)? {
            return Err(FetchError::Incomplete { commit, missing });
        }
        let now = jiff::Timestamp::now().as_second();
        came.incoming
            .keep(&self.line(commit), &accepted, &came.tip, now)?;
        Ok(commit)
    }

    /// A reference that is known is only looked at. A commit is asked for whatever is kept: that may be damaged.
    fn request(&self, reference: &Reference, kept: Option<&Tip>) -> FetchRequest {
        let known = kept.filter(|_| !matches!(reference, Reference::Commit(_)));
        let is_look = known.is_some();
        let timeout = match self.git.timeout {
            _ if is_look => LOOK_TIMEOUT,
            Some(asked) => asked.min(LONGEST_TIMEOUT),
            None => TIMEOUT,
        };
        FetchRequest {
            url: self.url.clone(),
            reference: reference.clone(),
            have: Vec::new(),
            credentials: self.credentials.clone(),
            ca_bundle: self.ca_bundle.clone(),
            timeout_seconds: timeout.as_secs().max(1),
            known: known.map(|tip| Known {
                reference_name: tip.reference.clone(),
                target: tip.target.to_string(),
            }),
            history: History::Head,
        }
    }

    fn proven(&self, reader: &dyn ObjectReader, commit: Oid) -> Result<VerifiedSource, FetchError> {
        accepted(reader, self.world.naming, commit).map(|accepted| accepted.source)
    }

    /// Where the commit is kept for the Kustomization that is built.
    pub(super) fn line(&self, commit: Oid) -> Line {
        Line {
            source: source_of(self.world.owner),
            url: windlass_wire::DisplayUrl(&self.url).to_string(),
            selector: format!("commit {commit}"),
        }
    }
}

/// The commit is taken for its id, which stands in a file of a revision that is in use.
fn accepted(
    reader: &dyn ObjectReader,
    naming: Naming<'_>,
    commit: Oid,
) -> Result<windlass_trust::Accepted, FetchError> {
    let nobody = Policy {
        signers: Signers::default(),
        introduction: Introduction::Commit(commit),
        mode: Mode::default(),
    };
    match verify_pinned(reader, &nobody, None, naming.pin(commit))? {
        Verdict::Accepted(accepted) => Ok(accepted),
        Verdict::Refused(refusal) => Err(FetchError::Failed {
            class: FailureClass::Refused,
            message: refusal.to_string(),
        }),
    }
}

fn source_of(owner: &Named) -> String {
    format!("{SOURCE}{owner}")
}

/// The URL of a repository as windlass-net takes it: ssh(1)'s own spelling has none.
fn url(repository: &str) -> Result<String, String> {
    if repository.starts_with("file://") {
        return Err(
            "a repository on a node is not what it names; use a URL with https or ssh".to_owned(),
        );
    }
    if repository.contains("://") {
        return Ok(repository.to_owned());
    }
    let Some((host, path)) = repository.split_once([':', '/']) else {
        return Err("its host cannot be told; use a URL with https or ssh".to_owned());
    };
    Ok(format!("ssh://{host}/{}", path.trim_start_matches('/')))
}

/// Lets go of the bases of a Kustomization but for these lines.
pub(super) fn forget_all_but(
    store: &Store,
    owner: &Named,
    used: &[Line],
) -> Result<(), StoreError> {
    let source = source_of(owner);
    forget(store, |line| line.source == source && !used.contains(line))
}

/// Lets go of the bases of other Kustomizations than these.
pub(super) fn forget_gone(store: &Store, owners: &BTreeSet<String>) -> Result<(), StoreError> {
    forget(store, |line| {
        let owner = line.source.strip_prefix(SOURCE);
        owner.is_some_and(|owner| !owners.contains(owner))
    })
}

fn forget(store: &Store, is_over: impl Fn(&Line) -> bool) -> Result<(), StoreError> {
    let mut left = false;
    for (line, _) in store.kept_lines()? {
        if is_over(&line) {
            left |= store.forget(&line)?;
        }
    }
    match left {
        true => store.collect_garbage(&[]).map(drop),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn a_repository_is_asked_for_by_a_url() {
        let check = |repository: &str, expected: &str| {
            assert_eq!(url(repository).as_deref(), Ok(expected), "{repository}");
        };
        check("https://h.test/org/repo", "https://h.test/org/repo");
        check("git@github.com:org/repo", "ssh://git@github.com/org/repo");
        check("me@h.test/org/repo.git", "ssh://me@h.test/org/repo.git");
        check(
            "ssh://git@h.test:22/org/repo",
            "ssh://git@h.test:22/org/repo",
        );
        assert!(url("file:///srv/repo").is_err() && url("nothing").is_err());
    }
}
