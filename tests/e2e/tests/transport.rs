//! Fetching over https and ssh, and only what is new.

use serde_json::json;
use windlass_kit::controlplane::Options;
use windlass_kit::git;
use windlass_kit::ssh::SshServer;

use crate::house::{House, ready};
use crate::tenant::{Tenant, bare_map, map, shared};

#[test]
fn the_root_is_fetched_over_https_with_a_password() {
    let credentials = ("windlass".to_owned(), "hush hush".to_owned());
    let options = git::Options {
        tls: true,
        credentials: Some(credentials.clone()),
    };
    let settings = map("default", "settings", "one");
    let files = [("settings.yaml", &settings as &str)];
    let mut house = House::prepare_with_git(&Options::api_server(), &options, &files);
    let folder = house.agent.path().to_owned();
    let file = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
        path.display().to_string()
    };
    let authority = file("ca.crt", house.git.authority().unwrap());
    let password = file("password", &credentials.1);
    house.agent.set("root", "ca_file", &authority);
    house.agent.set("root", "username", &credentials.0);
    house.agent.set("root", "password_file", &password);
    house.agent.start();
    house.root_ready();
    let commit = house.push(
        &[("settings.yaml", &map("default", "settings", "two"))],
        "Two",
    );
    house.applied(&commit);
    assert!(
        !house.agent.log().contains(&credentials.1),
        "secrets stay out of the log"
    );
    // The wrong password is a condition of its own.
    house.agent.stop();
    file("password", "wrong");
    house.agent.start();
    let source = house
        .admin()
        .wait_for("the refusal", &crate::house::root_source(), |source| {
            ready(source)["reason"] == "AuthenticationFailed"
        });
    assert!(!source.to_string().contains("wrong\""), "{source}");
}

#[test]
fn a_source_is_fetched_over_ssh_only_from_the_host_that_is_known() {
    let server = SshServer::start();
    let mut tenant = Tenant::start("ssh", &[("app/map.yaml", &bare_map("app", "one"))]);
    let house = shared();
    let bare = house.git.path().join(format!("{}.git", tenant.namespace));
    let identity = std::fs::read_to_string(server.identity()).unwrap();
    let secret = |known_hosts: &str| {
        json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "ssh", "namespace": tenant.namespace},
            "stringData": {"identity": identity, "known_hosts": known_hosts}})
    };
    let other = SshServer::start();
    let stranger = other.known_hosts();
    let key = stranger.split_once(' ').unwrap().1;
    let host = server.known_hosts();
    let host = host.split_once(' ').unwrap().0;
    tenant.admin().apply(&secret(&format!("{host} {key}")));
    let url = server.url(&bare);
    let http = house.git.url("");
    let list = format!("{http}* signed\n{url} signed\n");
    house.agent.list_sources(&list);
    let spec = json!({"spec": {"url": url, "secretRef": {"name": "ssh"}}});
    tenant.admin().patch(&tenant.source(), &spec);
    // The list counts a few seconds after it was written; until then the refusal is another one.
    tenant
        .admin()
        .wait_for("the refusal", &tenant.source(), |source| {
            let ready = ready(source);
            let message = ready["message"].to_string();
            ready["status"] == "False"
                && (message.contains("known_hosts") || message.contains("host key"))
        });

    tenant.admin().apply(&secret(&server.known_hosts()));
    tenant.request(&tenant.source());
    tenant.admin().wait_ready(&tenant.source(), "True");
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    tenant.applied("app", &commit);
}

#[test]
fn the_root_is_fetched_over_ssh_with_a_key() {
    let server = SshServer::start();
    let settings = map("default", "settings", "one");
    let mut house = House::prepare(&Options::api_server(), &[("settings.yaml", &settings)]);
    let known_hosts = house.agent.path().join("known_hosts");
    std::fs::write(&known_hosts, server.known_hosts()).unwrap();
    let bare = house.git.path().join("house.git");
    house.agent.set("root", "url", &server.url(&bare));
    let identity = server.identity().display().to_string();
    house.agent.set("root", "identity_file", &identity);
    let known_hosts = known_hosts.display().to_string();
    house.agent.set("root", "known_hosts_file", &known_hosts);
    house.agent.start();
    house.root_ready();
    let commit = house.push(
        &[("settings.yaml", &map("default", "settings", "two"))],
        "Two",
    );
    house.applied(&commit);
}

#[test]
fn a_fetch_moves_what_is_new_and_a_poll_that_finds_nothing_is_one_request() {
    let files: Vec<(String, String)> = (0..2000)
        .map(|number| {
            (
                format!("many/{}/file-{number}.txt", number % 40),
                format!("{number}\n").repeat(50),
            )
        })
        .collect();
    let mut files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let app = bare_map("app", "one");
    files.push(("app/map.yaml", &app));
    let mut tenant = Tenant::start("incremental", &files);
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    let repository = format!("/{}.git/", tenant.namespace);
    let requests = || {
        let all = shared().git.requests();
        let ours = all
            .into_iter()
            .filter(|one| one.path.starts_with(&repository));
        ours.collect::<Vec<_>>()
    };
    let whole: usize = requests().iter().map(|one| one.answer_bytes).sum();
    let before = requests().len();
    let commit = tenant.push(&[("many/0/file-0.txt", "changed\n")], "One of thousands");
    tenant.applied("app", &commit);
    let changed: usize = requests()[before..]
        .iter()
        .map(|one| one.answer_bytes)
        .sum();
    assert!(
        changed * 20 < whole,
        "{changed} bytes for one file, {whole} for all"
    );
    assert!(changed < 16 * 1024, "{changed} bytes for one file");

    let before = requests().len();
    let asked = tenant.request(&tenant.source());
    tenant
        .admin()
        .wait_for("the answer", &tenant.source(), |source| {
            source["status"]["lastHandledReconcileAt"] == asked.as_str()
        });
    let poll = requests().split_off(before);
    assert_eq!(poll.len(), 1, "{poll:?}");
    let body = String::from_utf8_lossy(&poll[0].body).into_owned();
    assert_eq!(body.matches("ref-prefix").count(), 1, "{body}");
    assert!(body.contains("ref-prefix refs/heads/main"), "{body}");
}
