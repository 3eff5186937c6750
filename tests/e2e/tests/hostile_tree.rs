//! Directories that no honest git makes, links that lead elsewhere, and submodules: signed, and still not followed.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use windlass_kit::api::condition;
use windlass_kit::controlplane::Options;
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::Signer;

use crate::house::{House, config_map, ready, ready_is, root_source};
use crate::tenant::{Tenant, bare_map, map};

/// The bytes of a directory's entry.
fn entry(mode: &str, name: &[u8], oid: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&oid[at..at + 2], 16).unwrap();
    let id: Vec<u8> = (0..oid.len()).step_by(2).map(digits).collect();
    [mode.as_bytes(), b" ", name, b"\0", &id].concat()
}

/// Commits a directory as it is on top of `parent`.
fn commit_tree(house: &House, signer: &Signer, (parent, tree): (&str, &[u8])) -> String {
    let tree = house.repo.store("tree", tree);
    let key = format!("user.signingkey={}", signer.key().display());
    let mut arguments = vec![
        "-c",
        "user.name=Owner",
        "-c",
        "user.email=owner@house.example",
    ];
    arguments.extend(["-c", "gpg.format=ssh", "-c", &key]);
    arguments.extend(["commit-tree", "-S", "-p", parent, "-m", "Odd", &tree]);
    house.repo.git(&arguments)
}

/// T09: a signed commit whose directories are malformed is refused by name, changes nothing, and the next good one is taken.
#[test]
fn t09_a_malformed_directory_is_refused_although_the_commit_is_signed() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let mut good = house.repo.id("HEAD");
    let blob = house.repo.id("HEAD:root.yaml");
    let inner = house.repo.store("tree", &entry("100644", b".GIT", &blob));
    let file = |name: &[u8]| entry("100644", name, &blob);
    let trees = [
        file(b".."),
        file(b".git"),
        file(b"git~1"),
        file(b"a/b"),
        entry("120000", b".git", &blob),
        [file(b"a"), file(b"a")].concat(),
        [entry("120000", b"a", &blob), entry("40000", b"a", &inner)].concat(),
        [file(b"b"), file(b"a")].concat(),
        entry("100777", b"root.yaml", &blob),
        entry("040777", b"root", &inner),
        entry("40000", b"below", &inner),
    ];
    for (number, tree) in trees.iter().enumerate() {
        let odd = commit_tree(&house, &house.signer, ("HEAD", tree));
        house.repo.push_ref(&odd, "refs/heads/main");
        house.request();
        let what = format!("directory {number} to be refused");
        let source = house.admin().wait_for(&what, &root_source(), |source| {
            let message = ready(source)["message"].to_string();
            ready_is(source, "False") && message.contains(&odd)
        });
        let message = ready(&source)["message"].to_string();
        assert!(message.contains("(InvalidTree)"), "{number}: {message}");
        assert_eq!(ready(&source)["reason"], "InvalidGitObject");
        let revision = source["status"]["artifact"]["revision"].as_str().unwrap();
        assert!(revision.ends_with(&good), "{number}: {revision}");
        if number % 6 == 0 {
            let value = format!("after {number}");
            good = house.push(&[("root.yaml", &map("default", "root", &value))], "Good");
            house.applied(&good);
        }
    }
    good = house.push(&[("root.yaml", &map("default", "root", "last"))], "Good");
    house.applied(&good);
}

/// A directory that holds another one ten times, and that one again, for twenty levels: 21 objects, and more paths than
/// anybody can walk.
fn bomb(house: &House) -> String {
    (0..20).fold(house.repo.store("blob", b"x\n"), |below, level| {
        let mode = if level == 0 { "100644" } else { "40000" };
        let names = (0..10).map(|n| format!("n{n}"));
        let entries = names.map(|name| entry(mode, name.as_bytes(), &below));
        let entries: Vec<u8> = entries.flatten().collect();
        house.repo.store("tree", &entries)
    })
}

