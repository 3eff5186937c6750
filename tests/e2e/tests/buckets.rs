//! Buckets: objects that curl(1) puts into a real server that speaks S3, and what the real source-controller makes of
//! them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::certificates::Authority;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;

use crate::bucket_server::{Buckets, KEYS};
use crate::charts::{self, condition, house};
use crate::commands::Ran;
use crate::commands_flux::flux;
use crate::from_flux::{Flux, install_definitions};
use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION, config_map, namespace};
use crate::oracle;
use crate::releases;
use crate::repositories::run;

const LIMIT: Duration = Duration::from_secs(60);

fn bucket(server: &Buckets, name: &str, fields: &Value) -> String {
    let mut object = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "Bucket",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "2s"},
    });
    for fields in [&server.fields(), fields] {
        let fields = fields.as_object().cloned().unwrap_or_default();
        object["spec"].as_object_mut().unwrap().extend(fields);
    }
    object.to_string()
}

fn applied(name: &str) -> String {
    json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": "flux-system"},
        "spec": {
            "interval": "1h", "prune": true, "path": "./deploy", "targetNamespace": "default",
            "sourceRef": {"kind": "Bucket", "name": name},
        },
    })
    .to_string()
}

fn map(text: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "app"}, "data": {"text": text},
    })
    .to_string()
}

fn wait_for_text(house: &House, text: &str) {
    let what = format!("the map to say {text}");
    wait::until_true(&what, LIMIT, || {
        let map = house.admin().get(&config_map("default", "app"));
        map.is_some_and(|map| map["data"]["text"] == text)
    });
}

fn reference(name: &str) -> ObjectRef {
    ObjectRef::new(GIT_REPOSITORY, "Bucket", "flux-system", name)
}

fn reason(house: &House, name: &str, reason: &str) -> Value {
    let what = format!("Bucket {name} to be {reason}");
    house.admin().wait_for(&what, &reference(name), |object| {
        condition(object, "Ready").is_some_and(|ready| ready["reason"] == reason)
    })
}

fn message(object: &Value) -> &str {
    let ready = condition(object, "Ready").unwrap();
    ready["message"].as_str().unwrap()
}

/// The files in an archive, as tar(1) reads it.
fn files(archive: &Path) -> Vec<String> {
    let said = run("tar", &["-tvzf", &archive.display().to_string()]);
    let lines = String::from_utf8(said).unwrap();
    // Flux has the directories, too. The sixth column is the name.
    let files = lines.lines().filter(|line| line.starts_with('-'));
    let words = files.map(|line| line.split_whitespace().skip(5).collect::<Vec<_>>());
    let mut files: Vec<String> = words.map(|words| words.join(" ")).collect();
    files.sort();
    files
}

/// What stays the same whoever follows the bucket.
fn essence(object: &Value) -> Value {
    let status = &object["status"];
    let ready = condition(object, "Ready").unwrap();
    json!({
        "revision": status["artifact"]["revision"], "path": status["artifact"]["path"],
        "reason": ready["reason"], "message": ready["message"],
        "stored": condition(object, "ArtifactInStorage").unwrap()["message"],
        "ignore": status["observedIgnore"],
    })
}

/// Waits until all of it is said: Flux says that it is ready before it says where the artifact is.
fn stored(house: &House, name: &str) -> Value {
    let what = format!("Bucket {name} to be stored");
    house.admin().wait_for(&what, &reference(name), |object| {
        let ready = condition(object, "Ready");
        ready.is_some_and(|ready| ready["reason"] == "Succeeded" && ready["status"] == "True")
            && object["status"]["artifact"].is_object()
            && object["status"]["observedGeneration"] == object["metadata"]["generation"]
    })
}

