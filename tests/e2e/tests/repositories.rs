//! HelmRepositories over HTTP, and the charts that are taken from them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::directory::Directory;
use windlass_kit::wait;

use crate::charts::{chart, condition, house, reason, reference, revision};
use crate::house::{GIT_REPOSITORY, House};

/// A server of files, which notes what it was asked, in lower case.
#[derive(Clone, Default)]
pub(crate) struct Files {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    seen: Arc<Mutex<Vec<String>>>,
    port: u16,
}

impl Files {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Files {
            port,
            ..Files::default()
        };
        let serving = files.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.answer(stream);
            }
        });
        files
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/charts", self.port)
    }

    pub(crate) fn url_of(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), bytes.to_vec());
    }

    pub(crate) fn clear(&self) {
        self.files.lock().unwrap().clear();
    }

    pub(crate) fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The tag of a file is its length: tests change lengths.
    fn answer(&self, mut stream: TcpStream) {
        let mut head = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
        let head = head.to_lowercase();
        let path = head
            .split_whitespace()
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let found = self.files.lock().unwrap().get(&path).cloned();
        let (status, body) = match found {
            Some(body) if head.contains(&format!("if-none-match: \"{}\"", body.len())) => {
                ("304 Not Modified", Vec::new())
            }
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", Vec::new()),
        };
        self.seen.lock().unwrap().push(head);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nETag: \"{length}\"\r\nContent-Length: {length}\r\n\r\n"
        );
        // The other side may have heard enough.
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    output.stdout
}

/// A packaged chart as tar(1) makes it, and its digest as sha256sum(1) says it.
pub(crate) fn package(version: &str, template: &str) -> (Vec<u8>, String) {
    let place = Directory::new("package");
    let folder = place.path().join("web");
    std::fs::create_dir_all(folder.join("templates")).unwrap();
    let chart = format!("apiVersion: v2\nname: web\nversion: {version}\n");
    std::fs::write(folder.join("Chart.yaml"), chart).unwrap();
    std::fs::write(folder.join("values.yaml"), "replicas: 1\n").unwrap();
    std::fs::write(folder.join("templates/a.yaml"), template).unwrap();
    let (root, archive) = (
        place.path().display().to_string(),
        place.path().join("web.tgz"),
    );
    let archive = archive.display().to_string();
    run("tar", &["-C", &root, "-czf", &archive, "web"]);
    let said = String::from_utf8(run("sha256sum", &[&archive])).unwrap();
    let digest = said.split_whitespace().next().unwrap().to_owned();
    (std::fs::read(&archive).unwrap(), digest)
}

pub(crate) fn index(versions: &[(&str, &str)]) -> String {
    let mut text = "apiVersion: v1\nentries:\n  other:\n  - version: 9.0.0\n  web:\n".to_owned();
    for (version, digest) in versions {
        text.push_str(&format!(
            "  - name: web\n    version: {version}\n    digest: {digest}\n    urls:\n    - web-{version}.tgz\n"
        ));
    }
    text
}

pub(crate) fn repository(url: &str, fields: &Value) -> String {
    let mut object = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "HelmRepository",
        "metadata": {"name": "charts", "namespace": "flux-system"},
        "spec": {"url": url, "interval": "2s"},
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    object["spec"].as_object_mut().unwrap().extend(fields);
    object.to_string()
}

fn repository_reference() -> ObjectRef {
    ObjectRef::new(GIT_REPOSITORY, "HelmRepository", "flux-system", "charts")
}

fn repository_reason(house: &House, reason: &str) -> Value {
    let what = format!("the HelmRepository to be {reason}");
    house
        .admin()
        .wait_for(&what, &repository_reference(), |object| {
            condition(object, "Ready").is_some_and(|ready| ready["reason"] == reason)
        })
}

fn web(range: &str) -> String {
    let source = json!({"kind": "HelmRepository", "name": "charts"});
    let spec = json!({"chart": "web", "version": range, "interval": "2s", "sourceRef": source});
    chart("web", &spec)
}

