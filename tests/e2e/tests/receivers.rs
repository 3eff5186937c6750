//! Receivers: webhooks of services, taken on a port that is closed unless the config opens it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::agent::binary;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;
use windlass_kit::directory::Directory;
use windlass_kit::ports::Port;
use windlass_kit::wait;

use crate::commands::Ran;
use crate::commands_flux::flux;
use crate::house::{GIT_REPOSITORY, House, ready, root_source};
use crate::repositories::run;

const RECEIVER: &str = "notification.toolkit.fluxcd.io/v1";
const TOKEN: &str = "hunter2-token";
const LIMIT: Duration = Duration::from_secs(60);

fn house(port: &Port) -> House {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"}, "data": {"value": "one"}});
    let files = [("a.yaml", map.to_string())];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    House::start_with(&Options::api_server(), &files, |agent| {
        agent.set("root", "interval", "1h");
        let address = format!("127.0.0.1:{}", port.number());
        agent.set("receiver", "listen", &address);
    })
}

fn secret(name: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": "flux-system"}, "stringData": data,
    })
}

/// A Receiver for the root source; `spec` adds to it and wins.
fn receiver(name: &str, spec: &Value) -> Value {
    let mut whole = json!({
        "type": "generic", "secretRef": {"name": "token"},
        "resources": [{"kind": "GitRepository", "name": "flux-system"}],
    });
    let fields = spec.as_object().cloned().unwrap_or_default();
    whole.as_object_mut().unwrap().extend(fields);
    json!({
        "apiVersion": RECEIVER, "kind": "Receiver",
        "metadata": {"name": name, "namespace": "flux-system"}, "spec": whole,
    })
}

fn named(name: &str) -> ObjectRef {
    ObjectRef::new(RECEIVER, "Receiver", "flux-system", name)
}

/// Applies a Receiver and waits until it has a path.
fn path(house: &House, name: &str, spec: &Value) -> String {
    house.admin().apply(&receiver(name, spec));
    let object = house.admin().wait_ready(&named(name), "True");
    object["status"]["webhookPath"].as_str().unwrap().to_owned()
}

/// Sends a webhook to a path that is known, if not to everybody yet, and gives the status.
fn send(port: &Port, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    wait::until("the path to be known", LIMIT, || {
        match once(port, path, headers, body) {
            404 => Err("404".to_owned()),
            status => Ok(status),
        }
    })
}

