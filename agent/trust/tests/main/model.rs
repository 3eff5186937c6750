//! Random histories before a slow and obviously right model of each mode: merges of any arity, wrong dates, unsigned
//! and foreign commits anywhere.

use std::collections::HashMap;

use proptest::prelude::*;
use windlass_trust::{
    CommitReport, Introduction, Mode, Oid, Policy, Ratchet, Role, Verdict, verify, verify_each,
};

use crate::kit::{History, Key, policy};

/// One commit of a random history.
#[derive(Debug, Clone)]
struct Drawn {
    /// Which of the commits before it are its parents.
    parents: Vec<prop::sample::Index>,
    kind: Kind,
    time: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    Unsigned,
    Foreign,
    Ambiguous,
}

/// A history and who is whose parent in it, by number.
struct Drawing {
    history: History,
    oids: Vec<Oid>,
    parents: Vec<Vec<usize>>,
    good: Vec<bool>,
}

/// The base and the head that are judged, by number.
#[derive(Debug, Clone, Copy)]
struct Question {
    introduction: usize,
    accepted: Option<usize>,
    head: usize,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let kind = prop_oneof![
        7 => Just(Kind::Good),
        2 => Just(Kind::Unsigned),
        1 => Just(Kind::Foreign),
        1 => Just(Kind::Ambiguous),
    ];
    let parents = prop_oneof![
        5 => prop::collection::vec(any::<prop::sample::Index>(), 1..=1),
        4 => prop::collection::vec(any::<prop::sample::Index>(), 2..=2),
        2 => prop::collection::vec(any::<prop::sample::Index>(), 3..=5),
        1 => Just(Vec::new()),
    ];
    let time = prop_oneof![3 => 1_700_000_000..1_700_000_100_u32, 1 => any::<u32>()];
    (parents, kind, time).prop_map(|(parents, kind, time)| Drawn {
        parents,
        kind,
        time,
    })
}

