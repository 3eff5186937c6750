//! Bundles: those of the real git are read, and those that are written the real git reads.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use windlass_net::BundleWriter;
use windlass_wire::{Answer, BundleRequest, FailureClass, read_answer, write_answer, write_bundle};

use crate::agent::{Net, send};
use crate::git::{Repository, git};

/// What windlass-net tells of a bundle.
#[derive(Debug, Default)]
struct Told {
    prerequisites: Vec<String>,
    references: Vec<(String, String)>,
    objects: Vec<String>,
    bases: usize,
    end: Option<Answer>,
}

/// Sends a bundle to windlass-net; what it builds on is read from a repository, if there is one.
fn read(net: &Net, bundle: &[u8], bases: Option<&Path>) -> Told {
    let mut stream = net.connect();
    let timeout_seconds = 60;
    write_bundle(&mut stream, &BundleRequest { timeout_seconds }).unwrap();
    assert_eq!(read_answer(&mut &stream).unwrap(), Answer::Ready);
    let (ours, theirs) = UnixStream::pair().unwrap();
    send(&stream, &theirs);
    drop(theirs);
    let bytes = bundle.to_vec();
    let feeding = std::thread::spawn(move || {
        // One that is refused is not read to its end.
        let _ = (&ours).write_all(&bytes);
    });
    let mut told = Told::default();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    while told.end.is_none() {
        match read_answer(&mut &stream).unwrap() {
            Answer::Prerequisite { oid } => told.prerequisites.push(hex(&oid)),
            Answer::Reference { name, oid } => told.references.push((name, hex(&oid))),
            Answer::Object { oid, .. } => told.objects.push(hex(&oid)),
            Answer::Base { oid } => {
                told.bases += 1;
                write_answer(&mut &stream, &base(&hex(&oid), oid, bases)).unwrap();
            }
            end => told.end = Some(end),
        }
    }
    feeding.join().unwrap();
    told.objects.sort_unstable();
    told
}