/// Sends a webhook once.
fn once(port: &Port, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port.number())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: hooks.example\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// What openssl(1) gives.
fn openssl(arguments: &[&str], body: &str) -> String {
    let place = Directory::new("openssl");
    let file = place.path().join("body").display().to_string();
    std::fs::write(&file, body).unwrap();
    let said = run("openssl", &[arguments, &[file.as_str()]].concat());
    let said = String::from_utf8(said).unwrap();
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

fn signature(hash: &str, body: &str) -> String {
    openssl(&["dgst", &format!("-{hash}"), "-hmac", TOKEN], body)
}

fn requested(house: &House, object: &ObjectRef) -> Option<String> {
    let object = house.admin().get(object)?;
    let annotations = &object["metadata"]["annotations"];
    let at = annotations["reconcile.fluxcd.io/requestedAt"].as_str();
    at.map(str::to_owned)
}

#[test]
fn a_push_wakes_the_source_and_the_path_is_that_of_flux() {
    let port = Port::claim();
    let mut house = house(&port);
    let admin = house.admin();
    admin.apply(&secret("token", json!({"token": TOKEN})));
    let path = path(
        &house,
        "github",
        &json!({"type": "github", "events": ["ping", "push"]}),
    );
    let digest = openssl(&["dgst", "-sha256"], &format!("{TOKEN}githubflux-system"));
    assert_eq!(path, format!("/hook/{digest}"));
    let object = house.admin().get(&named("github")).unwrap();
    let message = format!("Receiver initialized for path: {path}");
    assert_eq!(ready(&object)["message"], message);
    assert_eq!(ready(&object)["reason"], "Succeeded");
    assert_eq!(object["status"]["observedGeneration"], 1);
    assert_eq!(
        object["metadata"]["finalizers"],
        json!(["finalizers.fluxcd.io"])
    );

    // Nobody asks for a fetch but the webhook.
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"}, "data": {"value": "two"}});
    let commit = house
        .repo
        .publish(&[("a.yaml", &map.to_string())], "Two", &house.signer);
    let body = json!({"ref": "refs/heads/main", "after": commit}).to_string();
    let signed = format!("sha256={}", signature("sha256", &body));
    let headers = |event, signature| {
        [
            ("Content-Type", "application/json"),
            ("X-GitHub-Event", event),
            ("X-Hub-Signature-256", signature),
        ]
    };
    assert_eq!(
        send(&port, &path, &headers("push", "sha256=00"), &body),
        400
    );
    assert_eq!(send(&port, &path, &headers("issues", &signed), &body), 400);
    assert_eq!(once(&port, "/hook/", &headers("push", &signed), &body), 404);
    assert_eq!(once(&port, "/", &[], ""), 404);
    assert_eq!(requested(&house, &root_source()), None);
    let begun = Instant::now();
    assert_eq!(send(&port, &path, &headers("push", &signed), &body), 200);
    house.applied(&commit);
    assert!(begun.elapsed() < LIMIT);
    let source = house.admin().get(&root_source()).unwrap();
    assert_eq!(
        source["status"]["lastHandledReconcileAt"],
        source["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]
    );
    let log = house.agent.log();
    assert!(!log.contains(TOKEN) && !log.contains(&digest), "{log}");
    assert!(log.contains("GitHub event \"push\""), "{log}");

    // It goes as it came: nothing holds it, and its path is gone.
    house.admin().delete(&named("github"));
    house.admin().wait_gone(&named("github"));
    wait::until_true("the path to be gone", LIMIT, || {
        once(&port, &path, &headers("push", &signed), &body) == 404
    });
}

#[test]
fn each_kind_of_service_is_taken_and_refused() {
    let port = Port::claim();
    let house = house(&port);
    house
        .admin()
        .apply(&secret("token", json!({"token": TOKEN})));
    let nexus = r#"{"action":"UPDATED","repositoryName":"docker"}"#;
    let docker_hub = r#"{"push_data":{"tag":"latest"},"repository":{"repo_url":"https://hub.docker.com/r/me/app"}}"#;
    let quay = r#"{"docker_url":"quay.io/me/app","updated_tags":["latest"]}"#;
    let acr = r#"{"action":"push","target":{"repository":"app","tag":"v1"}}"#;
    let event = json!({
        "context": {"version": "0.4.1", "id": "1", "source": "/a", "timestamp": "2026-01-01T00:00:00Z",
            "type": "dev.cdevents.artifact.published.0.2.0"},
        "subject": {"id": "pkg:oci/app", "type": "artifact", "content": {}},
    })
    .to_string();
    let json = ("Content-Type", "application/json");
    let hub = format!("sha1={}", signature("sha1", "{}"));
    let signed = format!("sha512={}", signature("sha512", "{}"));
    let nexus_signed = signature("sha1", nexus);
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let cases: Vec<(&str, Headers<'_>, &str, Headers<'_>, &str)> = vec![
        (
            "generic-hmac",
            vec![("X-Signature", &signed)],
            "{}",
            vec![("X-Signature", &signed)],
            "[]",
        ),
        (
            "gitlab",
            vec![("X-Gitlab-Token", TOKEN)],
            "{}",
            vec![("X-Gitlab-Token", "other")],
            "{}",
        ),
        (
            "bitbucket",
            vec![json, ("X-Hub-Signature", &hub)],
            "{}",
            vec![json, ("X-Hub-Signature", &hub)],
            "[]",
        ),
        (
            "harbor",
            vec![("Authorization", TOKEN)],
            "{}",
            vec![("Authorization", "Bearer other")],
            "{}",
        ),
        ("dockerhub", vec![], docker_hub, vec![], "no"),
        ("quay", vec![], quay, vec![], "no"),
        ("acr", vec![], acr, vec![], "no"),
        (
            "nexus",
            vec![("X-Nexus-Webhook-Signature", &nexus_signed)],
            nexus,
            vec![],
            nexus,
        ),
        (
            "cdevents",
            vec![("Ce-Type", "dev.cdevents.artifact.published.0.2.0")],
            &event,
            vec![],
            "{}",
        ),
    ];
    for (type_, good, good_body, bad, bad_body) in cases {
        let path = path(&house, type_, &json!({"type": type_}));
        assert_eq!(send(&port, &path, &bad, bad_body), 400, "{type_}");
        assert_eq!(send(&port, &path, &good, good_body), 200, "{type_}");
    }
    let path = path(&house, "generic", &json!({}));
    assert_eq!(send(&port, &path, &[], ""), 200);
    wait::until_true("the source to be asked", LIMIT, || {
        requested(&house, &root_source()).is_some()
    });

    // What cannot be judged says so, and has no path.
    let provider = json!([{"issuerURL": "https://issuer.example", "validations":
        [{"expression": "true", "message": "x"}]}]);
    let mut oidc = receiver(
        "oidc",
        &json!({"type": "generic-oidc", "oidcProviders": provider}),
    );
    oidc["spec"].as_object_mut().unwrap().remove("secretRef");
    house.admin().apply(&oidc);
    let object = house.admin().wait_ready(&named("oidc"), "False");
    assert_eq!(ready(&object)["reason"], "ValidationFailed");
    assert!(
        ready(&object)["message"]
            .to_string()
            .contains("generic-oidc")
    );
    assert!(object["status"].get("webhookPath").is_none());
}

#[test]
fn filters_labels_and_secrets_decide_which_objects_are_asked() {
    let port = Port::claim();
    let house = house(&port);
    let admin = house.admin();
    let source = |name: &str, team: &str| {
        json!({
            "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
            "metadata": {"name": name, "namespace": "default", "labels": {"team": team}},
            "spec": {"url": "https://git.example/x.git", "interval": "1h", "suspend": true},
        })
    };
    for (name, team) in [("one", "web"), ("two", "web"), ("three", "db")] {
        admin.apply(&source(name, team));
    }
    let at = |name: &str| ObjectRef::new(GIT_REPOSITORY, "GitRepository", "default", name);
    let asked = || {
        let all = ["one", "two", "three"].into_iter();
        all.filter(|name| requested(&house, &at(name)).is_some())
            .collect::<Vec<_>>()
    };
    // Without its Secret there is no path, and with it there is one.
    let all = json!([{"kind": "GitRepository", "name": "*", "namespace": "default", "matchLabels": {"team": "web"}}]);
    let spec = json!({"resources": all, "resourceFilter": "req.repo == res.metadata.name", "secretRef": {"name": "late"}});
    admin.apply(&receiver("late", &spec));
    let object = admin.wait_ready(&named("late"), "False");
    assert_eq!(ready(&object)["reason"], "TokenNotFound");
    admin.apply(&secret("late", json!({"token": TOKEN})));
    admin.apply(&secret("token", json!({"token": TOKEN})));
    let now = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    admin.patch(&named("late"), &now);
    let filtered = path(&house, "late", &spec);
    let object = admin.get(&named("late")).unwrap();
    assert_eq!(object["status"]["lastHandledReconcileAt"], "now");

    let json_type = [("Content-Type", "application/json")];
    assert_eq!(send(&port, &filtered, &json_type, r#"{"repo":"two"}"#), 200);
    assert_eq!(asked(), ["two"]);
    // A filter that has no answer, and a body that is none.
    assert_eq!(send(&port, &filtered, &json_type, "{}"), 500);
    assert_eq!(send(&port, &filtered, &json_type, "no"), 500);
    assert_eq!(asked(), ["two"]);
    let by_label = path(&house, "label", &json!({"resources": all}));
    assert_eq!(send(&port, &by_label, &[], ""), 200);
    assert_eq!(asked(), ["one", "two"]);
    let per = json!([
        {"kind": "GitRepository", "name": "three", "namespace": "default", "filter": "res.metadata.labels.team == 'web'"},
    ]);
    let per = path(&house, "per", &json!({"resources": per}));
    assert_eq!(send(&port, &per, &[], ""), 200);
    assert_eq!(asked(), ["one", "two"]);
    let missing = json!([{"kind": "GitRepository", "name": "nobody"}, {"kind": "GitRepository", "name": "three", "namespace": "default"}]);
    let missing = path(&house, "missing", &json!({"resources": missing}));
    assert_eq!(send(&port, &missing, &[], ""), 500);
    assert_eq!(asked().len(), 3);
    // Flux asks for the version of kinds that it does not know by heart.
    let unversioned = json!([{"kind": "Kustomization", "name": "flux-system"}]);
    let unversioned = path(&house, "unversioned", &json!({"resources": unversioned}));
    assert_eq!(send(&port, &unversioned, &[], ""), 500);

    admin.apply(&receiver("broken", &json!({"resourceFilter": "req ==="})));
    let object = admin.wait_ready(&named("broken"), "False");
    assert_eq!(ready(&object)["reason"], "InvalidCELExpression");
    let stalled = object["status"]["conditions"][0]["type"].as_str();
    assert_eq!(stalled, Some("Stalled"));

    admin.patch(&named("label"), &json!({"spec": {"suspend": true}}));
    wait::until_true("the Receiver to be suspended", LIMIT, || {
        send(&port, &by_label, &[], "") == 503
    });
}

#[test]
fn t38_floods_and_slow_connections_cost_little_and_a_source_is_asked_once_in_a_second() {
    let port = Port::claim();
    let house = house(&port);
    house
        .admin()
        .apply(&secret("token", json!({"token": TOKEN})));
    let path = path(&house, "flood", &json!({}));
    assert_eq!(send(&port, &path, &[], ""), 200);
    let before = house.agent.allocated();

    let slow: Vec<TcpStream> = (0..10_000)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port.number())).unwrap();
            stream.write_all(b"POST /hook/").unwrap();
            stream
        })
        .collect();
    assert_eq!(send(&port, &path, &[], ""), 200);
    let grown = house.agent.allocated().saturating_sub(before);
    assert!(
        grown <= 8 << 20,
        "10,000 slow connections cost {grown} bytes"
    );
    // Four gigabytes are refused by their announcement.
    let mut huge = TcpStream::connect(("127.0.0.1", port.number())).unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nContent-Length: 4294967296\r\n\r\n");
    huge.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    huge.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    drop(slow);

    let (mut seen, begun) = (std::collections::BTreeSet::new(), Instant::now());
    let (mut taken, mut refused) = (0, 0);
    while begun.elapsed() < Duration::from_secs(5) {
        match send(&port, &path, &[], "") {
            200 => taken += 1,
            429 => refused += 1,
            other => panic!("{other}"),
        }
        seen.insert(requested(&house, &root_source()));
    }
    assert!(
        taken > 20 && refused > 0,
        "{taken} taken, {refused} refused"
    );
    let most = begun.elapsed().as_secs() as usize + 2;
    assert!(
        seen.len() <= most,
        "asked {} times in {:?}",
        seen.len(),
        begun.elapsed()
    );
    assert!(seen.len() >= 3, "{seen:?}");
}

