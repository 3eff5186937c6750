//! Random histories with policies, merged across, before a slow and obviously right model of who may do what: grants that come and
//! go, revocations of both kinds, people who reach beyond their folder.

use proptest::prelude::*;
use windlass_trust::{Introduction, Mode, Oid, Policy, Ratchet, Verdict, verify};

use crate::charted::{Files, ada, eve, principal, revoked, tree};
use crate::kit::{History, policy};

const POLICY: &str = "windlass.policy";
const PATHS: [&str; 2] = ["apps/web.yaml", "infra/net.yaml"];

/// What a policy file says; one that is another says it under another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    version: usize,
    /// What eve may change.
    grants: Grants,
    revokes: Revokes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grants {
    Nothing,
    Apps,
    All,
}

/// How eve's key is revoked, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Revokes {
    Not,
    Soft,
    Hard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Root,
    Eve,
    Nobody,
}

/// The files of a commit: the versions of the two, and the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    files: [usize; 2],
    policy: Said,
}

/// One commit of a random history.
#[derive(Debug, Clone)]
struct Drawn {
    parents: Vec<prop::sample::Index>,
    /// From which parent a merge takes each file.
    sides: [prop::sample::Index; 3],
    /// Which of the two files it changes.
    changes: [bool; 2],
    /// What it makes of the policy, and by how much its version rises.
    says: Option<(Grants, Revokes, usize)>,
    by: By,
}

struct Drawing {
    history: History,
    oids: Vec<Oid>,
    parents: Vec<Vec<usize>>,
    states: Vec<State>,
    by: Vec<By>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let parents = prop_oneof![
        3 => prop::collection::vec(any::<prop::sample::Index>(), 1..=1),
        2 => prop::collection::vec(any::<prop::sample::Index>(), 2..=3),
    ];
    let by = prop_oneof![4 => Just(By::Root), 5 => Just(By::Eve), 1 => Just(By::Nobody)];
    let grants =
        prop_oneof![1 => Just(Grants::Nothing), 3 => Just(Grants::Apps), 3 => Just(Grants::All)];
    let revokes =
        prop_oneof![6 => Just(Revokes::Not), 1 => Just(Revokes::Soft), 1 => Just(Revokes::Hard)];
    let says = prop::option::weighted(0.2, (grants, revokes, 0..3_usize));
    let changes = [prop::bool::weighted(0.5), prop::bool::weighted(0.2)];
    (
        parents,
        any::<[prop::sample::Index; 3]>(),
        changes,
        says,
        by,
    )
        .prop_map(|(parents, sides, changes, says, by)| Drawn {
            parents,
            sides,
            changes,
            says,
            by,
        })
}

