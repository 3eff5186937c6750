//! Which commit is wanted, and picking it out of what a server advertises.

use gix_hash::ObjectId;
use semver::Version;
use windlass_wire::{DisplayUrl, FailureClass, Range, Reference, parse_tag};

use crate::failure::Failure;

/// A request's reference, checked: from here on no name can be anything but a name.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// A full reference name.
    Name(String),
    /// The highest tag in a range; the text is kept for messages.
    Tags { range: Range, text: String },
    /// A commit by its id.
    Commit(ObjectId),
}

/// What a reference points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The object the reference names: a commit, or an annotated tag.
    pub(crate) target: ObjectId,
    /// The full name of the reference, or the object id.
    pub(crate) name: String,
}

/// Branch tips remembered for a server that does not hand out commits by id.
const REMEMBERED_TIPS: usize = 256;

const TAGS: &str = "refs/tags/";
const HEADS: &str = "refs/heads/";

impl Wanted {
    /// Checks a reference. Names are validated as git-check-ref-format(1) does, so that a hostile one ends
    /// here and never meets a path.
    pub(crate) fn parse(reference: &Reference) -> Result<Self, Failure> {
        match reference {
            Reference::Branch(branch) => checked(format!("{HEADS}{branch}")),
            Reference::Tag(tag) => checked(format!("{TAGS}{tag}")),
            Reference::Name(name) => checked(name.clone()),
            Reference::Semver(text) => match Range::parse(text) {
                Ok(range) => Ok(Self::Tags {
                    range,
                    text: text.clone(),
                }),
                Err(part) => Err(Failure::invalid_request(format!(
                    "semver range {text:?} cannot be read: {part}"
                ))),
            },
            Reference::Commit(text) => match ObjectId::from_hex(text.as_bytes()) {
                Ok(oid) if !oid.is_null() => Ok(Self::Commit(oid)),
                _ => Err(Failure::invalid_request(format!(
                    "commit {text:?} is not a full object id of 40 hex digits"
                ))),
            },
        }
    }

    /// The one prefix that is asked for. A commit needs no reference, but the question proves that whoever
    /// asks may read the repository before anything is answered from the cache.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Tags { .. } => TAGS,
            Self::Commit(_) => "HEAD",
        }
    }

    /// Says that the repository has no such reference.
    pub(crate) fn missing(&self, url: &str) -> Failure {
        let url = DisplayUrl(url);
        let message = match self {
            Self::Name(name) => match (name.strip_prefix(HEADS), name.strip_prefix(TAGS)) {
                (Some(branch), _) => {
                    format!("{url} has no branch {branch:?}; check spec.ref.branch, or push it")
                }
                (_, Some(tag)) => {
                    format!("{url} has no tag {tag:?}; check spec.ref.tag, or push it")
                }
                _ => format!("{url} has no reference {name:?}; check spec.ref.name"),
            },
            Self::Tags { text, .. } => {
                format!("{url} has no tag within {text:?}; tags must be versions such as v1.2.3")
            }
            Self::Commit(oid) => format!(
                "{url} has no commit {oid}, or does not hand it out; check spec.ref.commit, or push it"
            ),
        };
        Failure::new(FailureClass::NoSuchReference, message)
    }
}

fn checked(name: String) -> Result<Wanted, Failure> {
    match gix_validate::reference::name(name.as_str().into()) {
        Ok(_) => Ok(Wanted::Name(name)),
        Err(_) => Err(Failure::invalid_request(format!(
            "{name:?} is not a reference name that git allows; see git-check-ref-format"
        ))),
    }
}

