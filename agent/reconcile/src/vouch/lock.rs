//! What `windlass.lock` of a revision pins, and which pin a source of it has.

use windlass_api::git_repository::{DEFAULT_BRANCH, GitRepositoryRef};
use windlass_kustomize::{EntryKind, Tree};
use windlass_trust::{LOCK_FILE, LockFile, Oid};

/// Reads the file at the root of the repository, if there is one.
pub(crate) fn read(tree: &dyn Tree) -> Result<LockFile, String> {
    let is_there = tree.kind(LOCK_FILE).map_err(|error| error.to_string())?;
    if is_there != Some(EntryKind::File) {
        return Ok(LockFile::default());
    }
    let bytes = tree.read(LOCK_FILE).map_err(|error| error.to_string())?;
    LockFile::parse(&bytes).map_err(|error| error.to_string())
}

/// The commit that is pinned for a source, if one is.
pub(crate) fn of_source(
    lock: &LockFile,
    url: &str,
    reference: Option<&GitRepositoryRef>,
) -> Option<Oid> {
    lock.git(url, followed(reference))
}

/// What a source follows, in one word.
fn followed(reference: Option<&GitRepositoryRef>) -> &str {
    let Some(reference) = reference else {
        return DEFAULT_BRANCH;
    };
    let GitRepositoryRef {
        branch,
        tag,
        semver,
        name,
        commit: _,
    } = reference;
    let mut given = [name, semver, tag, branch].into_iter().flatten();
    given
        .find(|text| !text.is_empty())
        .map_or(DEFAULT_BRANCH, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_the_pin_of_what_it_follows() {
        let branch = |name: &str| GitRepositoryRef {
            branch: Some(name.to_owned()),
            ..GitRepositoryRef::default()
        };
        assert_eq!(followed(None), "master");
        assert_eq!(followed(Some(&branch(""))), "master");
        assert_eq!(followed(Some(&branch("main"))), "main");
        let tag = GitRepositoryRef {
            tag: Some("v1".to_owned()),
            ..branch("main")
        };
        assert_eq!(followed(Some(&tag)), "v1", "the tag is followed");
    }
}
