//! The real gpg, in a home of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::directory::Directory;
use crate::git::run;

/// A keyring; its agent ends with it.
#[derive(Debug)]
pub struct Gpg {
    home: Directory,
}

// === impl Gpg ===

impl Gpg {
    /// An empty keyring.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    #[must_use]
    pub fn new() -> Self {
        let gpg = Self {
            home: Directory::new("gpg"),
        };
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(gpg.home.path(), private.clone()).expect("it is our own folder");
        let script = format!(
            "#!/bin/sh\nexec gpg --homedir '{}' --no-tty \"$@\"\n",
            gpg.home.path().display()
        );
        std::fs::write(gpg.program(), script).expect("it is our own folder");
        std::fs::set_permissions(gpg.program(), private).expect("it is our own file");
        gpg
    }

    /// A program for git (`gpg.program`) that uses this keyring.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.home.join("gpg")
    }

    /// Makes a key that signs and has no passphrase; gives its fingerprint.
    #[must_use]
    pub fn key(&self, user: &str) -> String {
        let made = ["--batch", "--quiet", "--passphrase", "", "--quick-gen-key"];
        self.run(&[&made[..], &[user, "ed25519", "sign", "never"]].concat());
        let listed = self.run(&["--with-colons", "--list-keys", user]);
        let mut lines = listed.lines();
        let fingerprint = lines.find_map(|line| line.strip_prefix("fpr:::::::::"));
        let fingerprint = fingerprint.expect("gpg lists the key that it made");
        fingerprint.trim_end_matches(':').to_owned()
    }

    /// The certificate of a key, armoured.
    #[must_use]
    pub fn certificate(&self, key: &str) -> String {
        self.run(&["--armor", "--export", key])
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(Command::new(self.program()).args(arguments))
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut ended = Command::new("gpgconf");
        ended.arg("--homedir").arg(self.home.path());
        drop(ended.args(["--kill", "all"]).status());
    }
}
