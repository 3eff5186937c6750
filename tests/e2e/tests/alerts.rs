//! Alerts and Providers: who is told of what happens, and what waits while nobody answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::directory::Directory;
use windlass_kit::ports::Port;
use windlass_kit::wait;

use crate::house::House;
use crate::repositories::run;

const KEY: &str = "hunter2-hmac-key";
const PATH: &str = "/hooks/hunter2-path";
const LIMIT: Duration = Duration::from_secs(90);

/// One notification: the head of the request in lower case, the body, and when it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) head: String,
    body: Vec<u8>,
    at: SystemTime,
}

/// A webhook that takes everything.
pub(crate) struct Hook {
    pub(crate) port: u16,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Hook {
    /// At a port that may have been free for a while.
    pub(crate) fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let noted = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(one) = take(stream) {
                    noted.lock().unwrap().push(one);
                }
            }
        });
        Self { port, told }
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn wait(&self, number: usize) -> Vec<Told> {
        let what = format!("{number} notifications");
        wait::until_true(&what, LIMIT, || self.told().len() >= number);
        self.told()
    }
}

impl Told {
    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn revision(&self) -> String {
        self.event()["metadata"]["revision"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn take(mut stream: TcpStream) -> Option<Told> {
    let at = SystemTime::now();
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).ok()?;
    Some(Told { head, body, at })
}

fn api(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": kind,
        "metadata": { "name": name, "namespace": "flux-system" }, "spec": spec,
    })
}

/// The Secret with everything that proves who tells.
fn secret(port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "hook", "namespace": "flux-system" },
        "stringData": {
            "address": format!("http://127.0.0.1:{port}{PATH}"), "token": KEY,
            "headers": "X-Team: home\n",
        },
    })
}

fn alert(spec: Value) -> Value {
    let mut whole = json!({
        "providerRef": { "name": "hook" },
        "eventSources": [{ "kind": "Kustomization", "name": "flux-system" }],
        "inclusionList": ["^Reconciliation finished in \\S+,"],
        "eventMetadata": { "cluster": "home" },
    });
    let fields = spec.as_object().cloned().unwrap_or_default();
    whole.as_object_mut().unwrap().extend(fields);
    api("Alert", "all", &whole)
}

fn config_map(value: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "namespace": "default" }, "data": { "value": value },
    })
    .to_string()
}

/// The signature that openssl(1) gives.
fn signature(body: &[u8]) -> String {
    let place = Directory::new("signature");
    let file = place.path().join("body").display().to_string();
    std::fs::write(&file, body).unwrap();
    let said = run("openssl", &["dgst", "-sha256", "-hmac", KEY, &file]);
    let said = String::from_utf8(said).unwrap();
    format!("sha256={}", said.trim().rsplit(' ').next().unwrap())
}