#[test]
fn no_port_is_open_unless_the_config_opens_it() {
    let house = House::start(&[("a.yaml", "")]);
    house
        .admin()
        .apply(&secret("token", json!({"token": TOKEN})));
    // The Receiver itself is as in Flux.
    path(&house, "closed", &json!({}));
    for (pid, _) in house.agent.processes() {
        for table in ["tcp", "tcp6"] {
            let sockets = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap();
            let listening: Vec<&str> = sockets
                .lines()
                .filter(|line| line.split_whitespace().nth(3) == Some("0A"))
                .filter_map(|line| line.split_whitespace().nth(9))
                .collect();
            let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
            for link in open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()) {
                let link = link.display().to_string();
                let inode = link
                    .strip_prefix("socket:[")
                    .and_then(|rest| rest.strip_suffix(']'));
                assert!(
                    inode.is_none_or(|inode| !listening.contains(&inode)),
                    "{link}"
                );
            }
        }
    }
}

#[test]
fn a_receiver_is_triggered_by_hand_as_by_flux() {
    let port = Port::claim();
    let house = house(&port);
    house
        .admin()
        .apply(&secret("token", json!({"token": TOKEN})));
    let _ = path(&house, "plain", &json!({}));
    let _ = path(&house, "signed", &json!({"type": "generic-hmac"}));
    let url = format!("http://127.0.0.1:{}/", port.number());
    let trigger = |name: &str, more: &[&str]| {
        let line = ["trigger", "receiver", name, "--url", &url, "--token", TOKEN];
        [&line[..], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let programs = [Some(binary()), flux().map(Path::to_owned)];
    for program in programs.into_iter().flatten() {
        for (name, more) in [
            ("plain", &[][..]),
            ("plain", &["--payload", "{\"a\": \"b\\\\c\"}"]),
            (
                "signed",
                &["--type", "generic-hmac", "--payload", "{\"a\":\t1}"],
            ),
        ] {
            let before = requested(&house, &root_source());
            let ran = Command::new(&program)
                .args(trigger(name, more))
                .output()
                .unwrap();
            let ran = Ran::of(&ran).done();
            let said = format!(
                "► triggering Receiver flux-system/{name}\n✔ Receiver flux-system/{name} triggered\n"
            );
            assert_eq!(ran.results + &ran.progress, said);
            wait::until_true("the source to be asked", LIMIT, || {
                requested(&house, &root_source()) != before
            });
        }
    }
    // A signature that is missing is no passing trouble, an unknown path is.
    let ran = Command::new(binary())
        .args(trigger("signed", &[]))
        .output()
        .unwrap();
    let ran = Ran::of(&ran).ends_with(1);
    assert!(ran.progress.contains("failed with status 4"), "{ran:?}");
    let more = ["--retries", "1", "--retry-delay", "1s"];
    let ran = Command::new(binary())
        .args(trigger("none", &more))
        .output()
        .unwrap();
    let ran = Ran::of(&ran).ends_with(1);
    assert!(
        ran.progress.contains("status 404; retrying in 1s (1/1)"),
        "{ran:?}"
    );
    assert!(!ran.progress.contains("/hook/"), "{ran:?}");
}