#[test]
fn the_revision_and_the_files_are_those_of_flux_and_kustomizations_and_charts_are_made_of_them() {
    let (Some(programs), Some(server)) = (oracle::programs("controllers.sh"), Buckets::start(None))
    else {
        return;
    };
    for (key, text) in [
        ("deploy/map.yaml", &*map("one")),
        (
            "deploy/a%20b%2B%C3%A4.txt",
            "a name that has to be escaped\n",
        ),
        ("deploy/skipped/map.yaml", "left out by spec.ignore\n"),
        ("notes.md", "left out by .sourceignore\n"),
        (".sourceignore", "*.md\n"),
        (
            "charts/web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        ),
        ("charts/web/templates/a.yaml", "a: one\n"),
    ] {
        server.put(key, text);
    }
    server.put_folder("folder/");
    let whole = bucket(&server, "whole", &json!({"ignore": "skipped/\n"}));
    let part = bucket(&server, "part", &json!({"prefix": "deploy/"}));
    let strategy =
        json!({"reconcileStrategy": "Revision", "sourceRef": {"kind": "Bucket", "name": "whole"}});
    let mut house = House::prepare(
        &Options::api_server(),
        &[
            ("cluster/whole.yaml", &whole),
            ("cluster/part.yaml", &part),
            ("cluster/app.yaml", &applied("whole")),
            ("cluster/chart.yaml", &charts::chart("web", &strategy)),
        ],
    );
    let folder = house.control_plane.path().join("flux");
    std::fs::create_dir_all(&folder).unwrap();
    install_definitions(house.admin());
    house.admin().apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}),
    );
    house.admin().apply_all(&server.secrets());
    wait::until_true("Buckets to be served", LIMIT, || {
        house.admin().serves(GIT_REPOSITORY, "Bucket")
    });
    let mut flux = Flux::start(programs.get(..1).unwrap(), &house, &folder);
    for object in [&whole, &part] {
        house.admin().apply(&serde_json::from_str(object).unwrap());
    }
    let theirs = ["whole", "part"].map(|name| {
        let object = stored(&house, name);
        let path = object["status"]["artifact"]["path"].as_str().unwrap();
        (
            essence(&object),
            files(&folder.join("artifacts").join(path)),
        )
    });
    // It takes its finalizers off; nothing of what it said is left.
    for name in ["whole", "part"] {
        house.admin().delete(&reference(name));
        house.admin().wait_gone(&reference(name));
    }
    flux.stop();

    house.agent.set("root", "path", "./cluster");
    house.agent.start();
    house.root_ready();
    let blobs = house.agent.state().join("blobs");
    for (name, (said, listed)) in ["whole", "part"].iter().zip(theirs) {
        let object = stored(&house, name);
        assert_eq!(essence(&object), said, "{name}");
        let digest = object["status"]["artifact"]["digest"].as_str().unwrap();
        let blob = blobs.join(digest.strip_prefix("sha256:").unwrap());
        assert_eq!(files(&blob), listed, "{name}");
        assert!(listed.iter().any(|file| file == ".sourceignore"));
    }
    let object = stored(&house, "whole");
    let revision = object["status"]["artifact"]["revision"].as_str().unwrap();
    let ready = house.ready("flux-system", "app");
    assert_eq!(ready["status"]["lastAppliedRevision"], revision);
    wait_for_text(&house, "one");
    let news = "stored artifact with 4 fetched files from 'apps' bucket";
    wait::until_true("the event", LIMIT, || {
        let events = house.admin().list("v1", "Event", "flux-system", "");
        let mut events = events.iter();
        events.any(|event| event["reason"] == "NewArtifact" && event["message"] == news)
    });
    let chart = charts::reason(&house, "web", "ChartPackageSucceeded");
    let short = revision.strip_prefix("sha256:").unwrap().get(..12).unwrap();
    assert_eq!(
        chart["status"]["artifact"]["revision"],
        format!("1.0.0+{short}")
    );
    assert_eq!(chart["status"]["observedSourceArtifactRevision"], revision);
}

