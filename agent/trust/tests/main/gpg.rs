//! The real `gpg`, in a home of its own and at any date.

use std::process::Stdio;

use windlass_trust::Signers;

use crate::kit::Repo;

/// When the keys of the tests are made: 2024-01-01.
pub(crate) const MADE: u32 = 1_704_067_200;
pub(crate) const DAY: u32 = 86_400;

/// A repository with a keyring beside it. Its agent is ended with it.
pub(crate) struct Gpg {
    pub(crate) repo: Repo,
}

impl Gpg {
    pub(crate) fn new() -> Self {
        let repo = Repo::new();
        let home = repo.path().join(".gnupg");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        Self { repo }
    }

    /// Runs `gpg` with the date set to `at`, which stands still; gives what it printed.
    pub(crate) fn run(&self, at: u32, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let time = format!("{at}!");
        let fixed = [
            "--batch",
            "--no-tty",
            "--yes",
            "--passphrase",
            "",
            "--faked-system-time",
            &time,
        ];
        let (ok, output) = self.repo.run("gpg", &[&fixed, arguments].concat(), input);
        assert!(ok, "gpg {arguments:?} failed");
        output
    }

    /// Makes a key that signs and certifies; gives its fingerprint.
    pub(crate) fn key(&self, user: &str, algorithm: &str, expires: &str) -> String {
        self.run(
            MADE,
            &["--quick-gen-key", user, algorithm, "sign,cert", expires],
            b"",
        );
        self.fingerprints(user).remove(0)
    }

    /// Adds a subkey that signs; gives its fingerprint.
    pub(crate) fn subkey(&self, fingerprint: &str, algorithm: &str, expires: &str) -> String {
        self.run(
            MADE,
            &["--quick-add-key", fingerprint, algorithm, "sign", expires],
            b"",
        );
        self.fingerprints(fingerprint).pop().unwrap()
    }

    /// The fingerprints of a certificate's keys, the primary first.
    fn fingerprints(&self, user: &str) -> Vec<String> {
        let listed = self.run(MADE, &["--with-colons", "--list-keys", user], b"");
        let listed = String::from_utf8(listed).unwrap();
        listed
            .lines()
            .filter_map(|line| line.strip_prefix("fpr:::::::::"))
            .map(|rest| rest.trim_end_matches(':').to_owned())
            .collect()
    }

    /// Answers the questions of `gpg --edit-key`.
    pub(crate) fn edit(&self, at: u32, fingerprint: &str, answers: &[&str]) {
        let time = format!("{at}!");
        let input = answers.join("\n") + "\n";
        let (_, output) = self.repo.run(
            "gpg",
            &[
                "--no-tty",
                "--expert",
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
                "--faked-system-time",
                &time,
                "--command-fd",
                "0",
                "--edit-key",
                fingerprint,
            ],
            input.as_bytes(),
        );
        drop(output);
    }

    pub(crate) fn certificate(&self, user: &str) -> Vec<u8> {
        self.run(MADE, &["--armor", "--export", user], b"")
    }

    pub(crate) fn signers(&self, user: &str) -> Signers {
        Signers::parse([("keys.asc", self.certificate(user).as_slice())]).unwrap()
    }

    /// Signs bytes as git does, at a date.
    pub(crate) fn armour(&self, at: u32, key: &str, options: &[&str], payload: &str) -> String {
        let key = format!("{key}!");
        let fixed = ["--armor", "--detach-sign", "--local-user", &key];
        let bytes = self.run(at, &[&fixed, options].concat(), payload.as_bytes());
        String::from_utf8(bytes).unwrap()
    }

    /// What `git verify-commit` or `git verify-tag` says at a date.
    pub(crate) fn git_accepts(&self, at: u32, verify: &str, object: &str) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        let program = self.repo.path().join(".gpg-at");
        let script = format!("#!/bin/sh\nexec gpg --faked-system-time '{at}!' \"$@\"\n");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let configured = format!("gpg.program={}", program.display());
        self.repo
            .run("git", &["-c", &configured, verify, object], b"")
            .0
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let ended = self
            .repo
            .command("gpgconf")
            .args(["--kill", "all"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        drop(ended);
    }
}