fn hex(oid: &[u8; 20]) -> String {
    oid.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base(id: &str, oid: [u8; 20], repository: Option<&Path>) -> Answer {
    let Some(repository) = repository else {
        return Answer::Failed {
            class: FailureClass::NoSuchReference,
            message: format!("it builds on {id}"),
        };
    };
    let (kind, bytes) = object(repository, id);
    Answer::Object { kind, oid, bytes }
}

/// Git's code of the kind of an object, and its bytes.
fn object(repository: &Path, id: &str) -> (u8, Vec<u8>) {
    let kind = git(repository, &["cat-file", "-t", id]);
    let code = ["commit", "tree", "blob", "tag"]
        .iter()
        .position(|name| *name == kind);
    let mut command = Command::new("git");
    command
        .args(["cat-file", &kind, id])
        .current_dir(repository);
    (code.unwrap() as u8 + 1, command.output().unwrap().stdout)
}

/// A repository whose second commit changes one line of a long file: a delta, in a bundle.
fn repository() -> (Repository, String, String) {
    let lines: String = (0..2000)
        .map(|line| format!("line {}\n", line * 7919))
        .collect();
    let repository = Repository::with_files(&[("long.txt", &lines), ("other.txt", "other")]);
    let first = repository.git(&["rev-parse", "HEAD"]);
    let second = repository.commit(&[("long.txt", &lines.replace("line 0\n", "changed\n"))]);
    (repository, first, second)
}

fn bundled(repository: &Repository, arguments: &[&str]) -> Vec<u8> {
    let file = repository.root.path().join("made.bundle");
    let file = file.to_str().unwrap();
    repository.git(&[&["bundle", "create", "-q", file], arguments].concat());
    std::fs::read(file).unwrap()
}

fn failure(told: &Told) -> &str {
    match &told.end {
        Some(Answer::Failed { message, .. }) => message,
        end => panic!("{end:?}"),
    }
}

#[test]
fn a_bundle_of_git_is_told_whole_and_what_it_builds_on_is_asked_for() {
    let (repository, first, second) = repository();
    let net = Net::start();
    let whole = read(&net, &bundled(&repository, &["main"]), None);
    assert_eq!(
        whole.references,
        [("refs/heads/main".to_owned(), second.clone())]
    );
    assert!(whole.prerequisites.is_empty() && whole.bases == 0);
    let mut all = repository.objects_between(&second, &[]);
    all.sort_unstable();
    assert_eq!(whole.objects, all);
    let objects = all.len() as u64;
    assert!(matches!(whole.end, Some(Answer::Done { objects: told, .. }) if told == objects));

    let news = bundled(&repository, &["main", &format!("^{first}")]);
    let told = read(&net, &news, Some(&repository.work));
    assert_eq!(told.prerequisites, std::slice::from_ref(&first));
    let mut new = repository.objects_between(&second, &[&first]);
    new.sort_unstable();
    assert_eq!(told.objects, new);
    assert!(told.bases > 0, "git's bundles are thin: {told:?}");
    assert!(failure(&read(&net, &news, None)).contains("it builds on"));
    let left: Vec<_> = std::fs::read_dir(&net.cache_dir).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_cut_changed_or_no_bundle_at_all_is_refused() {
    let (repository, ..) = repository();
    let net = Net::start();
    let whole = bundled(&repository, &["main"]);
    let pack = whole.windows(4).position(|four| four == b"PACK").unwrap();
    for length in [0, 1, 20, pack, pack + 6, pack + 100, whole.len() - 1] {
        let told = read(&net, &whole[..length], None);
        let message = failure(&told);
        assert!(
            message.contains("bundle cannot be used"),
            "{length}: {message}"
        );
        assert!(told.objects.is_empty());
    }
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(failure(&read(&net, &changed, None)).contains("copy it again"));
    for byte in (pack..whole.len()).step_by(97) {
        let mut changed = whole.clone();
        changed[byte] ^= 0x11;
        let told = read(&net, &changed, None);
        assert!(told.objects.is_empty(), "byte {byte}: {:?}", told.end);
        failure(&told);
    }
    let told = read(&net, &b"GIF89a\n".repeat(1000), None);
    assert!(failure(&told).contains("no Git bundle"));
}

#[test]
fn what_is_written_is_verified_cloned_and_checked_by_git() {
    let (repository, first, second) = repository();
    repository.git(&["tag", "-a", "-m", "One", "v1", "HEAD"]);
    let tag = repository.git(&["rev-parse", "v1"]);
    let write = |name: &str, prerequisites: &[[u8; 20]], objects: &[String]| {
        let references = [
            ("refs/heads/main".to_owned(), at(&second)),
            ("refs/tags/v1".to_owned(), at(&tag)),
        ];
        let count = objects.len() as u32;
        let mut writer =
            BundleWriter::begin(Vec::new(), prerequisites, &references, count).unwrap();
        for id in objects {
            let (kind, bytes) = object(&repository.work, id);
            writer.object(kind, &bytes).unwrap();
        }
        let file = repository.root.path().join(name);
        std::fs::write(&file, writer.finish().unwrap()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let mut all = repository.objects_between(&second, &[]);
    all.push(tag.clone());
    let whole = write("whole.bundle", &[], &all);
    let verified = repository.git(&["bundle", "verify", &whole]);
    assert!(verified.contains("refs/heads/main"), "{verified}");
    let root = repository.root.path();
    git(root, &["clone", "-q", "-b", "main", &whole, "cloned"]);
    let cloned = root.join("cloned");
    assert_eq!(git(&cloned, &["rev-parse", "HEAD"]), second);
    assert_eq!(git(&cloned, &["rev-parse", "v1"]), tag);
    git(&cloned, &["fsck", "--strict", "--full"]);

    let mut new = repository.objects_between(&second, &[&first]);
    new.push(tag.clone());
    let news = write("news.bundle", &[at(&first)], &new);
    repository.git(&["bundle", "verify", &news]);
    git(root, &["init", "-q", "empty"]);
    let lacking = Command::new("git")
        .args(["bundle", "verify", &news])
        .current_dir(root.join("empty"))
        .output();
    assert!(
        !lacking.unwrap().status.success(),
        "what it builds on is not there"
    );
}

#[test]
fn a_bundle_holds_as_many_objects_as_it_announces() {
    let mut short = BundleWriter::begin(Vec::new(), &[], &[], 1).unwrap();
    short.object(3, b"one").unwrap();
    assert!(short.object(3, b"two").is_err());
    assert!(
        BundleWriter::begin(Vec::new(), &[], &[], 1)
            .unwrap()
            .finish()
            .is_err()
    );
}

/// An id as its bytes.
fn at(id: &str) -> [u8; 20] {
    let mut bytes = [0; 20];
    let numbers = (0..20).map(|pair| u8::from_str_radix(&id[2 * pair..2 * pair + 2], 16).unwrap());
    bytes
        .iter_mut()
        .zip(numbers)
        .for_each(|(byte, number)| *byte = number);
    bytes
}