/// Nothing that proves who tells is in the log or in an event.
fn no_secret_is_told(house: &House) {
    let events = house.admin().list("v1", "Event", "flux-system", "");
    for text in [house.agent.log(), json!(events).to_string()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn an_event_arrives_at_the_webhook_as_flux_writes_it_and_signed() {
    let mut house = House::start(&[("a.yaml", &config_map("one"))]);
    let hook = Hook::start(0);
    let admin = house.admin();
    admin.apply(&secret(hook.port));
    let provider = json!({ "type": "generic-hmac", "secretRef": { "name": "hook" } });
    admin.apply(&api("Provider", "hook", &provider));
    admin.apply(&alert(json!({})));
    let address = format!("http://127.0.0.1:{}/chat", hook.port);
    let chat = json!({ "type": "slack", "address": address, "channel": "general" });
    admin.apply(&api("Provider", "chat", &chat));
    let mut chatting = alert(json!({ "providerRef": { "name": "chat" } }));
    chatting["metadata"]["name"] = "chatting".into();
    admin.apply(&chatting);
    // Another Alert that wants failures only, and one that is suspended.
    let failures = alert(json!({ "eventSeverity": "error" }));
    let suspended = alert(json!({ "suspend": true }));
    for (name, mut other) in [("failures", failures), ("suspended", suspended)] {
        other["metadata"]["name"] = name.into();
        admin.apply(&other);
    }
    // The watches have shown them when the log says that an expression is none.
    admin.apply(&api(
        "Alert",
        "broken",
        &json!({
            "providerRef": { "name": "hook" }, "exclusionList": ["("],
            "eventSources": [{ "kind": "Kustomization", "name": "nobody" }],
        }),
    ));
    let seen = || {
        house
            .agent
            .log()
            .contains("failed to compile exclusion regex: (")
    };
    wait::until_true("the Alerts to be seen", LIMIT, seen);

    let commit = house.push(&[("a.yaml", &config_map("two"))], "Change it");
    let (told, chatted): (Vec<_>, Vec<_>) = hook
        .wait(2)
        .into_iter()
        .partition(|told| told.head.contains(PATH));
    assert_eq!((told.len(), chatted.len()), (1, 1));
    let message = chatted[0].event();
    assert_eq!(message["channel"], "general");
    let attachment = &message["attachments"][0];
    assert_eq!(
        attachment["author_name"],
        "kustomization/flux-system.flux-system"
    );
    assert_eq!(attachment["color"], "good");
    let event = told[0].event();
    assert_eq!(event["involvedObject"]["kind"], "Kustomization");
    assert_eq!(event["involvedObject"]["name"], "flux-system");
    assert_eq!(
        event["involvedObject"]["apiVersion"],
        "kustomize.toolkit.fluxcd.io/v1"
    );
    assert_eq!(event["severity"], "info");
    assert_eq!(event["reason"], "ReconciliationSucceeded");
    assert_eq!(event["reportingController"], "kustomize-controller");
    let metadata = json!({ "revision": format!("main@sha1:{commit}"), "cluster": "home" });
    assert_eq!(event["metadata"], metadata);
    let path = told[0].head.split(' ').nth(1);
    assert_eq!(path, Some(PATH));
    assert_eq!(
        told[0].header("gotk-component"),
        Some("kustomize-controller")
    );
    assert_eq!(told[0].header("x-team"), Some("home"));
    let signed = signature(&told[0].body);
    assert_eq!(told[0].header("x-signature"), Some(signed.as_str()));

    house.applied(&commit);
    wait::holds("nobody is told twice", Duration::from_secs(3), || {
        hook.told().len() == 2
    });
    no_secret_is_told(&house);
    let said: jiff::Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
    let late = told[0].at.duration_since(SystemTime::from(said)).unwrap();
    // Times in events are whole seconds.
    assert!(late < Duration::from_secs(3), "{late:?}");
}

#[test]
fn what_nobody_takes_waits_on_the_node_and_comes_once_and_in_order() {
    let claim = Port::claim();
    let port = claim.number();
    let mut house = House::start(&[("a.yaml", &config_map("one"))]);
    let provider = json!({ "type": "generic", "secretRef": { "name": "hook" } });
    // Everything comes with the commit that is told of first; the Secret only afterwards.
    let files = [
        (
            "provider.yaml",
            api("Provider", "hook", &provider).to_string(),
        ),
        ("alert.yaml", alert(json!({})).to_string()),
        ("a.yaml", config_map("two")),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let mut commits = vec![house.push(&files, "Begin to tell")];
    house.applied(&commits[0]);
    house.admin().apply(&secret(port));
    for value in ["three", "four"] {
        let commit = house.push(&[("a.yaml", &config_map(value))], "Change it");
        house.applied(&commit);
        commits.push(commit);
    }
    let alert = ObjectRef::new(
        "notification.toolkit.fluxcd.io/v1beta3",
        "Alert",
        "flux-system",
        "all",
    );
    wait::until_true("the Alert to say that nobody answers", LIMIT, || {
        let events = house.admin().list("v1", "Event", "flux-system", "");
        events.iter().any(|event| {
            event["involvedObject"]["name"] == alert.name.as_str()
                && event["reason"] == "NotificationDispatchFailed"
        })
    });
    // A pass announces after its status is written, and a process that is killed in between tells nobody.
    wait::until_true("the last commit to be announced", LIMIT, || {
        let events = house.admin().list("v1", "Event", "flux-system", "");
        events.iter().any(|event| {
            event["reason"] == "ReconciliationSucceeded"
                && event.to_string().contains(commits[2].as_str())
        })
    });
    house.agent.kill();
    house.agent.start();
    let hook = Hook::start(port);
    let wanted: Vec<String> = commits
        .iter()
        .map(|commit| format!("main@sha1:{commit}"))
        .collect();
    wait::until_true("the last commit to be told", LIMIT, || {
        hook.told()
            .iter()
            .any(|told| Some(&told.revision()) == wanted.last())
    });
    wait::holds("nobody is told twice", Duration::from_secs(3), || {
        hook.told().len() <= wanted.len()
    });
    let told: Vec<String> = hook.told().iter().map(Told::revision).collect();
    // The first pass may have ended before its own Alert was seen.
    assert!(told == wanted || told == wanted[1..], "{told:?} {wanted:?}");
    no_secret_is_told(&house);
}