/// Parents are drawn among the six commits before, so that ways run side by side and cross.
fn draw(commits: &[Drawn]) -> Drawing {
    let (ada, eve) = (Key::new(1), Key::new(2));
    let mut history = History::new();
    let (mut oids, mut all_parents, mut good) = (Vec::new(), Vec::new(), Vec::new());
    for (number, drawn) in commits.iter().enumerate() {
        let from = number.saturating_sub(6);
        let mut parents: Vec<usize> = Vec::new();
        for index in drawn.parents.iter().filter(|_| number > 0) {
            let parent = from + index.index(number - from);
            if !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        let ids: Vec<Oid> = parents.iter().map(|parent| oids[*parent]).collect();
        let text = history.text_at(&ids, &format!("commit {number}"), drawn.time);
        oids.push(match drawn.kind {
            Kind::Good => history.sign(&ada, &text),
            Kind::Unsigned => history.raw(&text),
            Kind::Foreign => history.sign(&eve, &text),
            Kind::Ambiguous => {
                let twice =
                    text.replacen("author ", "author Eve <e@example.com> 1 +0000\nauthor ", 1);
                history.sign(&ada, &twice)
            }
        });
        all_parents.push(parents);
        good.push(drawn.kind == Kind::Good);
    }
    Drawing {
        history,
        oids,
        parents: all_parents,
        good,
    }
}

// === The model ===

impl Drawing {
    /// A commit and everything behind it.
    fn behind(&self, commit: usize) -> Vec<bool> {
        let mut found = vec![false; self.oids.len()];
        found[commit] = true;
        for number in (0..=commit).rev().filter(|number| *number <= commit) {
            if found[number] {
                for parent in &self.parents[number] {
                    found[*parent] = true;
                }
            }
        }
        found
    }

    /// Every way from a commit to the base, as it is written down.
    fn ways(&self, from: usize, base: usize) -> Vec<Vec<usize>> {
        if from == base {
            return vec![Vec::new()];
        }
        let further = |parent: &usize| self.ways(*parent, base);
        let mut ways: Vec<Vec<usize>> = self.parents[from].iter().flat_map(further).collect();
        for way in &mut ways {
            way.push(from);
        }
        ways
    }

    fn first_parents(&self, from: usize, base: usize) -> Option<Vec<usize>> {
        if from == base {
            return Some(Vec::new());
        }
        let mut way = self.first_parents(*self.parents[from].first()?, base)?;
        way.push(from);
        Some(way)
    }

    fn new_commits(&self, question: Question) -> Vec<usize> {
        let (head, introduction) = (
            self.behind(question.head),
            self.behind(question.introduction),
        );
        let accepted = self.behind(question.base());
        (0..self.oids.len())
            .filter(|number| head[*number] && !introduction[*number] && !accepted[*number])
            .collect()
    }

    fn accepts(&self, mode: Mode, question: Question) -> bool {
        let all_good = |commits: &[usize]| commits.iter().all(|commit| self.good[*commit]);
        let base = question.base();
        match mode {
            Mode::Path => self
                .ways(question.head, base)
                .iter()
                .any(|way| all_good(way)),
            Mode::FirstParent => self
                .first_parents(question.head, base)
                .is_some_and(|way| all_good(&way)),
            Mode::All => self.behind(question.head)[base] && all_good(&self.new_commits(question)),
        }
    }

    /// The bad commits that every way to the base passes, the oldest first.
    fn blocking(&self, question: Question) -> Vec<usize> {
        let ways = self.ways(question.head, question.base());
        (0..self.oids.len())
            .filter(|commit| !self.good[*commit] && ways.iter().all(|way| way.contains(commit)))
            .collect()
    }

    /// A way of good commits leads from the base up to this one.
    fn is_first_obstacle(&self, commit: usize, question: Question) -> bool {
        let base = question.base();
        let mut ways = self.parents[commit]
            .iter()
            .flat_map(|parent| self.ways(*parent, base));
        ways.any(|way| way.iter().all(|commit| self.good[*commit]))
    }

    fn ask(&self, mode: Mode, question: Question) -> (Policy, Option<Ratchet>, Oid) {
        let introduction = self.oids[question.introduction];
        let mut policy = policy(&Key::new(1).line("ada"), Introduction::Commit(introduction));
        policy.mode = mode;
        let ratchet = question.accepted.map(|accepted| Ratchet {
            head: self.oids[accepted],
            introduction,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        });
        (policy, ratchet, self.oids[question.head])
    }

    fn number(&self, oid: Oid) -> usize {
        self.oids.iter().position(|known| *known == oid).unwrap()
    }
}

impl Question {
    fn base(self) -> usize {
        self.accepted.unwrap_or(self.introduction)
    }
}

/// Questions whose last accepted head descends from the introduction, as it does on a node.
fn questions(drawing: &Drawing, picks: [prop::sample::Index; 3]) -> Question {
    let count = drawing.oids.len();
    let introduction = picks[0].index(count.div_ceil(2));
    let descendants: Vec<usize> = (introduction..count)
        .filter(|number| drawing.behind(*number)[introduction])
        .collect();
    let pick = picks[1].index(descendants.len() + 1);
    let head = count - 1 - picks[2].index(count.min(4));
    Question {
        introduction,
        accepted: descendants.get(pick).copied(),
        head,
    }
}

// === What must hold ===

fn check_verdict(drawing: &Drawing, mode: Mode, question: Question) -> Result<(), TestCaseError> {
    let (policy, ratchet, head) = drawing.ask(mode, question);
    // An ambiguous head names no directory for certain, pinned or not.
    let expected = drawing.accepts(mode, question)
        && (question.head != question.base() || !is_ambiguous(drawing, question.head));
    match verify(&drawing.history.objects, &policy, ratchet.as_ref(), &head).unwrap() {
        Verdict::Accepted(accepted) => {
            prop_assert!(expected, "{mode} accepts what the model refuses");
            prop_assert_eq!(accepted.ratchet.head, head);
            prop_assert!(accepted.proof.new_commits >= drawing.new_commits(question).len());
            let moved = question.accepted != Some(question.head);
            let before = ratchet.map_or(0, |ratchet| ratchet.counter);
            prop_assert_eq!(accepted.ratchet.counter, before + u64::from(moved));
        }
        Verdict::Refused(refusal) => {
            prop_assert!(
                !expected,
                "{mode} refuses what the model accepts: {refusal}"
            );
            prop_assert_eq!(refusal.rule.mode, mode);
            let blocking = drawing.blocking(question);
            let is_signature = !refusal.reason.code().starts_with("Not");
            if mode == Mode::Path && is_signature && question.head != question.base() {
                let named = drawing.number(refusal.commit);
                // The order of two commits of which neither descends from the other is open.
                let is_older = |other: &usize| *other != named && drawing.behind(named)[*other];
                prop_assert!(blocking.is_empty() || blocking.contains(&named));
                prop_assert!(!blocking.contains(&named) || !blocking.iter().any(is_older));
                prop_assert!(!drawing.good[named]);
                if blocking.is_empty() {
                    prop_assert!(drawing.is_first_obstacle(named, question));
                }
            }
        }
    }
    Ok(())
}

fn is_ambiguous(drawing: &Drawing, commit: usize) -> bool {
    let bytes = &drawing.history.objects.0[&drawing.oids[commit]].bytes;
    bytes
        .windows(8)
        .filter(|window| window == b"\nauthor ")
        .count()
        > 1
}

/// Each new commit is told once, after its parents; what lets the head in is signed, and what is
/// vouched for is behind a checked commit that says so.
fn check_reports(drawing: &Drawing, mode: Mode, question: Question) -> Result<(), TestCaseError> {
    let (policy, ratchet, head) = drawing.ask(mode, question);
    let mut told: Vec<CommitReport> = Vec::new();
    let objects = &drawing.history.objects;
    let verdict = verify_each(objects, &policy, ratchet.as_ref(), &head, &mut |report| {
        told.push(report)
    });
    let Verdict::Accepted(accepted) = verdict.unwrap() else {
        return Ok(());
    };
    prop_assert_eq!(told.len(), accepted.proof.new_commits);
    let checked: HashMap<Oid, &CommitReport> = told
        .iter()
        .filter(|report| report.role == Role::Checked)
        .map(|report| (report.commit, report))
        .collect();
    prop_assert_eq!(checked.len(), accepted.proof.checked_commits());
    prop_assert!(checked.values().all(|report| report.signed.is_ok()));
    for (at, report) in told.iter().enumerate() {
        let number = drawing.number(report.commit);
        prop_assert_eq!(report.signed.is_ok(), drawing.good[number]);
        prop_assert!(
            told[at..]
                .iter()
                .all(|later| !drawing.parents[number].contains(&drawing.number(later.commit)))
        );
        if let Role::VouchedFor { by } = report.role {
            prop_assert!(checked.contains_key(&by));
            prop_assert!(drawing.behind(drawing.number(by))[number]);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_walk_accepts_what_the_model_refuses_nor_refuses_what_it_accepts(
        commits in prop::collection::vec(drawn(), 1..14),
        picks in any::<[prop::sample::Index; 3]>(),
    ) {
        let drawing = draw(&commits);
        let question = questions(&drawing, picks);
        for mode in [Mode::Path, Mode::FirstParent, Mode::All] {
            check_verdict(&drawing, mode, question)?;
            check_reports(&drawing, mode, question)?;
        }
    }
}
