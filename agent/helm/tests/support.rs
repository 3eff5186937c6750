//! Requests as the oracle takes them, and the same ones answered by the room.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use windlass_helm::{
    Capabilities, File, KubeVersion, Operation, Release, Setting, Surroundings, load_archive,
    load_files, read_values, render, set,
};

/// A world whose clock stands still and whose randomness counts.
pub(crate) struct Still;

impl Surroundings for Still {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static STATE: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
        for byte in bytes {
            let mut state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = u8::try_from((state >> 32) & 0xff).unwrap();
        }
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(json!({}))
    }
}

/// What is rendered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) archive: Vec<u8>,
    pub(crate) values: String,
    pub(crate) upgrade: bool,
    pub(crate) kube_version: Option<String>,
    pub(crate) api_versions: Vec<String>,
    /// Kind and text of `--set` and its kin.
    pub(crate) settings: Vec<(String, String)>,
    /// Whether errors only have to be errors: both refuse, in words of their own.
    pub(crate) loose: bool,
}

// === impl Request ===

impl Request {
    /// A chart with one template whose text is shown.
    pub(crate) fn of_template(template: &str, values: &str) -> Self {
        let chart = "apiVersion: v2\nname: probe\nversion: 1.2.3\nappVersion: \"4.5\"\nkeywords: [a, b]\nannotations: {one: two}\nmaintainers: [{name: Ada, email: a@example.org}]\n";
        let files = [
            ("Chart.yaml", chart),
            ("values.yaml", values),
            ("config/a.txt", "alpha\nbeta\n"),
            ("config/b.yaml", "b: 1\n"),
            ("templates/NOTES.txt", template),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        Self {
            files: files.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|(name, data)| json!({"name": name, "data": encode(data)}))
            .collect();
        let settings = self.settings.iter();
        let settings: Vec<Value> = settings
            .map(|(kind, text)| json!({"kind": kind, "text": text}))
            .collect();
        json!({
            "files": files,
            "set": settings,
            "archive": encode(&self.archive),
            "values": self.values,
            "name": "demo",
            "namespace": "space",
            "upgrade": self.upgrade,
            "kubeVersion": self.kube_version.clone().unwrap_or_default(),
            "apiVersions": self.api_versions,
        })
    }

    /// What the room makes of it.
    pub(crate) fn answer(&self) -> Value {
        match self.render() {
            Ok(answer) => answer,
            Err(error) => json!({"error": error}),
        }
    }

    fn render(&self) -> Result<Value, String> {
        let chart = if self.archive.is_empty() {
            let files = self.files.iter().map(|(name, data)| File {
                name: name.clone(),
                data: data.clone().into(),
            });
            load_files(files.collect())
        } else {
            load_archive(&self.archive)
        };
        let chart = chart.map_err(|error| error.to_string())?;
        let mut values = read_values(self.values.as_bytes())?;
        for (kind, text) in &self.settings {
            setting(kind, text, &mut values)?;
        }
        let mut capabilities = Capabilities::offline();
        if let Some(version) = &self.kube_version {
            capabilities.kube_version = KubeVersion::parse(version).ok_or("no version")?;
        }
        let more = self.api_versions.iter().cloned();
        capabilities.api_versions.extend(more);
        let release = Release {
            name: "demo".to_owned(),
            namespace: "space".to_owned(),
            revision: 1,
            operation: if self.upgrade {
                Operation::Upgrade
            } else {
                Operation::Install
            },
            skips_schema: false,
        };
        let rendered = render(&chart, &values, &release, &capabilities, &Still)
            .map_err(|error| error.to_string())?;
        let mut answer = serde_json::Map::new();
        let manifest = rendered.manifest();
        if !manifest.is_empty() {
            answer.insert("manifest".to_owned(), manifest.into());
        }
        if !rendered.notes.is_empty() {
            answer.insert("notes".to_owned(), rendered.notes.clone().into());
        }
        let hooks: Vec<Value> = rendered.hooks.iter().map(hook).collect();
        if !hooks.is_empty() {
            answer.insert("hooks".to_owned(), hooks.into());
        }
        Ok(answer.into())
    }
}

pub(crate) fn setting(
    kind: &str,
    text: &str,
    values: &mut serde_json::Map<String, Value>,
) -> Result<(), String> {
    let setting = match kind {
        "set" => Setting::Typed,
        "string" => Setting::Text,
        "json" => Setting::Json,
        "literal" => Setting::Literal,
        "file" => Setting::File(&|path| Ok(format!("content of {path}"))),
        other => return Err(format!("no setting is called {other:?}")),
    };
    set(values, setting, text)
}

fn hook(hook: &windlass_helm::Hook) -> Value {
    let events: Vec<&str> = hook.events.iter().map(|event| event.as_str()).collect();
    json!({
        "name": hook.name,
        "kind": hook.kind,
        "path": hook.path,
        "manifest": hook.manifest,
        "events": events,
        "weight": hook.weight,
        "deletePolicies": hook.delete_policies,
        "outputLogPolicies": hook.output_log_policies,
    })
}

/// The real Helm, or Flux's helm-controller, running.
pub(crate) struct Oracle {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

// === impl Oracle ===

impl Oracle {
    /// Starts the oracle; none where it was never built (`tests/oracles/helm.sh` builds it).
    pub(crate) fn start() -> Option<Self> {
        Self::of("helm.sh")
    }

