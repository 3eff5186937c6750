//! The status page: who is shown it, what it says, and how it looks in a real browser.

mod looks;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::Agent;
use windlass_kit::controlplane::Options;
use windlass_kit::ports::Port;
use windlass_kit::wait;

use crate::house::{House, nested};

const LIMIT: Duration = Duration::from_secs(60);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Asks for a path; gives the status and the body.
pub(crate) fn ask(port: &Port, path: &str, headers: &[&str]) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port.number())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("X-Content-Type-Options: nosniff"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse();
    (status.unwrap(), body.to_owned())
}

fn state(port: &Port, after: &str) -> Value {
    let seen = format!("Windlass-After: {after}");
    let (status, body) = ask(port, "/state", &["Host: localhost", &seen]);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn listen(agent: &mut Agent, port: &Port) {
    agent.set("page", "listen", &format!("127.0.0.1:{}", port.number()));
}

/// The names of the objects of a kind.
fn names(state: &Value, kind: &str) -> Vec<String> {
    let objects = state["objects"].as_array().unwrap().iter();
    let of_kind = objects.filter(|object| object["kind"] == kind);
    of_kind
        .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_browser_on_the_node_is_told_everything_once_and_then_what_is_new() {
    let port = Port::claim();
    let values = json!({"suspend": true, "postBuild": {"substitute": {"password": "hunter2"}}});
    let quiet = nested("quiet", "./nowhere", values);
    let mut house = House::start_with(&Options::api_server(), &[("quiet.yaml", &quiet)], |agent| {
        listen(agent, &port);
    });
    let whole = wait::until("the page to show the suspended one", LIMIT, || {
        let state = state(&port, "");
        match names(&state, "Kustomization").contains(&"quiet".to_owned()) {
            true => Ok(state),
            false => Err(state.to_string()),
        }
    });
    assert_eq!(whole["whole"], true);
    assert_eq!(whole["standing"]["node"], "node-a");
    assert_eq!(whole["standing"]["says"]["windlass.dev/role"], "leader");
    assert_eq!(names(&whole, "GitRepository"), ["flux-system"]);
    assert!(!whole.to_string().contains("hunter2"));
    let first = &whole["commits"][0];
    assert_eq!(
        (&first["accepted"], &first["signer"]),
        (&json!(true), &json!("owner@house.example"))
    );

    // What is there already is not told again, and news are told as soon as there are any.
    let commit = house.push(
        &[("other.yaml", &crate::tenant::map("default", "other", "one"))],
        "More",
    );
    house.applied(&commit);
    let version = whole["version"].as_str().unwrap();
    let news = state(&port, version);
    assert_eq!(news["whole"], false);
    assert!(
        !names(&news, "Kustomization").contains(&"quiet".to_owned()),
        "{news}"
    );

    // Whoever is no browser on this node is told nothing.
    for headers in [
        &["Host: evil.example"][..],
        &[],
        &["Host: localhost", "Host: evil.example"],
    ] {
        let (status, body) = ask(&port, "/state", headers);
        assert_eq!(status, 403, "{body}");
        assert!(body.contains("localhost"), "{body}");
    }
    assert_eq!(ask(&port, "/", &["Host: evil.example"]).0, 200);
    assert_eq!(ask(&port, "/other", &[]).0, 404);
    assert_eq!(ask(&port, "/..%2f..%2fetc/passwd", &[]).0, 404);
}

#[test]
fn elsewhere_the_token_is_asked_for_and_another_one_counts_at_once() {
    let port = Port::claim();
    let mut file = std::path::PathBuf::new();
    let write = |file: &std::path::Path, token: &str| {
        std::fs::write(file, token).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(file, private).unwrap();
    };
    let _house = House::start_with(&Options::api_server(), &[], |agent| {
        listen(agent, &port);
        file = agent.path().join("page.token");
        write(&file, TOKEN);
        agent.set("page", "token_file", &file.display().to_string());
    });
    let with = |token: &str| {
        let line = format!("Authorization: Bearer {token}");
        ask(&port, "/state", &["Host: node.lan", &line])
    };
    assert_eq!(with(TOKEN).0, 200);
    assert_eq!(with("another").0, 401);
    assert_eq!(ask(&port, "/state", &["Host: localhost"]).0, 401);
    write(&file, "fedcba9876543210");
    assert_eq!(with(TOKEN).0, 401);
    assert_eq!(with("fedcba9876543210").0, 200);
    write(&file, "short");
    let (status, body) = with("short");
    assert_eq!(status, 503);
    assert!(!body.contains("short"), "{body}");
}