#[test]
fn a_chart_is_pulled_by_its_range_and_other_bytes_of_the_same_version_are_held() {
    let server = Files::start();
    let (one, one_digest) = package("1.0.0", "a: one\n");
    server.put(
        "/charts/index.yaml",
        index(&[("1.0.0", &one_digest)]).as_bytes(),
    );
    server.put("/charts/web-1.0.0.tgz", &one);
    let mut house = house(&[
        (
            "cluster/repository.yaml",
            &repository(&server.url(), &json!({})),
        ),
        ("cluster/chart.yaml", &web("1.x")),
    ]);
    let object = repository_reason(&house, "Succeeded");
    let found = object["status"]["artifact"]["revision"]
        .as_str()
        .unwrap()
        .to_owned();
    let message = format!("stored artifact: revision '{found}'");
    assert_eq!(condition(&object, "Ready").unwrap()["message"], message);
    let pulled = reason(&house, "web", "ChartPullSucceeded");
    let digest = format!("sha256:{one_digest}");
    assert_eq!(pulled["status"]["artifact"]["digest"], digest);
    assert_eq!(
        condition(&pulled, "Ready").unwrap()["message"],
        "pulled 'web' chart with version '1.0.0'"
    );

    // A higher version within the range is taken, one outside of it is not.
    let (two, two_digest) = package("1.1.0", "a: two\n");
    server.put("/charts/web-1.1.0.tgz", &two);
    let versions = [
        ("2.0.0", "aa"),
        ("1.1.0", &two_digest),
        ("1.0.0", &one_digest),
    ];
    server.put("/charts/index.yaml", index(&versions).as_bytes());
    let moved = revision(&house, "web", "1.1.0");
    assert_eq!(
        moved["status"]["artifact"]["digest"],
        format!("sha256:{two_digest}")
    );

    // The same version with other bytes, as the index now says: the first stays in use.
    let (_, other) = package("1.1.0", "a: somebody else's\n");
    server.put(
        "/charts/index.yaml",
        format!("{}# new\n", index(&[("1.1.0", &other)])).as_bytes(),
    );
    let held = reason(&house, "web", "DigestChanged");
    assert_eq!(held["status"]["artifact"], moved["status"]["artifact"]);

    // Offline after a restart, the chart and the index are there.
    server.put("/charts/index.yaml", index(&versions).as_bytes());
    reason(&house, "web", "ChartPullSucceeded");
    house.agent.stop();
    server.clear();
    house.agent.start();
    house.root_ready();
    let failed = repository_reason(&house, "IndexationFailed");
    assert!(failed["status"]["artifact"]["digest"].is_string());
    let kept = house.admin().get(&reference("web")).unwrap();
    assert_eq!(
        kept["status"]["artifact"]["digest"],
        format!("sha256:{two_digest}")
    );
}

#[test]
fn a_poll_that_finds_nothing_new_downloads_nothing_and_bytes_that_are_not_as_indexed_are_refused() {
    let server = Files::start();
    let (one, _) = package("1.0.0", "a: one\n");
    let (_, other) = package("1.0.0", "a: other\n");
    server.put("/charts/index.yaml", index(&[("1.0.0", &other)]).as_bytes());
    server.put("/charts/web-1.0.0.tgz", &one);
    let house = house(&[
        (
            "cluster/repository.yaml",
            &repository(&server.url(), &json!({})),
        ),
        ("cluster/chart.yaml", &web("*")),
    ]);
    let refused = reason(&house, "web", "ChartPullError");
    let message = condition(&refused, "FetchFailed").unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(message.contains(&other), "{message}");
    assert!(refused["status"].get("artifact").is_none());
    repository_reason(&house, "Succeeded");
    server.take_seen();
    wait::until_true("two polls of the index", Duration::from_secs(20), || {
        let seen = server.seen.lock().unwrap();
        let polls = seen
            .iter()
            .filter(|head| head.starts_with("get /charts/index.yaml"));
        polls.count() >= 2
    });
    let seen = server.take_seen();
    let polls = seen
        .iter()
        .filter(|head| head.starts_with("get /charts/index.yaml"));
    for poll in polls {
        assert!(poll.contains("if-none-match: "), "{poll}");
    }
}

#[test]
fn a_repository_that_nobody_vouches_for_is_not_asked() {
    let server = Files::start();
    server.put("/charts/index.yaml", index(&[]).as_bytes());
    let house = house(&[("cluster/chart.yaml", &web("*"))]);
    let object: Value = serde_json::from_str(&repository(&server.url(), &json!({}))).unwrap();
    house.admin().apply(&object);
    let object = repository_reason(&house, "NotVouchedFor");
    assert_eq!(condition(&object, "Stalled").unwrap()["status"], "True");
    assert!(server.take_seen().is_empty());
    house
        .agent
        .list_sources(&format!("{} unverified\n", server.url()));
    repository_reason(&house, "Succeeded");
}
