//! `windlass lock` and builds on a laptop, with a person's own git and curl, beside the real kustomize.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::json;
use windlass_kit::agent::binary;
use windlass_kit::directory::Directory;
use windlass_kit::git::{GitServer, Options};
use windlass_kit::repo::Repo;

use crate::repositories::Files;

/// What `kustomize.sh` ends with when Go cannot fetch the modules.
const UNFETCHED: i32 = 77;

/// A laptop: a repository in work, and a person's cache.
pub(crate) struct Laptop(Directory);

impl Laptop {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let laptop = Laptop(Directory::new("laptop"));
        laptop.write(files);
        laptop
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let file = self.house().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
    }

    fn house(&self) -> PathBuf {
        self.0.path().join("house")
    }

    pub(crate) fn lock_file(&self) -> String {
        std::fs::read_to_string(self.house().join("windlass.lock")).unwrap_or_default()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.house());
        command.env("XDG_CACHE_HOME", self.0.path().join("cache"));
        command.output().unwrap()
    }

    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8(text).unwrap()
    }
}

fn map(name: &str, value: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}})
        .to_string()
}

/// A repository with a base that names a file of its own and one of a server.
fn repository(place: &Path, url: &str) -> Repo {
    let mut repo = Repo::new(place);
    repo.write(
        "base/kustomization.yaml",
        format!("resources: [map.yaml, '{url}', ../more]\n"),
    );
    repo.write("base/map.yaml", map("based", "one"));
    repo.write("more/kustomization.yaml", "resources: [map.yaml]\n");
    repo.write("more/map.yaml", map("more", "one"));
    let commit = repo.commit_unsigned("Begin");
    repo.push();
    repo.push_ref(&commit, "refs/tags/v1");
    repo
}

#[test]
fn everything_that_is_named_elsewhere_is_pinned_kept_and_built_without_the_network() {
    let server = Files::start();
    server.put("/far.yaml", map("far", "one").as_bytes());
    let url = server.url_of("/far.yaml");
    let git = GitServer::start(&Options::default());
    let mut repo = repository(&git.create("other.git"), &url);
    let base = format!("{}//base?ref=v1", git.url("other.git"));
    let laptop = Laptop::with(&[
        (
            "apps/kustomization.yaml",
            &format!("resources: ['{base}']\nnamePrefix: my-\n"),
        ),
        // A Kustomization of Flux may be called so, too.
        (
            "flux/kustomization.yaml",
            "kind: Kustomization\nspec: {path: ./apps}\n",
        ),
    ]);
    let message = laptop.fails(&["kustomize", "build", "apps"]);
    assert!(
        message.contains("apps/kustomization.yaml:1: resources[0]")
            && message.contains("`windlass lock`"),
        "{message}"
    );
    let message = laptop.fails(&["lock", "--check"]);
    assert!(
        message.contains("not pinned: apps/kustomization.yaml:1"),
        "{message}"
    );
    assert_eq!(laptop.lock_file(), "");

    let printed = laptop.done(&["lock"]);
    let commit = repo.id("HEAD");
    assert!(
        printed.contains(&commit) && printed.contains(&url),
        "{printed}"
    );
    let written = laptop.lock_file();
    assert!(
        written.contains("ref = \"v1\"") && written.contains("[[file]]"),
        "{written}"
    );
    let _ = laptop.done(&["lock", "--check"]);

    // Both move on; what is pinned holds, is not asked for again, and is built without them.
    server.put("/far.yaml", map("far", "two").as_bytes());
    repo.write("more/map.yaml", map("more", "two"));
    let next = repo.commit_unsigned("Move on");
    repo.push_ref(&next, "refs/tags/v1");
    let _ = laptop.done(&["lock"]);
    assert_eq!(laptop.lock_file(), written);
    git.stop();
    server.take_seen();
    let built = laptop.done(&["kustomize", "build", "apps"]);
    for part in ["name: my-based", "name: my-far", "name: my-more"] {
        assert!(built.contains(part), "{built}");
    }
    assert!(
        !built.contains("two") && server.take_seen().is_empty(),
        "{built}"
    );
    git.restart();
    let printed = laptop.done(&["lock", "--update"]);
    assert!(
        printed.contains(&format!("+ {} v1 {next}", git.url("other.git"))),
        "{printed}"
    );
    let built = laptop.done(&["kustomize", "build", "apps"]);
    assert!(built.contains("two"), "{built}");

    // A pin of what nothing names any more is told, and goes.
    laptop.write(&[(
        "apps/kustomization.yaml",
        &format!("resources: ['{url}']\n"),
    )]);
    let message = laptop.fails(&["lock", "--check"]);
    assert!(
        message.contains("not used: ") && message.contains(&next),
        "{message}"
    );
    let _ = laptop.done(&["lock"]);
    assert!(
        !laptop.lock_file().contains("ref = \"v1\""),
        "{}",
        laptop.lock_file()
    );
}

#[test]
fn bases_are_built_as_the_real_kustomize_builds_them() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oracles/kustomize.sh");
    let found = Command::new(script)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    if found.status.code() == Some(UNFETCHED) {
        return; // The script has said so.
    }
    let folder = String::from_utf8(found.stdout).unwrap();
    let kustomize = Path::new(folder.trim()).join("kustomize");
    let place = Directory::new("bases");
    let remote = place.path().join("other.git");
    let made = Command::new("git")
        .args(["init", "-q", "--bare", "--initial-branch=main"])
        .arg(&remote)
        .status()
        .unwrap();
    assert!(made.success());
    let mut repo = Repo::new(&remote);
    repo.write(
        "base/kustomization.yaml",
        "resources: [map.yaml, ../more]\nnamePrefix: of-base-\n",
    );
    repo.write("base/map.yaml", map("based", "one"));
    repo.write(
        "more/kustomization.yaml",
        "resources: [map.yaml]\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n",
    );
    repo.write("more/map.yaml", map("more", "one"));
    let commit = repo.commit_unsigned("Begin");
    repo.push();
    let at = format!("file://{}", remote.display());
    for (base, more) in [
        (format!("{at}//base?ref=main"), "namePrefix: my-"),
        (format!("{at}//base?ref={commit}"), "namespace: there"),
        (format!("{at}//more"), "buildMetadata: [originAnnotations]"),
        (
            format!("{at}//base"),
            "buildMetadata: [originAnnotations, transformerAnnotations]",
        ),
    ] {
        let kustomization = format!("resources: ['{base}']\n{more}\n");
        let laptop = Laptop::with(&[("kustomization.yaml", &kustomization)]);
        let _ = laptop.done(&["lock"]);
        let ours = laptop.done(&["kustomize", "build", "."]);
        let mut command = Command::new(&kustomize);
        let theirs = command
            .args(["build", "."])
            .current_dir(laptop.house())
            .output()
            .unwrap();
        assert!(theirs.status.success(), "{base}: {theirs:?}");
        assert_eq!(
            ours,
            String::from_utf8(theirs.stdout).unwrap(),
            "{base} {more}"
        );
    }
}