/// Picks the wanted reference while references stream by; holds no list of them.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    wanted: &'a Wanted,
    best: Option<(Option<Version>, Resolved)>,
    tips: Vec<ObjectId>,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(wanted: &'a Wanted) -> Self {
        Self {
            wanted,
            best: None,
            tips: Vec::new(),
        }
    }

    /// Looks at one advertised reference.
    pub(crate) fn offer(&mut self, name: &[u8], target: ObjectId) {
        let Ok(name) = std::str::from_utf8(name) else {
            return;
        };
        match self.wanted {
            Wanted::Name(wanted) if wanted == name => self.take(None, name, target),
            Wanted::Tags { range, .. } => {
                let Some(tag) = name.strip_prefix(TAGS) else {
                    return;
                };
                let Some(version) = parse_tag(tag).filter(|version| range.matches(version)) else {
                    return;
                };
                if self.is_higher(&version, name) {
                    self.take(Some(version), name, target);
                }
            }
            Wanted::Commit(_) if name.starts_with(HEADS) && self.tips.len() < REMEMBERED_TIPS => {
                self.tips.push(target);
            }
            Wanted::Name(_) | Wanted::Commit(_) => {}
        }
    }

    /// Of two tags with the same precedence (`v1.0.0` and `1.0.0+b`) the name decides, so that the choice
    /// does not depend on the order a server lists them in.
    fn is_higher(&self, version: &Version, name: &str) -> bool {
        match &self.best {
            Some((Some(best), resolved)) => version
                .cmp_precedence(best)
                .then_with(|| name.cmp(&resolved.name))
                .is_gt(),
            _ => true,
        }
    }

    fn take(&mut self, version: Option<Version>, name: &str, target: ObjectId) {
        self.best = Some((
            version,
            Resolved {
                target,
                name: name.to_owned(),
            },
        ));
    }

    /// The pick; a commit is taken at its word here and missed when it is fetched.
    pub(crate) fn finish(self, url: &str) -> Result<Resolved, Failure> {
        if let Wanted::Commit(oid) = self.wanted {
            return Ok(Resolved {
                target: *oid,
                name: oid.to_string(),
            });
        }
        self.best
            .map(|(_, resolved)| resolved)
            .ok_or_else(|| self.wanted.missing(url))
    }

    /// Tips of branches, for a commit that has to be found behind one of them.
    pub(crate) fn tips(&self) -> &[ObjectId] {
        &self.tips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
    }

    fn pick(reference: Reference, offered: &[(&str, char)]) -> Result<String, Failure> {
        let wanted = Wanted::parse(&reference)?;
        let mut selection = Selection::new(&wanted);
        for (name, digit) in offered {
            selection.offer(name.as_bytes(), oid(*digit));
        }
        selection
            .finish("https://git.test/r")
            .map(|resolved| resolved.name)
    }

    #[test]
    fn a_branch_is_matched_whole_and_not_as_a_prefix() {
        let offered = [("refs/heads/main-2", 'a'), ("refs/heads/main", 'b')];
        assert_eq!(
            pick(Reference::Branch("main".into()), &offered).unwrap(),
            "refs/heads/main"
        );
        let failure = pick(Reference::Branch("mai".into()), &offered).unwrap_err();
        assert_eq!(failure.class, FailureClass::NoSuchReference);
        assert!(failure.message.contains("no branch \"mai\""), "{failure}");
    }

    #[test]
    fn the_highest_tag_of_a_range_wins_in_any_order() {
        let offered = [
            ("refs/tags/v1.9.0", 'a'),
            ("refs/tags/v1.10.0", 'b'),
            ("refs/tags/v2.0.0", 'c'),
        ];
        let semver = || Reference::Semver("1.x".into());
        assert_eq!(pick(semver(), &offered).unwrap(), "refs/tags/v1.10.0");
        let reversed: Vec<_> = offered.into_iter().rev().collect();
        assert_eq!(pick(semver(), &reversed).unwrap(), "refs/tags/v1.10.0");
        assert!(pick(Reference::Semver("3.x".into()), &offered).is_err());
    }

    #[test]
    fn equal_versions_are_told_apart_by_name() {
        let offered = [("refs/tags/v1.0.0", 'a'), ("refs/tags/1.0.0+b", 'b')];
        for offered in [offered, [offered[1], offered[0]]] {
            let picked = pick(Reference::Semver("*".into()), &offered).unwrap();
            assert_eq!(picked, "refs/tags/v1.0.0");
        }
    }

    #[test]
    fn hostile_names_end_before_they_are_used() {
        for name in [
            "refs/heads/../../x",
            "refs/heads/a@{0}",
            "refs/heads/a\0b",
            "/etc/passwd",
            "refs/heads/.hidden",
            "refs/heads/a.lock",
            "refs//heads/a",
            "refs/heads/a b",
            "refs/heads/-x\n",
            "",
        ] {
            let failure = Wanted::parse(&Reference::Name(name.into())).expect_err(name);
            assert_eq!(failure.class, FailureClass::InvalidRequest);
        }
        assert!(Wanted::parse(&Reference::Branch("../x".into())).is_err());
        assert!(Wanted::parse(&Reference::Commit("0".repeat(40))).is_err());
        assert!(Wanted::parse(&Reference::Commit("abc".into())).is_err());
        assert!(Wanted::parse(&Reference::Semver("latest".into())).is_err());
    }
}
