//! A node's store with a long history in it, and the process that verifies a range of it.

use std::path::Path;
use std::time::{Duration, Instant};

use windlass_signed::Key;
use windlass_state::{Incoming, Line, Store, Tip};
use windlass_trust::{
    Accepted, AllowedSigners, Introduction, Mode, ObjectKind, Oid, Policy, Ratchet, Signers,
    Verdict, hash, verify,
};

/// How the bench calls itself for a process of its own.
pub(crate) const COMMAND: &str = "verify-range";

/// A history that is kept: so many commits before the introduction, so many signed ones after it.
pub(crate) struct History {
    pub(crate) introduction: Oid,
    /// The head before the last commit.
    pub(crate) before: Oid,
    pub(crate) head: Oid,
}

/// What one verification took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) commits: usize,
    pub(crate) wall: Duration,
    /// Time on a core.
    pub(crate) core: Duration,
    /// Most memory that the process held at a time.
    pub(crate) peak_bytes: u64,
}

pub(crate) fn key() -> Key {
    Key::new(7)
}

fn line() -> Line {
    Line {
        source: "flux-system/flux-system".to_owned(),
        url: "https://git.house.example/house.git".to_owned(),
        selector: "branch main".to_owned(),
    }
}

pub(crate) fn policy(introduction: Oid) -> Policy {
    let lines = key().line("owner@house.example");
    let allowed = AllowedSigners::parse(&lines).expect("the line is a good one");
    Policy {
        signers: Signers::from(allowed),
        introduction: Introduction::Commit(introduction),
        mode: Mode::Path,
    }
}

impl History {
    /// Writes one into a new store.
    pub(crate) fn keep(directory: &Path, older: usize, signed: usize) -> Self {
        let store = Store::open(directory).expect("the state can be opened");
        let mut incoming = store.receive().expect("the state can be written");
        let tree = put(&mut incoming, ObjectKind::Tree, b"");
        let key = key();
        let mut commits: Vec<Oid> = Vec::new();
        for number in 0..=older + signed {
            let text = commit_text(tree, commits.last(), number);
            let text = if number > older {
                key.sign_commit(&text)
            } else {
                text
            };
            commits.push(put(&mut incoming, ObjectKind::Commit, text.as_bytes()));
        }
        let history = Self {
            introduction: commits[older],
            before: commits[older + signed.saturating_sub(1)],
            head: commits[older + signed],
        };
        keep(incoming, history.head);
        history
    }

    pub(crate) fn ratchet_before(&self) -> Ratchet {
        Ratchet {
            head: self.before,
            introduction: self.introduction,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        }
    }
}

pub(crate) fn commit_text(tree: Oid, parent: Option<&Oid>, number: usize) -> String {
    let parent = parent
        .map(|parent| format!("parent {parent}\n"))
        .unwrap_or_default();
    let time = 1_600_000_000 + 60 * number;
    format!(
        "tree {tree}\n{parent}author Owner <owner@house.example> {time} +0000\n\
         committer Owner <owner@house.example> {time} +0000\n\nChange {number}\n\nWhy it is better so, in a sentence.\n"
    )
}

/// Keeps what came in as the source's state at `head`.
pub(crate) fn keep(incoming: Incoming, head: Oid) {
    // A head that is pinned is accepted without looking behind it.
    let accepted = accept(&incoming, &policy(head), None, head);
    let tip = Tip {
        reference: "refs/heads/main".to_owned(),
        target: head,
    };
    incoming
        .keep(&line(), &accepted, &tip, 0)
        .expect("the state can be written");
}

pub(crate) fn put(incoming: &mut Incoming, kind: ObjectKind, bytes: &[u8]) -> Oid {
    let oid = hash(kind, bytes).expect("it is no attack");
    incoming.put(oid, kind, bytes).expect("the disk takes it");
    oid
}

fn accept(
    reader: &dyn windlass_trust::ObjectReader,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    head: Oid,
) -> Accepted {
    match verify(reader, policy, ratchet, &head).expect("everything is there") {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Refused(refusal) => panic!("{refusal}"),
    }
}

/// Verifies a range of a store in this process.
pub(crate) fn verify_here(
    store: &Store,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    head: Oid,
) -> Took {
    let (start, core) = (Instant::now(), core_time());
    let reader = store.reader().expect("the state can be read");
    let accepted = accept(&reader, policy, ratchet, head);
    Took {
        commits: accepted.proof.new_commits,
        wall: start.elapsed(),
        core: core_time().saturating_sub(core),
        peak_bytes: peak_bytes(),
    }
}

/// The process of its own: verifies all since the introduction and prints what it took.
pub(crate) fn child(arguments: &[String]) {
    let [directory, introduction, head] = arguments else {
        panic!("{COMMAND} DIRECTORY INTRODUCTION HEAD");
    };
    let oid = |text: &str| text.parse().expect("an object id");
    let store = Store::open(Path::new(directory)).expect("the state can be opened");
    let took = verify_here(&store, &policy(oid(introduction)), None, oid(head));
    println!(
        "{} {} {} {}",
        took.commits,
        took.wall.as_micros(),
        took.core.as_micros(),
        took.peak_bytes
    );
}

/// Starts that process.
pub(crate) fn verify_apart(directory: &Path, history: &History) -> Took {
    let program = std::env::current_exe().expect("the bench is a file");
    let output = std::process::Command::new(program)
        .arg(COMMAND)
        .arg(directory)
        .args([history.introduction.to_string(), history.head.to_string()])
        .output()
        .expect("the bench can be started again");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<u64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [commits, wall, core, peak_bytes] = numbers[..] else {
        panic!(
            "no figures came: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    Took {
        commits: commits as usize,
        wall: Duration::from_micros(wall),
        core: Duration::from_micros(core),
        peak_bytes,
    }
}

/// How long this thread has been on a core: others on the machine do not count.
fn core_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the kernel keeps schedstat"))
}

pub(crate) fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kibibytes.expect("the kernel keeps VmHWM") * 1024
}
