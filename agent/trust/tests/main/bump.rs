//! What a bot may do alone, and each way to smuggle more past it.

use windlass_trust::{Mode, VerifiedTree};

use crate::charted::{Charted, EVERY, ada, eve, principal};
use crate::kit::{accepted, refused};

/// A digest's digits.
const AS: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

const RELEASE: &str = "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
  chart:
    spec:
      chart: web
      version: 1.2.3
  values:
    image:
      repository: ghcr.example/web
      tag: 1.2.3
    sidecar:
      image: ghcr.example/log:1.0.0
    replicas: 1
";

const OCI: &str = "\
kind: OCIRepository
spec:
  url: oci://ghcr.example/web
  ref:
    tag: 1.2.3
    digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
";

const KUSTOMIZATION: &str = "\
resources: [deployment.yaml]
images:
  - name: web
    newName: ghcr.example/web
    newTag: v1.2.3
  - name: log
    digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
";

const PODS: &str = "\
kind: Deployment
metadata: {name: web, annotations: {version: 1.2.3}}
spec:
  template:
    spec:
      initContainers: [{name: a, image: 'ghcr.example/a:1.2.3'}]
      containers:
        - name: web
          image: ghcr.example/web:1.2.3-alpine
          command: [run, --level=1.2.3]
---
kind: ConfigMap
data:
  one: 1.2.3 # {\"$imagepolicy\": \"flux-system:web:tag\"}
  # renovate: datasource=docker depName=web
  two: 1.2.3
  three: 1.2.3
";

const LOCK: &str = "\
version = 1

[[git]]
url = \"https://git.example/house.git\"
ref = \"main\"
commit = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"
";

const FILES: [(&str, &str); 7] = [
    ("apps/release.yaml", RELEASE),
    ("apps/oci.yaml", OCI),
    ("apps/kustomization.yaml", KUSTOMIZATION),
    ("apps/pods.yaml", PODS),
    ("windlass.lock", LOCK),
    ("docs/readme.md", "hello\n"),
    ("Makefile", "VERSION = 1.2.3\n"),
];

/// A house in which `eve` is a bot.
fn house() -> Charted {
    let bot = principal("eve", &eve(), &["**"]) + "role = \"bump\"\n";
    Charted::with(
        &format!("version = 1\nunrendered = [\"docs/**\"]\n{bot}"),
        &FILES,
    )
}

/// A commit of the bot that replaces text in one file.
#[track_caller]
fn replaced(path: &'static str, from: &str, to: &str) -> (Charted, windlass_trust::Oid) {
    let mut it = house();
    let text = it.files.get(path).unwrap();
    assert!(text.contains(from), "{path} has {from:?}");
    let text = text.replace(from, to);
    let start = it.start;
    let head = it.change(&eve(), &[start], path, &text);
    (it, head)
}

#[test]
fn a_bump_of_every_kind_is_accepted() {
    let (a, b) = ("a".repeat(40), "b".repeat(40));
    let b64 = "b".repeat(64);
    for (path, from, to) in [
        (
            "apps/release.yaml",
            "      version: 1.2.3",
            "      version: 1.3.0",
        ),
        ("apps/release.yaml", "      tag: 1.2.3", "      tag: 1.2.10"),
        ("apps/release.yaml", "log:1.0.0", "log:1.0.1"),
        ("apps/oci.yaml", "tag: 1.2.3", "tag: 2.0.0"),
        ("apps/oci.yaml", AS, b64.as_str()),
        ("apps/kustomization.yaml", "v1.2.3", "v1.2.4"),
        ("apps/kustomization.yaml", AS, b64.as_str()),
        ("apps/pods.yaml", "web:1.2.3-alpine", "web:1.2.4-alpine"),
        ("apps/pods.yaml", "a:1.2.3", "a:1.2.4"),
        ("apps/pods.yaml", "one: 1.2.3", "one: 1.2.4"),
        ("apps/pods.yaml", "two: 1.2.3", "two: 1.2.4"),
        ("windlass.lock", a.as_str(), b.as_str()),
        ("docs/readme.md", "hello", "anything\nat all"),
    ] {
        let (it, head) = replaced(path, from, to);
        it.accepts(head);
    }
}

