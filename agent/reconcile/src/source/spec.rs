//! What a source asks for, from the node's config or from a GitRepository.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_api::git_repository::{
    DEFAULT_BRANCH, GitProvider, GitRepositoryRef, GitRepositorySpec,
};
use windlass_api::reasons;
use windlass_state::{Line, Tip};
use windlass_trust::Oid;
use windlass_wire::{Credentials, Reference, Secret};

use super::basis::{Basis, NOBODY, Rule, Trust};
use super::confirm::Verification;
use super::include::Included;
use super::lost::Remembered;
use crate::named::Named;
use crate::trust::NodeTrust;
use crate::view::Choice;

/// Everything a fetch needs.
#[derive(Clone, Debug)]
pub(crate) struct SourceSpec {
    /// Which state of the node's trust it is judged by.
    pub(crate) epoch: u64,
    pub(crate) name: Named,
    pub(crate) url: String,
    pub(crate) reference: Reference,
    /// What stands before a pinned commit in its revision: the branch or the reference that is named beside it.
    pub(crate) beside: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) ca_bundle: Option<String>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) choice: Choice,
    /// The other sources whose files are put inside.
    pub(crate) includes: Vec<Included>,
    pub(crate) trust: Trust,
    /// Whether another selector may begin a new line.
    pub(crate) may_turn: bool,
    /// Whether it is another source than the root, for which there are more ways to be trusted.
    pub(crate) is_other: bool,
    pub(crate) verification: Verification,
    pub(crate) remembered: Remembered,
}

/// The Secrets that a spec names, decoded.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    pub(crate) credentials: Option<BTreeMap<String, String>>,
    pub(crate) verification: Option<BTreeMap<String, String>>,
}

/// A spec that cannot be followed: reason and message of the condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Only a change of the object can help.
    pub(crate) stalled: bool,
}

impl SourceSpec {
    /// The ratchet is kept per source, URL and selector (decision 7).
    pub(crate) fn line(&self) -> Line {
        Line {
            source: self.name.to_string(),
            url: self.url.clone(),
            selector: selector(&self.reference),
        }
    }

    /// The revision in Flux's spelling: `main@sha1:<oid>`, `refs/pull/7/head@sha1:<oid>` or `sha1:<oid>`.
    pub(crate) fn revision(&self, commit: Oid, tip: Option<&Tip>) -> String {
        let tag = tip.and_then(|tip| tip.reference.strip_prefix("refs/tags/"));
        let name = match &self.reference {
            Reference::Branch(name) | Reference::Tag(name) | Reference::Name(name) => {
                Some(name.as_str())
            }
            Reference::Semver(range) => tag.or(Some(range)),
            Reference::Commit(_) => self.beside.as_deref(),
        };
        name.map_or_else(
            || format!("sha1:{commit}"),
            |name| format!("{name}@sha1:{commit}"),
        )
    }
}

pub(super) fn selector(reference: &Reference) -> String {
    match reference {
        Reference::Branch(name) => format!("branch {name}"),
        Reference::Tag(name) => format!("tag {name}"),
        Reference::Semver(range) => format!("semver {range}"),
        Reference::Name(name) => format!("name {name}"),
        Reference::Commit(oid) => format!("commit {oid}"),
    }
}

/// What a selector was made of.
pub(crate) fn selected(selector: &str) -> Option<Reference> {
    let (kind, text) = selector.split_once(' ')?;
    let text = text.to_owned();
    Some(match kind {
        "branch" => Reference::Branch(text),
        "tag" => Reference::Tag(text),
        "semver" => Reference::Semver(text),
        "name" => Reference::Name(text),
        "commit" => Reference::Commit(text),
        _ => return None,
    })
}

/// Reads `spec.ref`: commit wins over name, name over semver, semver over tag, tag over branch, as in Flux.
pub(crate) fn reference(reference: Option<&GitRepositoryRef>) -> Reference {
    let default = GitRepositoryRef::default();
    let wanted = reference.unwrap_or(&default);
    let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    given(&wanted.commit)
        .map(Reference::Commit)
        .or_else(|| given(&wanted.name).map(Reference::Name))
        .or_else(|| given(&wanted.semver).map(Reference::Semver))
        .or_else(|| given(&wanted.tag).map(Reference::Tag))
        .or_else(|| given(&wanted.branch).map(Reference::Branch))
        .unwrap_or_else(|| Reference::Branch(DEFAULT_BRANCH.to_owned()))
}

/// What names a pinned commit in its revision; Flux puts the name before the branch.
fn beside(reference: Option<&GitRepositoryRef>) -> Option<String> {
    let GitRepositoryRef { name, branch, .. } = reference?;
    let mut named = [name, branch].into_iter().flatten();
    named.find(|text| !text.is_empty()).cloned()
}