/// Waits until the root source says why it does not take a commit, and until drift has been put back all the same.
#[track_caller]
fn refused_and_kept(house: &House, commit: &str, (good, value): (&str, &str)) {
    let what = format!("{commit} to be refused");
    let source = house.admin().wait_for(&what, &root_source(), |source| {
        let message = ready(source)["message"].to_string();
        ready_is(source, "False") && message.contains(commit)
    });
    let message = ready(&source)["message"].to_string();
    assert_eq!(ready(&source)["reason"], "InvalidGitObject", "{message}");
    let says = ["(TreeTooLarge)", "200000", "spec.sparseCheckout"];
    assert!(says.iter().all(|part| message.contains(part)), "{message}");
    let revision = source["status"]["artifact"]["revision"].to_string();
    assert!(revision.contains(good), "{revision}");
    let map = config_map("default", "root");
    house
        .admin()
        .patch(&map, &json!({"data": {"value": "drifted"}}));
    house.admin().wait_for("drift to be put back", &map, |map| {
        map["data"]["value"] == value
    });
}

/// T09: whoever may change one directory cannot take the agent out with it, nor the one that starts after it.
#[test]
fn t09_a_directory_that_unfolds_without_end_is_refused_and_the_cluster_is_kept_as_it_is() {
    let eve = Signer::new("eve");
    let policy = format!(
        "version = 1\n[[principal]]\nname = \"eve\"\npaths = [\"apps/**\"]\nkeys = [{:?}]\n",
        eve.public_key()
    );
    let root = |value: &str| map("default", "root", value);
    let mut house = House::start(&[
        ("kustomization.yaml", "resources: [root.yaml]\n"),
        ("root.yaml", &root("zero")),
        ("windlass.policy", &policy),
    ]);
    let at = |house: &House, path: &str| house.repo.id(&format!("HEAD:{path}"));
    let (top, charter) = (
        at(&house, "kustomization.yaml"),
        at(&house, "windlass.policy"),
    );
    let tree = |apps: Option<&str>, root: &str| {
        let apps = apps.map(|apps| entry("40000", b"apps", apps));
        let files = [
            ("kustomization.yaml", top.as_str()),
            ("root.yaml", root),
            ("windlass.policy", &charter),
        ];
        let files = files.map(|(name, blob)| entry("100644", name.as_bytes(), blob));
        [apps.unwrap_or_default(), files.concat()].concat()
    };
    let bomb = bomb(&house);
    let (mut good, mut value, mut blob) = (house.repo.id("HEAD"), "zero", at(&house, "root.yaml"));
    for (next, restart) in [("one", false), ("two", true)] {
        let bad = commit_tree(&house, &eve, (&good, &tree(Some(&bomb), &blob)));
        house.repo.push_ref(&bad, "refs/heads/main");
        house.request();
        refused_and_kept(&house, &bad, (&good, value));
        if restart {
            house.agent.stop();
            house.agent.start();
            refused_and_kept(&house, &bad, (&good, value));
        }
        // The owner takes it away again.
        blob = house.repo.store("blob", root(next).as_bytes());
        good = commit_tree(&house, &house.signer, (&bad, &tree(None, &blob)));
        house.repo.push_ref(&good, "refs/heads/main");
        house.request();
        house.applied(&good);
        value = next;
        let object = house.admin().get(&config_map("default", "root")).unwrap();
        assert_eq!(object["data"]["value"], value);
    }
    house.agent.stop();
    house.agent.start();
    house.applied(&good);
}

