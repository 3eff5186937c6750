//! `trust` on real clones, with the real git and ssh-keygen; no cluster.

mod clones;
mod countersign;
mod heartbeat;
mod hook;
mod init;
mod openpgp;
mod people;
mod policy;
mod recall;
mod verify;

use std::path::{Path, PathBuf};

use serde_json::Value;
use windlass_kit::directory::Directory;
use windlass_kit::repo::{Repo, Signer};

use crate::cluster::{Ran, run_anywhere};

/// A clone of a bare repository, and the key of the person who works in it.
struct Place {
    directory: Directory,
    repo: Repo,
    me: Signer,
}

impl Place {
    fn new() -> Self {
        let directory = Directory::new("trust");
        let remote = directory.join("origin.git");
        let repo = Repo::new(&remote);
        repo.git(&[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            text(&remote),
        ]);
        let place = Self {
            directory,
            repo,
            me: Signer::new("me@example.org"),
        };
        let key = place.me.key();
        let settings = [
            ("user.name", "Me"),
            ("user.email", "me@example.org"),
            ("gpg.format", "ssh"),
            ("user.signingkey", text(&key)),
            ("core.hooksPath", ".git/hooks"),
            ("remote.origin.url", text(&remote)),
            ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
        ];
        for (name, value) in settings {
            place.repo.git(&["config", name, value]);
        }
        place
    }

    /// Git signs by itself what comes after the introduction.
    #[track_caller]
    fn the_next_one_is_signed_and_accepted(&self) {
        self.repo.write("c.yaml", "new");
        self.repo.git(&["add", "--all"]);
        self.repo.git(&["commit", "--quiet", "-m", "After"]);
        self.trust(&["verify", "."])
            .done()
            .says(&["is accepted: 1 new commit"]);
    }

    /// Many commits at once, as fast as git can; the last one is checked out.
    fn unsigned_history(&self, commits: usize) {
        let mut stream = String::new();
        for number in 1..=commits {
            stream += &format!(
                "commit refs/heads/main\ncommitter Me <me@example.org> {} +0000\ndata <<END\nChange {number}\nEND\n\
                 M 100644 inline apps/{}.yaml\ndata <<END\nnumber: {number}\nEND\n\n",
                1_600_000_000 + number,
                number % 20,
            );
        }
        let file = self.directory.join("history");
        std::fs::write(&file, stream).unwrap();
        let mark = format!("fast-import --quiet --force < {}", text(&file));
        self.repo
            .git(&["-c", &format!("alias.load=!git {mark}"), "load"]);
        self.repo.git(&["reset", "--quiet", "--hard", "main"]);
    }

    /// The list with this person's key.
    fn signers(&self) -> PathBuf {
        let file = self.directory.join("allowed_signers");
        std::fs::write(&file, self.me.allowed_signers()).unwrap();
        file
    }

    /// Runs `windlass trust` with these words; `.` is the clone.
    fn trust(&self, words: &[&str]) -> Ran {
        self.trust_in(&self.repo.path(), words)
    }

    fn trust_in(&self, clone: &Path, words: &[&str]) -> Ran {
        let mut all = vec!["windlass", "trust"];
        all.extend(
            words
                .iter()
                .map(|word| if *word == "." { text(clone) } else { word }),
        );
        run_anywhere(&all)
    }

    /// Verifies with the person's key; gives the data that was printed.
    fn verified(&self, clone: &Path, words: &[&str]) -> Value {
        let signers = self.signers();
        let mut all = vec!["verify", "--signers", text(&signers), "-o", "json", "."];
        all.extend(words);
        serde_json::from_str(&self.trust_in(clone, &all).results).unwrap()
    }

    fn signed(&mut self, message: &str) -> String {
        self.repo.write("a.yaml", message);
        self.repo.commit(message, &self.me)
    }

    fn unsigned(&mut self, message: &str) -> String {
        self.repo.write("b.yaml", message);
        self.repo.commit_unsigned(message)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Words of a commit's entry in the data, parents first: the verdict of each.
fn verdicts(data: &Value) -> Vec<&str> {
    let commits = data["commits"].as_array().unwrap();
    commits
        .iter()
        .map(|commit| commit["verdict"].as_str().unwrap())
        .collect()
}

/// The one line that a beginning prints for all nodes.
#[track_caller]
fn install_line(ran: &Ran) -> &str {
    let mut lines = ran.results.lines();
    lines
        .find(|line| line.contains("install.sh --repo"))
        .unwrap()
}