/// What is more than a bump: file, what stands there, what the bot makes of it.
const SMUGGLED: &[(&str, &str, &str)] = &[
    // Another repository, or what belongs to it.
    ("apps/release.yaml", "ghcr.example/web", "evil.example/web"),
    ("apps/release.yaml", "log:1.0.0", "bad:1.0.1"),
    (
        "apps/oci.yaml",
        "oci://ghcr.example/web",
        "oci://evil.example/web",
    ),
    ("apps/kustomization.yaml", "newName: ghcr", "newName: evil"),
    ("apps/kustomization.yaml", "name: web", "name: log"),
    (
        "apps/pods.yaml",
        "ghcr.example/web:1.2.3",
        "evil.example/web:1.2.4",
    ),
    // A version that is none, or lower, or another field's.
    ("apps/release.yaml", "      tag: 1.2.3", "      tag: latest"),
    ("apps/release.yaml", "      tag: 1.2.3", "      tag: 1.2.2"),
    (
        "apps/release.yaml",
        "      version: 1.2.3",
        "      version: '>1'",
    ),
    ("apps/release.yaml", "replicas: 1", "replicas: 2"),
    ("apps/oci.yaml", AS, "aa"),
    ("apps/pods.yaml", "version: 1.2.3", "version: 1.2.4"),
    ("apps/pods.yaml", "three: 1.2.3", "three: 1.2.4"),
    ("apps/pods.yaml", "--level=1.2.3", "--level=1.2.4"),
    ("windlass.lock", "\"main\"", "\"evil\""),
    ("windlass.lock", "git.example", "evil.example"),
    ("Makefile", "1.2.3", "1.2.4"),
    // Another structure.
    (
        "apps/release.yaml",
        "tag: 1.2.3\n",
        "tag: 1.2.4\n---\nkind: Job\n",
    ),
    (
        "apps/release.yaml",
        "      tag: 1.2.3",
        "      tag: &a 1.2.4",
    ),
    (
        "apps/release.yaml",
        "      tag: 1.2.3",
        "      tag: !!str 1.2.4",
    ),
    (
        "apps/release.yaml",
        "      tag: 1.2.3",
        "      tag: 1.2.4 # more",
    ),
    (
        "apps/release.yaml",
        "      tag: 1.2.3",
        "      tag: 1.2.4\n      tag: 1.2.4",
    ),
    (
        "apps/release.yaml",
        "      tag: 1.2.3",
        "      tag: {a: 1.2.4}",
    ),
    ("apps/release.yaml", "    replicas: 1\n", ""),
    ("apps/pods.yaml", "$imagepolicy", "$other"),
    ("windlass.lock", "[[git]]", "[[git]]\n[[git]]"),
];

#[test]
fn more_than_a_bump_waits_for_a_countersign() {
    for (path, from, to) in SMUGGLED {
        let (it, head) = replaced(path, from, to);
        it.refuses(head, "NotABump", head);
    }
}

#[test]
fn a_bot_makes_takes_and_moves_no_files() {
    let mut it = house();
    let start = it.start;
    let made = it.change(&eve(), &[start], "apps/new.yaml", OCI);
    it.refuses(made, "NotABump", made);
    let mut it = house();
    it.files.remove("apps/oci.yaml");
    let start = it.start;
    let taken = it.commit(&eve(), &[start], "taken");
    it.refuses(taken, "NotABump", taken);
    let mut it = house();
    let policy = it
        .files
        .get("windlass.policy")
        .unwrap()
        .replace("version = 1", "version = 2");
    let start = it.start;
    let grabbed = it.change(&eve(), &[start], "windlass.policy", &policy);
    it.refuses(grabbed, "PolicyNeedsRoot", grabbed);
    // What no render reads may come and go.
    let mut it = house();
    let start = it.start;
    let made = it.change(&eve(), &[start], "docs/deep/er.yaml", RELEASE);
    it.accepts(made);
    it.files.remove("docs/deep/er.yaml");
    let gone = it.commit(&eve(), &[made], "gone");
    it.accepts(gone);
}

#[test]
fn several_bumps_in_one_commit_are_judged_together() {
    let mut it = house();
    it.files
        .insert("apps/oci.yaml", OCI.replace("tag: 1.2.3", "tag: 1.2.4"));
    let start = it.start;
    let both = RELEASE.replace("1.2.3", "1.2.4");
    let head = it.change(&eve(), &[start], "apps/release.yaml", &both);
    it.accepts(head);
    // The next one counts from there.
    let back = it.change(&eve(), &[head], "apps/release.yaml", RELEASE);
    it.refuses(back, "NotABump", back);
}

