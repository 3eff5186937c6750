//! What the tests build on: an isolated repository of the real `git`, and objects in memory that
//! are signed with a fixed key.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use windlass_signed::{Key, with_signature};
use windlass_trust::{
    Accepted, AllowedSigners, Introduction, Mode, ObjectKind, ObjectReader, Oid, Policy, Ratchet,
    RawObject, ReadError, Refusal, Verdict, hash, verify,
};

/// Objects by id.
#[derive(Default, Clone)]
pub(crate) struct Objects(pub(crate) HashMap<Oid, RawObject>);

impl ObjectReader for Objects {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        Ok(self.0.get(oid).cloned())
    }
}

/// Counts how often each object is read.
pub(crate) struct Counted<'a> {
    objects: &'a Objects,
    pub(crate) reads: RefCell<HashMap<Oid, usize>>,
}

impl<'a> Counted<'a> {
    pub(crate) fn new(objects: &'a Objects) -> Self {
        let reads = RefCell::default();
        Self { objects, reads }
    }

    pub(crate) fn reads_of(&self, oid: &Oid) -> usize {
        self.reads.borrow().get(oid).copied().unwrap_or_default()
    }
}

impl ObjectReader for Counted<'_> {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        *self.reads.borrow_mut().entry(*oid).or_default() += 1;
        self.objects.read(oid)
    }
}

impl Objects {
    pub(crate) fn put(&mut self, kind: ObjectKind, bytes: &[u8]) -> Oid {
        let oid = hash(kind, bytes).unwrap();
        self.0.insert(
            oid,
            RawObject {
                kind,
                bytes: bytes.to_vec(),
            },
        );
        oid
    }

    pub(crate) fn tree(&mut self, entries: &[(&str, &str, Oid)]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, oid) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend_from_slice(oid.as_bytes());
        }
        self.put(ObjectKind::Tree, &bytes)
    }
}

/// A history made by hand in memory.
pub(crate) struct History {
    pub(crate) objects: Objects,
    pub(crate) tree: Oid,
    time: u32,
}

impl History {
    pub(crate) fn new() -> Self {
        let mut objects = Objects::default();
        let blob = objects.put(ObjectKind::Blob, b"kind: List\n");
        let tree = objects.tree(&[("100644", "list.yaml", blob)]);
        Self {
            objects,
            tree,
            time: 1_700_000_000,
        }
    }

    pub(crate) fn text(&mut self, parents: &[Oid], message: &str) -> String {
        self.time += 60;
        self.text_at(parents, message, self.time)
    }

    pub(crate) fn text_at(&self, parents: &[Oid], message: &str, time: u32) -> String {
        let parents: String = parents
            .iter()
            .map(|parent| format!("parent {parent}\n"))
            .collect();
        format!(
            "tree {}\n{parents}author Ada <ada@example.com> {time} +0000\n\
             committer Ada <ada@example.com> {time} +0000\n\n{message}\n",
            self.tree
        )
    }

    pub(crate) fn raw(&mut self, text: &str) -> Oid {
        self.objects.put(ObjectKind::Commit, text.as_bytes())
    }

    pub(crate) fn unsigned(&mut self, parents: &[Oid], message: &str) -> Oid {
        let text = self.text(parents, message);
        self.raw(&text)
    }

    pub(crate) fn signed(&mut self, key: &Key, parents: &[Oid], message: &str) -> Oid {
        let text = self.text(parents, message);
        self.sign(key, &text)
    }

    pub(crate) fn sign(&mut self, key: &Key, text: &str) -> Oid {
        self.raw(&key.sign_commit(text))
    }

    /// A chain of signed commits on top of `from`; gives all of them, the oldest first.
    pub(crate) fn chain(&mut self, key: &Key, from: Oid, length: usize) -> Vec<Oid> {
        let mut chain = vec![from];
        for number in 0..length {
            let parent = *chain.last().unwrap();
            chain.push(self.signed(key, &[parent], &format!("change {number}")));
        }
        chain.remove(0);
        chain
    }
}

pub(crate) fn policy(signers: &str, introduction: Introduction) -> Policy {
    Policy {
        signers: AllowedSigners::parse(signers).unwrap().into(),
        introduction,
        mode: Mode::All,
    }
}

