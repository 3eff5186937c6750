//! The process that is killed: it receives one commit after the other, keeps it, then moves the ratchet.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use windlass_state::{Incoming, Line, RatchetFile, Store, Tip};
use windlass_trust::{
    Accepted, AllowedSigners, Introduction, Mode, ObjectKind, ObjectReader, Oid, Policy, Ratchet,
    Verdict, hash, verify,
};

const DIRECTORY: &str = "WINDLASS_STATE_TEST_DIRECTORY";
const STEPS: &str = "WINDLASS_STATE_TEST_STEPS";

const SIGNERS: &str = "me@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n";

/// This test binary, about to do so many steps in a directory.
pub(crate) fn command(directory: &Path, steps: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "child::works_when_its_parent_asks",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env(DIRECTORY, directory)
        .env(STEPS, steps.to_string());
    command
}

/// The same under strace; `None` where there is no strace.
pub(crate) fn traced(directory: &Path, steps: u64, arguments: &[String]) -> Option<Command> {
    Command::new("strace").arg("-V").output().ok()?;
    let plain = command(directory, steps);
    let mut traced = Command::new("strace");
    traced
        .args(arguments)
        .arg(plain.get_program())
        .args(plain.get_args());
    traced.envs(
        plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    Some(traced)
}

#[test]
fn works_when_its_parent_asks() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let steps: u64 = std::env::var(STEPS).unwrap().parse().unwrap();
    let store = Store::open(&directory).unwrap();
    let mut ratchets = RatchetFile::open(&directory).unwrap();
    let first = ratchets.get(&line()).map_or(0, |ratchet| ratchet.counter) + 1;
    for step in first..first + steps {
        let mut incoming = store.receive().unwrap();
        let head = send(&mut incoming, step);
        let accepted = accept(&incoming, head);
        let tip = Tip {
            reference: "refs/heads/main".to_owned(),
            target: head,
        };
        incoming.keep(&line(), &accepted, &tip, 1).unwrap();
        ratchets
            .advance(
                &line(),
                &Ratchet {
                    head,
                    introduction: head,
                    counter: step,
                    version: None,
                    spent: Vec::new(),
                    left: Vec::new(),
                },
            )
            .unwrap();
        store.remember("step", step.to_string().as_bytes()).unwrap();
        println!("\ndone {step}");
        std::io::stdout().flush().unwrap();
    }
}

pub(crate) fn line() -> Line {
    Line {
        source: "flux-system/root".to_owned(),
        url: "https://h/r".to_owned(),
        selector: "branch=main".to_owned(),
    }
}

/// Sends the commit of a step with its files; each step's commit descends from the one before.
pub(crate) fn send(incoming: &mut Incoming, step: u64) -> Oid {
    let mut put = |kind, bytes: Vec<u8>| {
        let oid = hash(kind, &bytes).unwrap();
        incoming.put(oid, kind, &bytes).unwrap();
        oid
    };
    let mut tree = Vec::new();
    for file in 0..5 {
        let blob = put(
            ObjectKind::Blob,
            format!("step: {step}\nfile: {file}\n")
                .repeat(30)
                .into_bytes(),
        );
        tree.extend_from_slice(format!("100644 file{file}.yaml\0").as_bytes());
        tree.extend_from_slice(blob.as_bytes());
    }
    let tree = put(ObjectKind::Tree, tree);
    let text = commit(tree, step);
    put(ObjectKind::Commit, text)
}

fn commit(tree: Oid, step: u64) -> Vec<u8> {
    let who = "A U Thor <a@example.com> 1700000000 +0000";
    format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nstep {step}\n").into_bytes()
}

pub(crate) fn accept(reader: &dyn ObjectReader, head: Oid) -> Accepted {
    let signers = AllowedSigners::parse(SIGNERS).unwrap().into();
    let policy = Policy {
        signers,
        introduction: Introduction::Commit(head),
        mode: Mode::Path,
    };
    match verify(reader, &policy, None, &head).unwrap() {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Refused(refusal) => panic!("{refusal}"),
    }
}