#[test]
fn somebody_vouches_for_what_is_more_than_a_bump() {
    let (mut it, head) = replaced("apps/release.yaml", "replicas: 1", "replicas: 2");
    let start = it.start;
    let vouched = it.commit(&ada(), &[start, head], "countersigned");
    for mode in [Mode::Path, Mode::FirstParent] {
        let policy = it.house.policy(mode);
        let objects = &it.house.history.objects;
        let accepted = accepted(objects, &policy, None, vouched);
        assert_eq!(accepted.signer, "ada");
    }
}

#[test]
fn what_a_bot_changes_alone_is_not_rendered() {
    let (it, head) = replaced("docs/readme.md", "hello", "kind: Job");
    let objects = &it.house.history.objects;
    let source = accepted(objects, &it.house.policy(Mode::Path), None, head).source;
    let tree = VerifiedTree::new(&source, objects);
    let error = tree.read("docs/readme.md").unwrap_err();
    assert_eq!(error.code(), "Unrendered");
    assert!(
        error
            .to_string()
            .contains("windlass.policy lists \"docs/readme.md\""),
        "{error}"
    );
    assert_eq!(tree.list("docs").unwrap(), []);
    assert_eq!(tree.read("apps/oci.yaml").unwrap(), OCI.as_bytes());
}

#[test]
fn a_link_does_not_lead_to_what_is_not_rendered() {
    let it = &mut house();
    let objects = &mut it.house.history.objects;
    let kind = windlass_trust::ObjectKind::Blob;
    let readme = objects.put(kind, b"kind: Job");
    let docs = objects.tree(&[("100644", "readme.md", readme)]);
    let policy = objects.put(kind, it.files.get("windlass.policy").unwrap().as_bytes());
    let (file, directory) = (
        objects.put(kind, b"docs/readme.md"),
        objects.put(kind, b"docs"),
    );
    it.house.history.tree = objects.tree(&[
        ("40000", "docs", docs),
        ("120000", "link", directory),
        ("120000", "manifest.yaml", file),
        ("100644", "windlass.policy", policy),
    ]);
    let head = it.house.good(&[it.start], "links");
    let objects = &it.house.history.objects;
    let source = accepted(objects, &it.house.policy(Mode::Path), None, head).source;
    let tree = VerifiedTree::new(&source, objects);
    for path in ["manifest.yaml", "link/readme.md", "link/../docs/readme.md"] {
        assert_eq!(tree.read(path).unwrap_err().code(), "Unrendered", "{path}");
    }
    assert_eq!(tree.list("link").unwrap(), []);
}

#[test]
fn a_bot_changes_no_kind_of_file() {
    let mut it = house();
    let start = it.start;
    let objects = &mut it.house.history.objects;
    let target = objects.put(windlass_trust::ObjectKind::Blob, b"/etc/passwd");
    let mut entries = vec![("120000", "Makefile", target)];
    let policy = it.files.get("windlass.policy").unwrap();
    let policy = objects.put(windlass_trust::ObjectKind::Blob, policy.as_bytes());
    entries.push(("100644", "windlass.policy", policy));
    it.house.history.tree = objects.tree(&entries);
    let head = it.house.history.signed(&eve(), &[start], "link");
    for mode in EVERY {
        let policy = it.house.policy(mode);
        let refusal = refused(&it.house.history.objects, &policy, None, head);
        assert_eq!(refusal.reason.code(), "NotABump", "{refusal}");
    }
}

#[test]
fn a_bot_stays_within_its_paths() {
    let bot = principal("eve", &eve(), &["apps/**"]) + "role = \"bump\"\n";
    let policy = format!("version = 1\nunrendered = [\"docs/**\"]\n{bot}");
    for (path, from, to, code) in [
        ("apps/oci.yaml", "1.2.3", "1.2.4", None),
        ("windlass.lock", "main", "evil", Some("PathNotAllowed")),
        ("docs/readme.md", "hello", "x", Some("PathNotAllowed")),
    ] {
        let mut it = Charted::with(&policy, &FILES);
        let text = it.files.get(path).unwrap().replace(from, to);
        let start = it.start;
        let head = it.change(&eve(), &[start], path, &text);
        match code {
            None => it.accepts(head),
            Some(code) => {
                it.refuses(head, code, head);
            }
        }
    }
}
