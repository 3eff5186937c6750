//! Real Git repositories, made with the git program, with signed commits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::directory::Directory;
use crate::git::{git_command, run};

/// An SSH ed25519 key that signs commits.
#[derive(Debug)]
pub struct Signer {
    principal: String,
    public_key: String,
    directory: Directory,
}

impl Signer {
    /// Makes a key for `principal`, such as `alice@example.org`.
    #[must_use]
    pub fn new(principal: &str) -> Self {
        let directory = Directory::new("signer");
        let key = directory.join("key");
        let mut keygen = Command::new("ssh-keygen");
        keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-C", principal, "-f"])
            .arg(&key);
        run(&mut keygen);
        let public = std::fs::read_to_string(key.with_extension("pub"));
        let public_key = public.expect("ssh-keygen writes it").trim().to_owned();
        Self {
            principal: principal.to_owned(),
            public_key,
            directory,
        }
    }

    /// Who signs.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The private key's file.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.directory.join("key")
    }

    /// `ssh-ed25519 AAAA... comment`.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The signer's line in an `allowed_signers` file, for commits only.
    #[must_use]
    pub fn allowed_signers(&self) -> String {
        format!(
            "{} namespaces=\"git\" {}\n",
            self.principal, self.public_key
        )
    }
}

/// A working copy; what it commits goes to a server by [`Repo::push`].
#[derive(Debug)]
pub struct Repo {
    directory: Directory,
    remote: PathBuf,
    commits: u64,
}

impl Repo {
    /// An empty working copy on branch `main` that pushes to the bare repository `remote`.
    #[must_use]
    pub fn new(remote: &Path) -> Self {
        let directory = Directory::new("repo");
        std::fs::create_dir(directory.join("work")).expect("the kit's folder can be written");
        let repo = Self {
            directory,
            remote: remote.to_owned(),
            commits: 0,
        };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// The folder of the files.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join("work")
    }

