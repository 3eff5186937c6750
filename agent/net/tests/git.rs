//! Real repositories, made with git.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A bare repository and a working copy that pushes to it.
pub struct Repository {
    pub root: TempDir,
    pub bare: PathBuf,
    pub work: PathBuf,
}

pub fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@test")
        .env("GIT_COMMITTER_NAME", "C")
        .env("GIT_COMMITTER_EMAIL", "c@test")
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("git prints text")
        .trim()
        .to_owned()
}

impl Repository {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (bare, work) = (root.path().join("fleet.git"), root.path().join("work"));
        git(
            root.path(),
            &["init", "-q", "--bare", "-b", "main", "fleet.git"],
        );
        git(root.path(), &["init", "-q", "-b", "main", "work"]);
        Self { root, bare, work }
    }

    /// One commit with `files` in it, pushed to main.
    pub fn with_files(files: &[(&str, &str)]) -> Self {
        let repository = Self::new();
        repository.commit(files);
        repository
    }

    /// Writes files, commits and pushes the current branch; returns the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            let path = self.work.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        git(&self.work, &["add", "-A"]);
        git(
            &self.work,
            &["commit", "-q", "--allow-empty", "-m", "change"],
        );
        self.push(&["HEAD"]);
        git(&self.work, &["rev-parse", "HEAD"])
    }

    /// Stores bytes as an object, however malformed they are; gives its id.
    pub fn store(&self, kind: &str, bytes: &[u8]) -> String {
        use std::io::Write as _;
        let mut child = Command::new("git")
            .args(["hash-object", "-t", kind, "-w", "--stdin", "--literally"])
            .current_dir(&self.work)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A commit of a tree, which main is set to; gives its id.
    pub fn commit_tree(&self, tree: &str) -> String {
        let commit = format!("tree {tree}\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nx\n");
        let commit = self.store("commit", commit.as_bytes());
        git(&self.work, &["update-ref", "refs/heads/main", &commit]);
        commit
    }

    pub fn push(&self, what: &[&str]) {
        let bare = self.bare.to_str().unwrap();
        git(&self.work, &[&["push", "-q", "-f", bare], what].concat());
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.work, arguments)
    }

    /// Everything `new` reaches and none of `old` does, as git sees it.
    pub fn objects_between(&self, new: &str, old: &[&str]) -> Vec<String> {
        let mut arguments = vec!["rev-list", "--objects", "--no-object-names", new, "--not"];
        arguments.extend(old);
        let mut objects: Vec<String> = git(&self.work, &arguments)
            .lines()
            .map(str::to_owned)
            .collect();
        objects.sort();
        objects
    }
}