/// Builds the fetch of a GitRepository.
pub(crate) fn from_git_repository(
    name: &Named,
    spec: &GitRepositorySpec,
    secrets: &Secrets,
    (basis, node): (&Basis, &NodeTrust),
) -> Result<SourceSpec, Unusable> {
    refuse_unknown(spec)?;
    let secret = secrets.credentials.as_ref();
    let mut reference = reference(spec.reference.as_ref());
    let mut beside = beside(spec.reference.as_ref());
    let trust = basis
        .trust(&reference, node)
        .ok_or_else(|| Unusable::unvouched(basis))?;
    if let (Basis::Commit { .. }, Rule::Pinned(pin)) = (basis, trust.rule)
        && !matches!(reference, Reference::Commit(_))
    {
        // windlass.lock pins what the reference would give: that commit is fetched, under the reference's name.
        beside = beside.or_else(|| Some(word(&reference)));
        reference = Reference::Commit(pin.to_string());
    }
    Ok(SourceSpec {
        epoch: 0,
        name: name.clone(),
        url: spec.url.clone(),
        reference,
        beside,
        credentials: credentials(&spec.url, secret)?,
        ca_bundle: secret
            .and_then(|secret| secret.get("ca.crt").or(secret.get("caFile")))
            .cloned(),
        interval: spec.interval.0,
        timeout: spec.effective_timeout(),
        choice: Choice {
            ignore: spec.ignore.clone(),
            sparse: spec.sparse_checkout.clone(),
        },
        includes: Vec::new(),
        trust,
        may_turn: basis.may_turn(),
        is_other: true,
        verification: verification(spec, secrets.verification.as_ref())?,
        remembered: Remembered::default(),
    })
}

fn verification(
    spec: &GitRepositorySpec,
    secret: Option<&BTreeMap<String, String>>,
) -> Result<Verification, Unusable> {
    match (&spec.verification, secret) {
        (None, _) => Ok(Verification::NotAsked),
        (Some(_), None) => Ok(Verification::Later),
        (Some(asked), Some(secret)) => Verification::with(asked.mode, secret),
    }
}

fn word(reference: &Reference) -> String {
    match reference {
        Reference::Branch(text)
        | Reference::Tag(text)
        | Reference::Semver(text)
        | Reference::Name(text)
        | Reference::Commit(text) => text.clone(),
    }
}

impl Unusable {
    fn unvouched(basis: &Basis) -> Self {
        let (message, stalled) = match basis {
            Basis::NotYet { message } => (message.clone(), false),
            _ => (NOBODY.to_owned(), true),
        };
        Unusable {
            reason: reasons::NOT_VOUCHED_FOR,
            message,
            stalled,
        }
    }
}

fn refuse_unknown(spec: &GitRepositorySpec) -> Result<(), Unusable> {
    let unsupported = [
        ("spec.recurseSubmodules", spec.recurse_submodules),
        (
            "spec.provider",
            !matches!(spec.provider, None | Some(GitProvider::Generic)),
        ),
        ("spec.proxySecretRef", spec.proxy_secret_ref.is_some()),
        (
            "spec.serviceAccountName",
            spec.service_account_name.is_some(),
        ),
    ];
    match unsupported.into_iter().find(|(_, set)| *set) {
        None => Ok(()),
        Some((field, _)) => Err(Unusable {
            reason: reasons::FAILED,
            message: format!("{field} is not supported by this version of windlass; remove it"),
            stalled: true,
        }),
    }
}

fn credentials(
    url: &str,
    secret: Option<&BTreeMap<String, String>>,
) -> Result<Credentials, Unusable> {
    let Some(secret) = secret else {
        return Ok(Credentials::None);
    };
    let field = |name: &str| secret.get(name).cloned();
    if url.starts_with("ssh://") {
        let missing = |name| Unusable {
            reason: reasons::AUTHENTICATION_FAILED,
            message: format!("the secret of spec.secretRef has no key {name:?}, which ssh needs"),
            stalled: false,
        };
        return Ok(Credentials::Ssh {
            identity: Secret::from(field("identity").ok_or_else(|| missing("identity"))?),
            passphrase: field("password").map(Secret::from),
            known_hosts: field("known_hosts").ok_or_else(|| missing("known_hosts"))?,
        });
    }
    Ok(
        match (field("bearerToken"), field("username"), field("password")) {
            (Some(token), ..) => Credentials::Bearer(Secret::from(token)),
            (None, Some(username), password) => Credentials::Basic {
                username,
                password: Secret::from(password.unwrap_or_default()),
            },
            (None, None, _) => Credentials::None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_follows_flux_precedence() {
        let all = GitRepositoryRef {
            branch: Some("main".into()),
            tag: Some("v1".into()),
            semver: Some(">=1".into()),
            name: Some("refs/heads/x".into()),
            commit: Some("a".repeat(40)),
        };
        assert_eq!(reference(Some(&all)), Reference::Commit("a".repeat(40)));
        let pinned = reference(Some(&all));
        assert_eq!(selected(&selector(&pinned)), Some(pinned));
        let named = GitRepositoryRef {
            commit: None,
            ..all
        };
        assert_eq!(
            reference(Some(&named)),
            Reference::Name("refs/heads/x".into())
        );
        assert_eq!(reference(None), Reference::Branch("master".into()));
    }
}