    /// Runs git here, apart from the configuration of whoever runs the test; gives what it printed.
    ///
    /// # Panics
    /// With git's own words when it fails.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        run(self.command().args(arguments)).trim_end().to_owned()
    }

    /// Writes a file, and the folders it is in.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("writable");
        std::fs::write(&file, content).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Copies a folder's files to `path` here (empty: the top).
    pub fn copy(&self, from: &Path, path: &str) {
        let entries = std::fs::read_dir(from);
        for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
            let entry = entry.expect("the folder can be read");
            let name = entry
                .file_name()
                .into_string()
                .expect("fixtures have plain names");
            let to = if path.is_empty() {
                name
            } else {
                format!("{path}/{name}")
            };
            if entry.file_type().expect("the folder can be read").is_dir() {
                self.copy(&entry.path(), &to);
            } else {
                self.write(
                    &to,
                    std::fs::read(entry.path()).expect("the fixture can be read"),
                );
            }
        }
    }

    /// Removes a file or a folder.
    #[track_caller]
    pub fn remove(&self, path: &str) {
        let file = self.path().join(path);
        let removed = if file.is_dir() {
            std::fs::remove_dir_all(&file)
        } else {
            std::fs::remove_file(&file)
        };
        removed.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Commits every change, signed; gives the commit's id. Without a change the commit is empty.
    #[track_caller]
    pub fn commit(&mut self, message: &str, signer: &Signer) -> String {
        let key = signer
            .key()
            .to_str()
            .expect("kit folders have plain names")
            .to_owned();
        let signing = format!("user.signingkey={key}");
        let author = format!("user.email={}", signer.principal());
        self.commit_with(
            &["-c", "gpg.format=ssh", "-c", &signing, "-c", &author],
            message,
            "-S",
        )
    }

    /// Commits every change without a signature; gives the commit's id.
    #[track_caller]
    pub fn commit_unsigned(&mut self, message: &str) -> String {
        self.commit_with(&[], message, "--no-gpg-sign")
    }

    /// Makes an annotated tag of `HEAD`, signed by `signer`; it is not pushed yet.
    #[track_caller]
    pub fn tag(&self, name: &str, message: &str, signer: &Signer) {
        let key = format!("user.signingkey={}", signer.key().display());
        let mut arguments = vec!["-c", "user.name=Test", "-c", "user.email=test@example.org"];
        arguments.extend(["-c", "gpg.format=ssh", "-c", &key]);
        arguments.extend(["tag", "--force", "--sign", "-m", message, name]);
        self.git(&arguments);
    }

    /// Pushes branch `main` (forced, so that histories can be rewritten).
    #[track_caller]
    pub fn push(&self) {
        self.push_ref("HEAD", "refs/heads/main");
    }

    /// Pushes `from` (any revision) to the full reference name `to`, forced.
    #[track_caller]
    pub fn push_ref(&self, from: &str, to: &str) {
        let remote = self.remote.to_str().expect("kit folders have plain names");
        self.git(&[
            "push",
            "--quiet",
            "--force",
            remote,
            &format!("{from}:{to}"),
        ]);
    }

    /// Writes, commits signed, and pushes: the commit's id.
    #[track_caller]
    pub fn publish(&mut self, files: &[(&str, &str)], message: &str, signer: &Signer) -> String {
        for (path, content) in files {
            self.write(path, content);
        }
        let commit = self.commit(message, signer);
        self.push();
        commit
    }

    /// The id of what `revision` names.
    #[track_caller]
    #[must_use]
    pub fn id(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }

    /// The raw bytes of an object, as `git cat-file` gives them.
    #[track_caller]
    #[must_use]
    pub fn object(&self, kind: &str, id: &str) -> Vec<u8> {
        let output = self
            .command()
            .args(["cat-file", kind, id])
            .output()
            .expect("git starts");
        assert!(output.status.success(), "no {kind} {id}");
        output.stdout
    }

    /// Stores bytes as an object of `kind`, however malformed they are; gives its id.
    #[track_caller]
    #[must_use]
    pub fn store(&self, kind: &str, bytes: &[u8]) -> String {
        use std::io::Write as _;
        let mut command = self.command();
        command.args(["hash-object", "-t", kind, "-w", "--stdin", "--literally"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("git starts");
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(bytes)
            .expect("git reads its input");
        let output = child.wait_with_output().expect("git ends");
        assert!(output.status.success(), "git hash-object failed");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Makes a copy of commit `id` whose bytes are changed by `change` (its signature stays as it was),
    /// sets `main` to it, and gives its id.
    #[track_caller]
    pub fn tamper(&self, id: &str, change: impl Fn(&str) -> String) -> String {
        let commit = String::from_utf8(self.object("commit", id)).expect("our commits are text");
        let changed = change(&commit);
        assert_ne!(commit, changed, "the change must change something");
        let id = self.store("commit", changed.as_bytes());
        self.git(&["reset", "--quiet", "--hard", &id]);
        id
    }

    /// Every file of commit `id` with its blob id, by path.
    #[track_caller]
    #[must_use]
    pub fn files(&self, id: &str) -> BTreeMap<String, String> {
        let listing = self.git(&["ls-tree", "-r", id]);
        let rows = listing.lines().filter_map(|line| {
            let (left, path) = line.split_once('\t')?;
            Some((path.to_owned(), left.split(' ').nth(2)?.to_owned()))
        });
        rows.collect()
    }

    #[track_caller]
    fn commit_with(&mut self, settings: &[&str], message: &str, signing: &str) -> String {
        self.git(&["add", "--all"]);
        // A fixed clock: the same steps with the same key make the same commits.
        let date = format!("{} +0000", 1_700_000_000 + 60 * self.commits);
        self.commits += 1;
        let mut command = self.command();
        command
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date);
        command
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.org"])
            .args(settings);
        command.args(["commit", "--quiet", "--allow-empty", signing, "-m", message]);
        run(&mut command);
        self.id("HEAD")
    }

    fn command(&self) -> Command {
        let mut git = git_command(self.directory.path());
        git.current_dir(self.path());
        git
    }
}
