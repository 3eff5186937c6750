//! The CNCF's registry on a loopback port, and what it takes to put something into it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use windlass_kit::directory::Directory;
use windlass_kit::ports::Port;
use windlass_kit::process::Process;
use windlass_kit::wait;

use crate::oracle::programs;
use crate::repositories::run;

/// The login of a registry that wants one, and bcrypt's hash of its password.
pub(crate) const LOGIN: (&str, &str) = ("me", "pass");
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuZFBUbfXoM8LFiPx8LYlO/sXZB/Cwk3K";

pub(crate) const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Who may use a registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    Everybody,
    Login,
}

pub(crate) struct Registry {
    place: Directory,
    port: Port,
    open: Open,
    process: Process,
}

impl Registry {
    /// `None` where it cannot be built.
    pub(crate) fn start(open: Open) -> Option<Self> {
        let program = programs("registry.sh")?.pop()?;
        let (place, port) = (Directory::new("registry"), Port::claim());
        let mut config = json!({
            "version": 0.1, "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": place.path().join("store")}},
            "http": {"addr": format!("127.0.0.1:{}", port.number())},
        });
        if open == Open::Login {
            let file = place.path().join("htpasswd");
            std::fs::write(&file, format!("{}:{HASH}\n", LOGIN.0)).unwrap();
            config["auth"] = json!({"htpasswd": {"realm": "registry", "path": file}});
        }
        let file = place.path().join("config.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let log = place.path().join("log");
        let arguments = ["serve".into(), file.into_os_string()];
        let process = Process::start("registry", &program, arguments, &[], &log);
        wait::until_true("the registry to answer", Duration::from_secs(20), || {
            TcpStream::connect(("127.0.0.1", port.number())).is_ok()
        });
        Some(Self {
            place,
            port,
            open,
            process,
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("oci://127.0.0.1:{}{path}", self.port.number())
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    pub(crate) fn stop(&mut self) {
        self.process.kill();
    }

    /// Takes a tag away; the specification has no request for that which all registries serve.
    pub(crate) fn forget_tag(&self, name: &str, tag: &str) {
        let repositories = "store/docker/registry/v2/repositories";
        let tags = format!("{repositories}/{name}/_manifests/tags/{tag}");
        std::fs::remove_dir_all(self.place.path().join(tags)).unwrap();
    }

    /// The requests that it noted, one a line.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.place.path().join("log")).unwrap();
        let lines = log
            .lines()
            .filter(|line| line.contains("\"GET /v2") || line.contains("\"HEAD /v2"));
        lines.map(str::to_owned).collect()
    }

    /// Puts an artifact of one layer under a tag, and gives the digests of its manifest and of the layer.
    pub(crate) fn push(
        &self,
        (name, tag): (&str, &str),
        media_type: &str,
        bytes: &[u8],
    ) -> (String, String) {
        let (layer, config) = (self.blob(name, bytes), self.blob(name, b"{}"));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
            "layers": [{"mediaType": media_type, "digest": layer, "size": bytes.len()}],
        });
        (self.manifest((name, tag), &manifest), layer)
    }

    pub(crate) fn manifest(&self, (name, tag): (&str, &str), manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let kind = manifest["mediaType"].as_str().unwrap();
        let target = format!("/v2/{name}/manifests/{tag}");
        let (status, said) = self.ask("PUT", &target, kind, &bytes);
        assert_eq!(status, "201", "{said}");
        self.digest(&bytes)
    }

    pub(crate) fn blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = self.digest(bytes);
        let (status, head) = self.ask(
            "POST",
            &format!("/v2/{name}/blobs/uploads/"),
            "text/plain",
            b"",
        );
        assert_eq!(status, "202", "{head}");
        let location = head
            .lines()
            .find_map(|line| line.strip_prefix("Location: "));
        let location = location.unwrap_or_else(|| panic!("no place to put a blob: {head}"));
        let (_, target) = location.split_once(&self.host()).unwrap();
        let mark = if target.contains('?') { '&' } else { '?' };
        let target = format!("{target}{mark}digest={digest}");
        let (status, said) = self.ask("PUT", &target, "application/octet-stream", bytes);
        assert_eq!(status, "201", "{said}");
        digest
    }

    /// As sha256sum(1) says it.
    fn digest(&self, bytes: &[u8]) -> String {
        let file = self.place.path().join("bytes");
        std::fs::write(&file, bytes).unwrap();
        let said = run("sha256sum", &[&file.display().to_string()]);
        let said = String::from_utf8(said).unwrap();
        format!("sha256:{}", said.split_whitespace().next().unwrap())
    }

    /// The status, and the whole answer.
    fn ask(&self, method: &str, target: &str, kind: &str, body: &[u8]) -> (String, String) {
        let login = match self.open {
            Open::Everybody => String::new(),
            Open::Login => format!("Authorization: Basic {}\r\n", basic(LOGIN)),
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\n{login}\
             Content-Length: {}\r\n\r\n",
            self.host(),
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port.number())).unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        let status = said
            .split_whitespace()
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        (status, said.replace("\r\n", "\n"))
    }
}

pub(crate) fn basic((user, password): (&str, &str)) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}
