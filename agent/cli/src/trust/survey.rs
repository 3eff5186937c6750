//! What a person should see before vouching for a history: its head, and who signed what in it.

use std::collections::BTreeMap;

use windlass_trust::{Introduction, Mode, Oid, Policy, RefusalReason, Signers, Verdict, verify};

use super::clone::LocalClone;
use super::error::TrustError;
use super::programs::Git;
use super::words::counted;

/// How many keys and authors are named; the rest is counted.
const NAMED: usize = 5;

/// A history, counted.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) branch: String,
    pub(crate) head: Oid,
    /// `1a2b3c4d "apps: Raise replicas" by Me, 3 days ago`.
    pub(crate) head_line: String,
    pub(crate) commits: usize,
    pub(crate) files: usize,
    /// How many commits each key signed, the busiest first.
    pub(crate) keys: Vec<(String, usize)>,
    pub(crate) unsigned: usize,
    /// Signed, but in a way that does not count, whatever the keys.
    pub(crate) unusable: usize,
    authors: Vec<(String, usize)>,
}

// === impl Survey ===

impl Survey {
    pub(crate) fn of(clone: &LocalClone, git: &Git, branch: &str) -> Result<Self, TrustError> {
        let head = clone
            .reference(&format!("refs/heads/{branch}"))?
            .ok_or_else(|| TrustError::Wanted {
                what: format!("branch {branch} has no commit yet"),
                next: "make the first commit, then start again".to_owned(),
            })?;
        let id = head.to_string();
        let head_line = git.run(&["log", "-1", "--format=%h \"%s\" by %an, %ar", &id])?;
        let files = git.run(&["ls-tree", "-r", "--name-only", &id])?;
        let mut survey = Self {
            branch: branch.to_owned(),
            head,
            head_line,
            commits: 0,
            files: files.lines().count(),
            keys: Vec::new(),
            unsigned: 0,
            unusable: 0,
            authors: authors(git, &id)?,
        };
        survey.count(clone, &git.run(&["rev-list", &id])?)?;
        Ok(survey)
    }

    /// What to print, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("{} is at {}", self.branch, self.head_line),
            format!(
                "{}, {}; by {}",
                counted(self.commits, "commit"),
                counted(self.files, "file"),
                shortened(&self.authors)
            ),
        ];
        if self.unsigned == self.commits {
            lines.push("none of them is signed".to_owned());
            return lines;
        }
        let others: usize = self
            .keys
            .iter()
            .skip(NAMED)
            .map(|(_, commits)| commits)
            .sum();
        let keys = self.keys.iter().take(NAMED);
        let keys = keys.map(|(key, commits)| (*commits, format!("signed with {key}")));
        let rest = [
            (others, "signed with other keys".to_owned()),
            (
                self.unusable,
                "signed in a way that nodes do not accept".to_owned(),
            ),
            (self.unsigned, "not signed".to_owned()),
        ];
        let width = self.commits.to_string().len();
        lines.extend(
            keys.chain(rest)
                .filter(|(commits, _)| *commits > 0)
                .map(|(commits, what)| format!("  {commits:width$} {what}")),
        );
        lines
    }

    fn count(&mut self, clone: &LocalClone, ids: &str) -> Result<(), TrustError> {
        // Nobody is listed, so that each verdict names the key.
        let policy = Policy {
            signers: Signers::default(),
            introduction: Introduction::FirstSigned,
            mode: Mode::All,
        };
        let mut keys: BTreeMap<String, usize> = BTreeMap::new();
        for oid in ids.lines().filter_map(|line| line.parse::<Oid>().ok()) {
            self.commits += 1;
            match verify(clone, &policy, None, &oid)? {
                Verdict::Refused(refusal) => match refusal.reason {
                    RefusalReason::Unsigned => self.unsigned += 1,
                    RefusalReason::UnknownKey { fingerprint } => {
                        *keys.entry(fingerprint).or_default() += 1;
                    }
                    _ => self.unusable += 1,
                },
                Verdict::Accepted(_) => {}
            }
        }
        self.keys = keys.into_iter().collect();
        self.keys
            .sort_by_key(|(_, commits)| std::cmp::Reverse(*commits));
        Ok(())
    }
}

fn authors(git: &Git, id: &str) -> Result<Vec<(String, usize)>, TrustError> {
    let printed = git.run(&["shortlog", "-sn", id])?;
    let rows = printed.lines().filter_map(|line| {
        let (commits, name) = line.trim().split_once('\t')?;
        Some((name.to_owned(), commits.parse().ok()?))
    });
    Ok(rows.collect())
}

fn shortened(authors: &[(String, usize)]) -> String {
    let mut named: Vec<String> = authors
        .iter()
        .take(NAMED)
        .map(|(name, commits)| format!("{name} ({commits})"))
        .collect();
    if authors.len() > NAMED {
        named.push(format!("and {} more", authors.len() - NAMED));
    }
    named.join(", ")
}