#[test]
fn other_objects_than_at_first_are_held_until_a_commit_pins_them_and_stay_without_a_server() {
    let Some(mut server) = Buckets::start(None) else {
        return;
    };
    server.put("deploy/map.yaml", &map("one"));
    let mut house = house(&[
        ("cluster/bucket.yaml", &bucket(&server, "apps", &json!({}))),
        ("cluster/app.yaml", &applied("apps")),
    ]);
    let missing = reason(&house, "apps", "AuthenticationFailed");
    assert!(
        message(&missing).contains("'flux-system/keys'"),
        "{missing}"
    );
    let mut wrong = server.secrets().remove(0);
    wrong["stringData"]["secretkey"] = json!("not-the-secret-key");
    house.admin().apply(&wrong);
    let refused = house
        .admin()
        .wait_for("a refusal", &reference("apps"), |object| {
            condition(object, "Ready").is_some_and(|ready| {
                ready["reason"] == "AuthenticationFailed"
                    && ready["message"]
                        .as_str()
                        .unwrap()
                        .contains("SignatureDoesNotMatch")
            })
        });
    assert!(!refused.to_string().contains("not-the-secret-key"));
    assert!(!house.agent.log().contains("not-the-secret-key"));
    house.admin().apply_all(&server.secrets());
    let one = stored(&house, "apps");
    let held = &one["status"]["artifact"];
    wait_for_text(&house, "one");

    // Other objects: seen, fetched once to be looked at, and not taken.
    server.put("deploy/map.yaml", &map("two"));
    let changed = reason(&house, "apps", "DigestChanged");
    assert_eq!(&changed["status"]["artifact"], held);
    let first = held["digest"].as_str().unwrap();
    assert!(message(&changed).contains(first), "{changed}");
    let found = message(&changed).split_whitespace();
    let mut found = found.filter(|word| word.starts_with("sha256:") && *word != first);
    let two = found.next().expect("it says what it found").to_owned();
    let asked = server.requests();
    wait::until_true("it to be asked some more", LIMIT, || {
        server.requests() > asked + 4
    });
    assert_eq!(
        server.fetched("deploy/map.yaml"),
        2,
        "what is refused is not fetched again"
    );
    wait_for_text(&house, "one");

    // A pin in the signed repository vouches for them; a digest needs no second look.
    let (endpoint, head) = (server.endpoint(), "version = 1\n[[bucket]]\n");
    let lock = format!("{head}url = \"http://{endpoint}/apps\"\ndigest = \"{two}\"\n");
    house.push(&[("windlass.lock", &lock)], "Take the other");
    wait_for_text(&house, "two");
    let pinned = stored(&house, "apps");
    assert_eq!(pinned["status"]["artifact"]["digest"], two);
    server.put("deploy/map.yaml", &map("three"));
    server.stop();
    house.agent.stop();
    house.git.stop();
    house.admin().delete(&config_map("default", "app"));
    house.agent.start();
    wait_for_text(&house, "two");
    let kept = house.admin().get(&reference("apps")).unwrap();
    assert_eq!(kept["status"]["artifact"], pinned["status"]["artifact"]);
}

#[test]
fn a_release_takes_its_chart_out_of_a_bucket_and_stays_when_other_files_are_there() {
    let Some(server) = Buckets::start(None) else {
        return;
    };
    let version = |version: &str| {
        let chart = format!("apiVersion: v2\nname: web\nversion: {version}\n");
        server.put("charts/web/Chart.yaml", &chart);
    };
    version("1.0.0");
    let template = map("{{ .Chart.Version }}");
    server.put("charts/web/templates/map.yaml", &template);
    let chart = json!({"chart": "./charts/web", "sourceRef": {"kind": "Bucket", "name": "apps"}});
    let fields = json!({"chart": {"spec": chart}, "targetNamespace": "default"});
    let house = house(&[
        ("cluster/bucket.yaml", &bucket(&server, "apps", &json!({}))),
        ("cluster/release.yaml", &releases::release("web", &fields)),
    ]);
    house.admin().apply_all(&server.secrets());
    releases::reaches(&house, "web", "InstallSucceeded", 1);
    wait_for_text(&house, "1.0.0");

    version("1.1.0");
    reason(&house, "apps", "DigestChanged");
    let asked = releases::ask(&house, "web", &["reconcile.fluxcd.io/requestedAt"]);
    let same = releases::handled(&house, "web", &asked);
    let latest = &same["status"]["history"][0];
    assert_eq!(latest["chartVersion"], "1.0.0", "{same}");
    wait_for_text(&house, "1.0.0");
}