/// The first commit is a root's and brings the policy; the others have parents among the four before.
fn draw(commits: &[Drawn]) -> Drawing {
    let begin = State {
        files: [0, 0],
        policy: Said {
            version: 1,
            grants: Grants::Apps,
            revokes: Revokes::Not,
        },
    };
    let mut drawing = Drawing {
        history: History::new(),
        oids: Vec::new(),
        parents: Vec::new(),
        states: Vec::new(),
        by: Vec::new(),
    };
    drawing.commit(Vec::new(), begin, By::Root);
    for (number, drawn) in commits.iter().enumerate() {
        let number = number + 1;
        let from = number.saturating_sub(4);
        let mut parents: Vec<usize> = Vec::new();
        for index in &drawn.parents {
            let parent = from + index.index(number - from);
            if !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        let side = |of: usize| drawing.states[parents[drawn.sides[of].index(parents.len())]];
        let mut state = State {
            files: [side(0).files[0], side(1).files[1]],
            policy: side(2).policy,
        };
        for (file, changed) in drawn.changes.iter().enumerate() {
            if *changed {
                state.files[file] = number;
            }
        }
        if let Some((grants, revokes, rise)) = drawn.says {
            let version = state.policy.version + rise;
            state.policy = Said {
                version,
                grants,
                revokes,
            };
        }
        drawing.commit(parents, state, drawn.by);
    }
    drawing
}

impl Drawing {
    fn commit(&mut self, parents: Vec<usize>, state: State, by: By) {
        let mut files: Files = PATHS
            .iter()
            .zip(state.files)
            .map(|(path, version)| (*path, format!("at: {version}\n")))
            .collect();
        files.insert(POLICY, state.policy.text());
        self.history.tree = tree(&mut self.history.objects, &files, "");
        let ids: Vec<Oid> = parents.iter().map(|parent| self.oids[*parent]).collect();
        let message = format!("commit {}", self.oids.len());
        let oid = match by {
            By::Root => self.history.signed(&ada(), &ids, &message),
            By::Eve => self.history.signed(&eve(), &ids, &message),
            By::Nobody => self.history.unsigned(&ids, &message),
        };
        self.oids.push(oid);
        self.parents.push(parents);
        self.states.push(state);
        self.by.push(by);
    }

    // === The model ===

    /// Whether a commit may come after another one.
    fn may_follow(&self, child: usize, parent: usize, head: usize) -> bool {
        let (now, before) = (self.states[child], self.states[parent]);
        let policy_follows = now.policy == before.policy
            || now.policy.version > before.policy.version
                && now.policy.revokes >= before.policy.revokes;
        match self.by[child] {
            By::Nobody => false,
            By::Root => policy_follows,
            By::Eve => {
                let granted = match before.policy.grants {
                    Grants::Nothing => false,
                    Grants::Apps => now.files[1] == before.files[1],
                    Grants::All => true,
                };
                let barred = before.policy.revokes != Revokes::Not
                    || self.states[head].policy.revokes == Revokes::Hard;
                granted && !barred && now.policy == before.policy
            }
        }
    }

    fn some_way(&self, from: usize, base: usize, head: usize) -> bool {
        let goes_on = |parent: &usize| {
            self.may_follow(from, *parent, head) && self.some_way(*parent, base, head)
        };
        from == base || self.parents[from].iter().any(goes_on)
    }

    fn first_parents(&self, from: usize, base: usize, head: usize) -> bool {
        let goes_on = |parent: &usize| {
            self.may_follow(from, *parent, head) && self.first_parents(*parent, base, head)
        };
        from == base || self.parents[from].first().is_some_and(goes_on)
    }

    fn descends(&self, from: usize, base: usize) -> bool {
        from == base
            || self.parents[from]
                .iter()
                .any(|parent| self.descends(*parent, base))
    }

    fn accepts(&self, mode: Mode, (base, head): (usize, usize)) -> Option<bool> {
        match mode {
            Mode::Path => Some(self.some_way(head, base, head)),
            Mode::FirstParent => Some(self.first_parents(head, base, head)),
            Mode::All => None,
        }
    }

    /// What holds of an accepted range in every mode: nobody's commit that no rule allows after any of its parents got in as one that
    /// was looked at.
    fn is_allowed_somewhere(&self, commit: usize, head: usize) -> bool {
        let follows = |parent: &usize| self.may_follow(commit, *parent, head);
        // A merge of a root may take the policy of one side.
        self.by[commit] == By::Root || self.parents[commit].iter().any(follows)
    }

    /// A history that every mode has to accept: each new commit is a root's, and may follow each of its parents.
    fn is_all_by_roots(&self, (base, head): (usize, usize)) -> bool {
        new_commits(self, (base, head)).into_iter().all(|commit| {
            let mut parents = self.parents[commit].iter();
            self.by[commit] == By::Root
                && parents.all(|parent| self.may_follow(commit, *parent, head))
        })
    }

    fn verdict(&self, mode: Mode, (base, head): (usize, usize)) -> bool {
        let introduction = self.oids[0];
        let policy = Policy {
            mode,
            ..policy(&ada().line("ada"), Introduction::Commit(introduction))
        };
        let ratchet = Ratchet {
            head: self.oids[base],
            introduction,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        };
        let (objects, head) = (&self.history.objects, self.oids[head]);
        let verdict = verify(objects, &policy, Some(&ratchet), &head).unwrap();
        matches!(verdict, Verdict::Accepted(_))
    }
}

impl Said {
    fn text(self) -> String {
        let mut text = format!("version = {}\n", self.version);
        text += &match self.grants {
            Grants::Nothing => String::new(),
            Grants::Apps => principal("eve", &eve(), &["apps/**"]),
            Grants::All => principal("eve", &eve(), &["**"]),
        };
        text += &match self.revokes {
            Revokes::Not => String::new(),
            Revokes::Soft => revoked(&eve(), "soft"),
            Revokes::Hard => revoked(&eve(), "hard"),
        };
        text
    }
}

/// Every commit of a range that ends in the head and is not behind the base.
fn new_commits(drawing: &Drawing, (base, head): (usize, usize)) -> Vec<usize> {
    (0..drawing.oids.len())
        .filter(|commit| drawing.descends(head, *commit) && !drawing.descends(base, *commit))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_does_what_no_rule_allows_and_nobody_is_kept_from_what_one_allows(
        commits in prop::collection::vec(drawn(), 1..10),
        pick in any::<prop::sample::Index>(),
    ) {
        let drawing = draw(&commits);
        let head = drawing.oids.len() - 1;
        let bases: Vec<usize> = (0..=head).filter(|base| drawing.descends(head, *base)).collect();
        let question = (*pick.get(&bases), head);
        for mode in [Mode::Path, Mode::FirstParent, Mode::All] {
            let found = drawing.verdict(mode, question);
            match drawing.accepts(mode, question) {
                Some(expected) => prop_assert_eq!(found, expected, "{}", mode),
                None if found => {
                    for commit in new_commits(&drawing, question) {
                        prop_assert!(drawing.is_allowed_somewhere(commit, head), "commit {}", commit);
                    }
                }
                None => prop_assert!(!drawing.is_all_by_roots(question), "all of it is a root's"),
            }
        }
    }

    /// Whoever signs instead of somebody with fewer rights takes nothing away.
    #[test]
    fn a_root_s_signature_in_another_s_place_never_loses_acceptance(
        mut commits in prop::collection::vec(drawn(), 1..10),
        pick in any::<prop::sample::Index>(),
    ) {
        let before = draw(&commits);
        let question = (0, before.oids.len() - 1);
        let at = pick.index(commits.len());
        commits[at].by = By::Root;
        let after = draw(&commits);
        for mode in [Mode::Path, Mode::FirstParent, Mode::All] {
            prop_assert!(!before.verdict(mode, question) || after.verdict(mode, question), "{}", mode);
        }
    }
}