pub(crate) fn accepted(
    objects: &Objects,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    head: Oid,
) -> Accepted {
    match verify(objects, policy, ratchet, &head).unwrap() {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

pub(crate) fn refused(
    objects: &Objects,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    head: Oid,
) -> Refusal {
    match verify(objects, policy, ratchet, &head).unwrap() {
        Verdict::Accepted(accepted) => panic!("accepted: {accepted:?}"),
        Verdict::Refused(refusal) => refusal,
    }
}

/// A repository of the real `git`, cut off from the machine's configuration.
pub(crate) struct Repo {
    root: tempfile::TempDir,
}

impl Repo {
    pub(crate) fn new() -> Self {
        let repo = Self {
            root: tempfile::tempdir().unwrap(),
        };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path())
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_AUTHOR_DATE", "1700000000 +0000")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_DATE", "1700000000 +0000");
        command
    }

    /// Runs a program with input; gives whether it succeeded and what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> (bool, Vec<u8>) {
        let mut child = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} is needed by this test: {error}"));
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.success(), output.stdout)
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    pub(crate) fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let configured = ["-c", "gpg.format=ssh", "-c", "commit.gpgSign=false"];
        let (ok, output) = self.run("git", &[&configured, arguments].concat(), input);
        assert!(ok, "git {arguments:?} failed");
        String::from_utf8(output).unwrap().trim().to_owned()
    }

    /// Makes a key with `ssh-keygen`; gives the private key's path.
    pub(crate) fn key(&self, name: &str, options: &[&str]) -> PathBuf {
        let path = self.path().join(format!(".key-{name}"));
        let path_text = path.to_str().unwrap();
        let fixed = ["-q", "-N", "", "-C", name, "-f", path_text];
        let (ok, _) = self.run("ssh-keygen", &[&fixed, options].concat(), b"");
        assert!(ok, "ssh-keygen failed");
        path
    }

    /// The public half as a line for the trust file.
    pub(crate) fn line(&self, principal_and_options: &str, key: &Path) -> String {
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        format!("{principal_and_options} {public}")
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path().join(name), content).unwrap();
        self.git(&["add", name]);
    }

    pub(crate) fn commit(&self, message: &str, key: Option<&Path>) -> Oid {
        let sign = key.map(|key| format!("-S{}", key.display()));
        let mut arguments = vec!["commit", "--quiet", "--allow-empty", "-m", message];
        arguments.extend(sign.as_deref());
        self.git(&arguments);
        self.head()
    }

    pub(crate) fn head(&self) -> Oid {
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    pub(crate) fn text(&self, commit: Oid) -> String {
        let (ok, bytes) = self.run("git", &["cat-file", "commit", &commit.to_string()], b"");
        assert!(ok);
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn raw_commit(&self, text: &str) -> Oid {
        let arguments = [
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--literally",
            "--stdin",
        ];
        self.git_with(&arguments, text.as_bytes()).parse().unwrap()
    }

    /// Signs bytes with the real `ssh-keygen`.
    pub(crate) fn armour(
        &self,
        key: &Path,
        namespace: &str,
        options: &[&str],
        payload: &str,
    ) -> String {
        let fixed = [
            "-Y",
            "sign",
            "-q",
            "-n",
            namespace,
            "-f",
            key.to_str().unwrap(),
        ];
        let (ok, bytes) = self.run(
            "ssh-keygen",
            &[&fixed, options].concat(),
            payload.as_bytes(),
        );
        assert!(ok, "ssh-keygen -Y sign failed");
        String::from_utf8(bytes).unwrap()
    }

    /// Every object that the repository holds.
    pub(crate) fn objects(&self) -> Objects {
        let arguments = ["cat-file", "--batch", "--batch-all-objects"];
        let (ok, bytes) = self.run("git", &arguments, b"");
        assert!(ok);
        let mut objects = Objects::default();
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let header = std::str::from_utf8(&rest[..end]).unwrap();
            let [oid, kind, size] = header.split(' ').collect::<Vec<_>>()[..] else {
                panic!()
            };
            let size: usize = size.parse().unwrap();
            let bytes = rest[end + 1..end + 1 + size].to_vec();
            let kind = ObjectKind::parse(kind).unwrap();
            objects
                .0
                .insert(oid.parse().unwrap(), RawObject { kind, bytes });
            rest = &rest[end + size + 2..];
        }
        objects
    }

    /// What `git verify-commit` says with these signers.
    pub(crate) fn git_accepts(&self, commit: Oid, signers: &str) -> bool {
        std::fs::write(self.path().join(".signers"), signers).unwrap();
        let arguments = [
            "-c",
            "gpg.format=ssh",
            "-c",
            "gpg.ssh.allowedSignersFile=.signers",
            "verify-commit",
            &commit.to_string(),
        ];
        self.run("git", &arguments, b"").0
    }
}