/// T10: a link is followed inside the repository only, and not for ever.
#[test]
fn t10_links_that_lead_out_or_in_a_circle_are_not_followed() {
    let mut tenant = Tenant::start("links", &[("bad/map.yaml", &bare_map("bad", "one"))]);
    tenant.kustomize("bad", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("bad");
    let folder = tenant.repo.path().join("bad");
    // A link to a link, and so on: one more than is followed.
    for number in 0..=40 {
        let next = format!("chain-{}.yaml", number + 1);
        symlink(next, folder.join(format!("chain-{number}.yaml"))).unwrap();
    }
    tenant
        .repo
        .write("bad/chain-41.yaml", bare_map("chain", "one"));
    let cases = [
        ("/proc/self/environ", "link", "link"),
        ("/etc/passwd", "link", "link"),
        ("../../../../../../etc/passwd", "link", "link"),
        ("/etc", "link", "link/passwd"),
        ("link", "link", "link"),
        ("other", "link", "link"),
        ("chain-0.yaml", "link", "link"),
    ];
    symlink("link", folder.join("other")).unwrap();
    for (target, link, resource) in cases {
        let path = folder.join(link);
        std::fs::remove_file(&path).ok();
        symlink(target, &path).unwrap();
        let kustomization = format!("resources: [map.yaml, {resource}]\n# {target}\n");
        let commit = tenant.push(&[("bad/kustomization.yaml", &kustomization)], target);
        let reference = tenant.reference("bad");
        let what = format!("a link to {target} to be refused");
        let refused = tenant.admin().wait_for(&what, &reference, |object| {
            let attempted = object["status"]["lastAttemptedRevision"].to_string();
            ready_is(object, "False") && attempted.contains(&commit)
        });
        let message = ready(&refused)["message"].to_string();
        let says = ["leads out of the repository", "symbolic links"];
        assert!(
            says.iter().any(|part| message.contains(part)),
            "{target}: {message}"
        );
        for content in ["root:x:", "PATH=", "HOME="] {
            assert!(!message.contains(content), "{target}: {message}");
        }
    }
    // One that stays inside is followed.
    std::fs::remove_file(folder.join("link")).unwrap();
    symlink("../shared/map.yaml", folder.join("link")).unwrap();
    let files = [
        ("shared/map.yaml", &bare_map("linked", "one") as &str),
        ("bad/kustomization.yaml", "resources: [map.yaml, link]\n"),
    ];
    let commit = tenant.push(&files, "Inside");
    tenant.applied("bad", &commit);
    assert_eq!(tenant.value("linked").as_deref(), Some("one"));
}

/// T11: what a repository says about submodules starts nothing and asks nobody.
#[test]
fn t11_hostile_submodules_are_left_out_and_asking_for_them_is_refused_by_name() {
    let trap = GitServer::start(&git::Options::default());
    let mut house = House::start_with(
        &Options::api_server(),
        &[("root.yaml", &map("default", "root", "one"))],
        |_| {},
    );
    let url = trap.url("trap.git");
    let modules = [
        format!("[submodule \"a\"]\n\tpath = a\n\turl = {url}\n"),
        format!("[submodule \"a\"]\n\tpath = a\n\turl = {url}\n\tupdate = !touch owned\n"),
        format!("[submodule \"../..\"]\n\tpath = ../..\n\turl = {url}\n"),
        "[submodule \"a\"]\n\tpath = a\n\turl = ext::sh -c touch% owned\n".to_owned(),
        format!("[include]\n\tpath = /etc/passwd\n[submodule \"a\"]\n\turl = -u{url}\n"),
    ];
    let link = format!("160000,{},a", "1".repeat(40));
    for (number, text) in modules.iter().enumerate() {
        house
            .repo
            .git(&["update-index", "--add", "--cacheinfo", &link]);
        let value = format!("with {number}");
        let root = map("default", "root", &value);
        std::fs::create_dir_all(house.repo.path().join("a")).unwrap();
        let commit = house.push(&[(".gitmodules", text), ("root.yaml", &root)], "Modules");
        assert!(house.repo.git(&["ls-tree", &commit]).contains("160000"));
        house.applied(&commit);
        let object = house.admin().get(&config_map("default", "root")).unwrap();
        assert_eq!(object["data"]["value"], value);
    }
    assert!(trap.requests().is_empty(), "{:?}", trap.requests());

    let tenant = Tenant::start("modules", &[("app/map.yaml", &bare_map("app", "one"))]);
    tenant.admin().patch(
        &tenant.source(),
        &json!({"spec": {"recurseSubmodules": true}}),
    );
    let what = "submodules to be refused";
    let refused = tenant.admin().wait_for(what, &tenant.source(), |source| {
        ready(source)["message"]
            .to_string()
            .contains("spec.recurseSubmodules")
    });
    let stalled = condition(&refused, "Stalled").unwrap_or(&Value::Null);
    assert_eq!(stalled["status"], "True");
}