    /// Starts the oracle of helm-controller; none where it was never built.
    pub(crate) fn of_flux() -> Option<Self> {
        Self::of("helm-controller.sh")
    }

    fn of(script: &str) -> Option<Self> {
        let path = root().join("../../tests/oracles").join(script);
        let found = Command::new(path).arg("--built").output().unwrap();
        if !found.status.success() {
            let mut stderr = std::io::stderr();
            writeln!(
                stderr,
                "SKIPPED: the real program is not built; tests/oracles/{script} builds it"
            )
            .unwrap();
            return None;
        }
        let folder = String::from_utf8(found.stdout).unwrap();
        let mut child = Command::new(Path::new(folder.trim()).join("oracle"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self {
            child,
            input,
            output,
        })
    }

    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        let mut line = serde_json::to_vec(request).unwrap();
        line.push(b'\n');
        self.input.write_all(&line).unwrap();
        self.input.flush().unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Runs random cases: the same ones each time, unless the environment asks for more or for others.
pub(crate) fn runner(cases: u32) -> TestRunner {
    let asked = |name: &str| Some(std::env::var(name).ok()?.parse::<u32>().unwrap());
    let config = Config {
        cases: asked("WINDLASS_HELM_CASES").unwrap_or(cases),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let mut seed = [7; 32];
    let seed_given = asked("WINDLASS_HELM_SEED").unwrap_or_default();
    seed[..4].copy_from_slice(&seed_given.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// The room's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether two answers agree: the same text, or errors of the same kind.
pub(crate) fn agree(helm: &Value, ours: &Value, loose: bool) -> bool {
    match (error_of(helm), error_of(ours)) {
        (Some(_), Some(_)) if loose => true,
        (None, None) => helm == ours,
        (Some(helm), Some(ours)) => {
            place_of(&helm) == place_of(&ours) && findings(&helm) == findings(&ours)
        }
        _ => false,
    }
}

/// What a schema finds wrong: the lines without causes of their own, in any order, because Helm has them in any;
/// formats without the reason.
fn findings(error: &str) -> BTreeSet<String> {
    let lines: Vec<&str> = error.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        let more = lines
            .get(index + 1)
            .is_some_and(|next| indent(next) > indent(line));
        if line.trim_start().starts_with("- at ") && !more {
            let line = line.trim_start();
            let end = line.find(" is not valid ").map_or(line.len(), |start| {
                let format = line[start..].find(": ");
                format.map_or(line.len(), |end| start + end)
            });
            let mut words: Vec<&str> = line[..end].split([',', ' ']).collect();
            if line.contains("additional properties ") {
                words.sort_unstable();
            }
            found.insert(words.join(" "));
        }
    }
    found
}

fn error_of(answer: &Value) -> Option<String> {
    Some(answer.get("error")?.as_str()?.to_owned())
}

/// The first place an error names: file, line and column.
fn place_of(error: &str) -> Option<String> {
    let start = error.find("probe/")?;
    let rest = &error[start..];
    let end = rest
        .find(|c: char| c.is_whitespace() || c == ')')
        .unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches(':').to_owned())
}