#[test]
fn t22_a_key_that_can_be_no_file_is_refused_by_name_until_the_rules_leave_it_out() {
    let Some(server) = Buckets::start(None) else {
        return;
    };
    server.put("deploy/map.yaml", &map("one"));
    server.put("deploy/a%5Cb.yaml", "on another system this is a folder\n");
    let object = bucket(&server, "apps", &json!({}));
    let house = house(&[
        ("cluster/bucket.yaml", &object),
        ("cluster/app.yaml", &applied("apps")),
    ]);
    house.admin().apply_all(&server.secrets());
    let refused = reason(&house, "apps", "InvalidName");
    assert!(
        message(&refused).contains(r#""deploy/a\\b.yaml""#),
        "{refused}"
    );
    assert!(refused["status"]["artifact"].is_null());
    assert_eq!(kept(&house), 0);
    assert_eq!(server.fetched("deploy/map.yaml"), 0);
    server.put(".sourceignore", "a*b.yaml\n");
    stored(&house, "apps");
    wait_for_text(&house, "one");
}

#[test]
fn what_nobody_pins_or_vouches_for_is_not_asked_for() {
    let Some(server) = Buckets::start(None) else {
        return;
    };
    server.put("deploy/map.yaml", &map("one"));
    let own = map("house").replace("\"app\"", "\"house\",\"namespace\":\"default\"");
    let mut house = house(&[("cluster/map.yaml", &own)]);
    house.admin().apply_all(&server.secrets());
    let object = bucket(&server, "apps", &json!({"interval": "1h"}));
    let object: Value = serde_json::from_str(&object).unwrap();
    house.admin().apply(&object);
    let held = reason(&house, "apps", "NotVouchedFor");
    assert_eq!(condition(&held, "Stalled").unwrap()["status"], "True");
    house.agent.stop();
    house.agent.set("remote", "unpinned_artifacts", "refuse");
    house.agent.start();
    house.root_ready();
    house.push(
        &[("cluster/apps.yaml", &object.to_string())],
        "Vouch for it",
    );
    let refused = reason(&house, "apps", "NotPinned");
    assert!(message(&refused).contains("[[bucket]]"), "{refused}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_bucket_that_the_node_lists_is_followed_over_tls_page_by_page_and_the_commands_know_it() {
    let (Some(flux), Some(server)) = (flux(), Buckets::start(Some(Authority::new()))) else {
        return;
    };
    server.put("deploy/map.yaml", &map("one"));
    server.put("many/[1-1200]", "many\n");
    let own = map("house").replace("\"app\"", "\"house\",\"namespace\":\"default\"");
    let house = house(&[("cluster/map.yaml", &own)]);
    house.admin().apply_all(&server.secrets());
    let object = bucket(&server, "apps", &json!({"interval": "1h"}));
    house.admin().apply(&serde_json::from_str(&object).unwrap());
    reason(&house, "apps", "NotVouchedFor");

    // What the node's list says is heard at once, not an hour later.
    let line = format!("https://{}/apps unverified\n", server.endpoint());
    house.agent.list_sources(&line);
    let one = stored(&house, "apps");
    let news = "stored artifact with 1201 fetched files from 'apps' bucket";
    wait::until_true("the event", LIMIT, || {
        let events = house.admin().list("v1", "Event", "flux-system", "");
        events.iter().any(|event| event["message"] == news)
    });
    house
        .admin()
        .apply(&serde_json::from_str(&applied("apps")).unwrap());

    let kubeconfig = house.control_plane.kubeconfig(User::Admin);
    let words = |line: &str| -> Vec<String> {
        let words = line.split_whitespace().chain(["-n", "flux-system"]);
        words.map(str::to_owned).collect()
    };
    let ours = |line: &str| {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ran::of(&windlass(&kubeconfig, &words))
    };
    let theirs = |line: &str| {
        let mut command = Command::new(flux);
        command.env_clear().env("HOME", house.agent.path());
        command.env("KUBECONFIG", &kubeconfig).args(words(line));
        Ran::of(&command.output().unwrap())
    };
    for line in [
        "get sources bucket",
        "get sources bucket apps",
        "get sources all",
        "get sources bucket --status-selector ready=false",
    ] {
        let (ours, theirs) = (ours(line).done(), theirs(line).done());
        assert_eq!(ours.results, theirs.results, "{line}");
    }
    ours("get sources bucket").says(&["stored artifact: revision"]);
    ours("export source bucket apps").says(&["kind: Bucket", "bucketName: apps"]);

    // Whatever is there is taken, when it is asked for: an hour is long.
    server.put("deploy/map.yaml", &map("two"));
    server.delete("many/7");
    ours("suspend source bucket apps").done();
    ours("reconcile source bucket apps")
        .failed()
        .says(&["suspended"]);
    let still = house.admin().get(&reference("apps")).unwrap();
    assert_eq!(still["status"]["artifact"], one["status"]["artifact"]);
    ours("get sources bucket").says(&["True"]);
    ours("resume source bucket apps").done();
    let two = stored(&house, "apps");
    assert_ne!(
        two["status"]["artifact"]["revision"],
        one["status"]["artifact"]["revision"]
    );
    server.put("deploy/map.yaml", &map("three"));
    let asked = ours("reconcile source bucket apps").done();
    let three = stored(&house, "apps");
    let revision = three["status"]["artifact"]["revision"].as_str().unwrap();
    asked.says(&["fetched revision", revision]);
    assert_ne!(&two["status"]["artifact"]["revision"], revision);

    assert_eq!(kept(&house), 1);
    ours("delete source bucket apps --silent").done();
    house.admin().wait_gone(&reference("apps"));
    wait::until_true("what is gone to be dropped", LIMIT, || kept(&house) == 0);
    assert!(house.admin().get(&namespace("default")).is_some());
    assert!(!house.agent.log().contains(KEYS.1));
}

/// How many archives the node keeps.
fn kept(house: &House) -> usize {
    std::fs::read_dir(house.agent.state().join("blobs"))
        .unwrap()
        .count()
}
