//! Somebody with a laptop: a clone, git's own settings, and `windlass` in the PATH.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use windlass_kit::agent::binary;
use windlass_kit::directory::Directory;
use windlass_kit::git::git_command;
use windlass_kit::repo::Signer;

use crate::house::House;

/// Their home, with a clone of the house's repository in it.
pub(crate) struct Person {
    home: Directory,
}

impl Person {
    /// Clones; git does not sign yet.
    pub(crate) fn of(house: &House) -> Self {
        let person = Self {
            home: Directory::new("person"),
        };
        let origin = house.git.path().join("house.git");
        person.clone_to("clone", &origin);
        for (name, value) in [
            ("user.name", "Owner"),
            ("user.email", house.signer.principal()),
        ] {
            person.git(&["config", name, value]);
        }
        person
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn clone(&self) -> PathBuf {
        self.home.join("clone")
    }

    /// Makes another clone in their home, and gives its folder.
    pub(crate) fn clone_to(&self, name: &str, origin: &Path) -> PathBuf {
        let folder = self.home.join(name);
        let mut git = git_command(self.home.path());
        let output = git
            .args(["clone", "--quiet"])
            .arg(origin)
            .arg(&folder)
            .output();
        done(&output.unwrap());
        folder
    }

    /// Runs git in the clone; gives what it printed.
    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        done(&self.try_git(arguments))
    }

    /// Runs git in the clone, as it ends.
    pub(crate) fn try_git(&self, arguments: &[&str]) -> Output {
        let mut git = git_command(self.home.path());
        git.current_dir(self.clone()).args(arguments);
        git.output().unwrap()
    }

    /// Changes a file and commits it, as git is set up.
    #[track_caller]
    pub(crate) fn commit(&self, file: &str, content: &str, options: &[&str]) -> String {
        std::fs::write(self.clone().join(file), content).unwrap();
        self.git(&["add", "--all"]);
        let mut arguments = vec!["commit", "--quiet", "-m", "Change"];
        arguments.extend(options);
        self.git(&arguments);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs a line of shell in a folder, with more in the environment.
    pub(crate) fn shell(&self, folder: &Path, line: &str, environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new("bash");
        command
            .args(["-e", "-c", line])
            .current_dir(folder)
            .env_clear();
        command
            .env("PATH", path())
            .env("HOME", self.home.path())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command.envs(environment.iter().copied()).output().unwrap()
    }

    /// Runs a `windlass` command in the clone; gives what it printed.
    #[track_caller]
    pub(crate) fn windlass(&self, line: &str) -> String {
        done(&self.shell(&self.clone(), &format!("windlass {line}"), &[]))
    }

    /// Begins to trust in the clone, with the key of the house, and pushes; gives the words of `trust init`.
    #[track_caller]
    pub(crate) fn init(&self, house: &House, signer: &Signer) -> String {
        let said = self.windlass(&format!(
            "trust init --yes --key {} --spare none --url {}",
            signer.key().display(),
            house.git.url("house.git")
        ));
        self.git(&["push", "--quiet", "origin", "main"]);
        said
    }
}

/// What a program printed that did what it should.
#[track_caller]
pub(crate) fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", words(output));
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Everything a program printed.
pub(crate) fn words(output: &Output) -> String {
    let (out, errors) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[out.as_slice(), errors].concat()).into_owned()
}

fn path() -> OsString {
    let program = binary();
    let mut folders = vec![program.parent().unwrap().to_owned()];
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    std::env::join_paths(folders).unwrap()
}
