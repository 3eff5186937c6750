//! Versity's gateway on a loopback port: a server that speaks S3, and what it takes to put objects into its buckets.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::certificates::Authority;
use windlass_kit::directory::Directory;
use windlass_kit::ports::Port;
use windlass_kit::process::Process;
use windlass_kit::wait;

use crate::oracle::programs;
use crate::repositories::run;

/// The access key and the secret key.
pub(crate) const KEYS: (&str, &str) = ("house", "correct-horse-battery");

pub(crate) struct Buckets {
    place: Directory,
    port: Port,
    authority: Option<Authority>,
    process: Process,
}

impl Buckets {
    /// With one bucket, `apps`. `None` where it cannot be built.
    pub(crate) fn start(authority: Option<Authority>) -> Option<Self> {
        let program = programs("s3.sh")?.pop()?;
        let (place, port) = (Directory::new("buckets"), Port::claim());
        let folder = |name: &str| {
            let folder = place.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            folder.display().to_string()
        };
        let address = format!("127.0.0.1:{}", port.number());
        let mut arguments = vec!["--port", &address, "--access", KEYS.0, "--secret", KEYS.1];
        let pair = authority.as_ref().map(|authority| {
            let pair = authority.server(&["127.0.0.1"]);
            let file = |name: &str, text: &str| {
                let file = place.path().join(name);
                std::fs::write(&file, text).unwrap();
                file.display().to_string()
            };
            file("ca.pem", &authority.certificate());
            (
                file("cert.pem", &pair.certificate),
                file("key.pem", &pair.key),
            )
        });
        if let Some((certificate, key)) = &pair {
            arguments.extend(["--cert", certificate, "--key", key]);
        }
        // What files cannot carry everywhere lies beside them.
        let (sidecar, objects) = (folder("sidecar"), folder("objects"));
        arguments.extend(["--keep-alive", "posix", "--sidecar", &sidecar, &objects]);
        let log = place.path().join("log");
        let process = Process::start("versitygw", &program, arguments, &[], &log);
        let buckets = Self {
            place,
            port,
            authority,
            process,
        };
        wait::until_true("the buckets to be served", Duration::from_secs(20), || {
            TcpStream::connect(("127.0.0.1", buckets.port.number())).is_ok()
        });
        buckets.ask(&["--request", "PUT"], "");
        Some(buckets)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    pub(crate) fn stop(&mut self) {
        self.process.kill();
    }

    /// The fields of a spec that lead to the bucket.
    pub(crate) fn fields(&self) -> Value {
        let mut fields = json!({
            "bucketName": "apps", "endpoint": self.endpoint(), "secretRef": {"name": "keys"},
            "insecure": self.authority.is_none(),
        });
        if self.authority.is_some() {
            fields["certSecretRef"] = json!({"name": "ca"});
        }
        fields
    }

    /// The Secrets that they name.
    pub(crate) fn secrets(&self) -> Vec<Value> {
        let authority = self.authority.as_ref();
        let ca = authority.map(|authority| json!({"ca.crt": authority.certificate()}));
        let keys = json!({"accesskey": KEYS.0, "secretkey": KEYS.1});
        let all = [("keys", Some(keys)), ("ca", ca)];
        let all = all.into_iter().filter_map(|(name, data)| {
            let metadata = json!({"name": name, "namespace": "flux-system"});
            let data = data?;
            Some(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))
        });
        all.collect()
    }

    /// Puts an object; `many/[1-9]` is as many.
    pub(crate) fn put(&self, key: &str, text: &str) {
        let file = self.place.path().join("body");
        std::fs::write(&file, text).unwrap();
        self.ask(
            &["--upload-file", &file.display().to_string()],
            &format!("/{key}"),
        );
    }

    /// What a console puts where somebody makes a folder.
    pub(crate) fn put_folder(&self, key: &str) {
        self.ask(&["--request", "PUT"], &format!("/{key}"));
    }

    pub(crate) fn delete(&self, key: &str) {
        self.ask(&["--request", "DELETE"], &format!("/{key}"));
    }

    /// How often it was asked for anything.
    pub(crate) fn requests(&self) -> usize {
        self.noted("| GET |")
    }

    /// How often it was asked for this object.
    pub(crate) fn fetched(&self, key: &str) -> usize {
        self.noted(&format!("| GET | /apps/{key} |"))
    }

    fn noted(&self, part: &str) -> usize {
        let log = std::fs::read_to_string(self.place.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains(part)).count()
    }

    /// curl(1) signs by itself. The key is escaped.
    fn ask(&self, options: &[&str], key: &str) {
        let login = format!("{}:{}", KEYS.0, KEYS.1);
        let scheme = match self.authority {
            Some(_) => "https",
            None => "http",
        };
        let url = format!("{scheme}://{}/apps{key}", self.endpoint());
        let ca = self.place.path().join("ca.pem").display().to_string();
        let mut arguments = vec![
            "--fail",
            "--silent",
            "--show-error",
            "--output",
            "/dev/null",
        ];
        arguments.extend(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
        arguments.extend(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &login]);
        if self.authority.is_some() {
            arguments.extend(["--cacert", &ca]);
        }
        arguments.extend(options);
        arguments.push(&url);
        run("curl", &arguments);
    }
}
