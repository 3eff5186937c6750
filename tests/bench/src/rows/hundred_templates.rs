//! A chart of a hundred templates: as a whole process beside the real helm, and its rendering beside Helm's own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use windlass_helm::{
    Capabilities, Chart, File, Operation, Release, Surroundings, load_files, render,
};
use windlass_kit::agent::binary;

use super::Scene;
use crate::report::{Reach, Row};
use crate::rival::{built, timed, write};
use crate::sample::Sample;

const TEMPLATES: usize = 100;

/// How often each program renders; they take turns.
const ROUNDS: usize = 11;

/// How often each library renders in a row.
const REPEAT: usize = 50;

pub(super) const SCENE: Scene = Scene {
    what: "a chart of 100 templates, rendered as a whole process and inside of one",
    rows: &["helm_template", "helm_render"],
    run,
};

fn run() -> Vec<Row> {
    let files = chart();
    let helm = built("helm.sh");
    vec![
        whole_process(&files, &helm.join("helm")),
        inside(&files, &helm.join("oracle")),
    ]
}

fn whole_process(files: &[(String, String)], helm: &Path) -> Row {
    let folder =
        tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the chart: {error}"));
    for (path, text) in files {
        write(&folder.path().join("web").join(path), text);
    }
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    let mut outputs = Vec::new();
    let programs = [
        (binary(), vec!["helm", "template"]),
        (helm.to_owned(), vec!["template"]),
    ];
    for _ in 0..ROUNDS {
        for ((program, command), times) in programs.iter().zip([&mut own, &mut theirs]) {
            let (time, output) = template(program, command, folder.path());
            times.push(time);
            outputs.push(output);
        }
    }
    assert!(
        outputs.iter().all(|output| *output == outputs[0]),
        "the two print different manifests"
    );
    let (own, theirs) = (Sample::of(own), Sample::of(theirs));
    let printed = outputs[0].len() as f64 / 1e6;
    Row {
        name: "helm_template",
        value: own.median(),
        unit: "ms",
        reach: Reach::Times {
            times: 0.05,
            rival: "helm template",
            needed: theirs.median(),
        },
        note: format!(
            "{printed:.2} MB of manifests; {}; helm {}",
            own.words(),
            theirs.words()
        ),
    }
}

fn template(program: &Path, command: &[&str], folder: &Path) -> (Duration, Vec<u8>) {
    let mut run = Command::new(program);
    run.args(command).arg("web").arg(folder.join("web"));
    timed(run.env("HOME", folder).env_remove("KUBECONFIG"))
}

/// Ours with everything up to the sorted manifests, Helm's up to the text of each template.
fn inside(files: &[(String, String)], oracle: &Path) -> Row {
    let loaded = files.iter().map(|(name, text)| File {
        name: name.clone(),
        data: text.as_bytes().into(),
    });
    let chart = load_files(loaded.collect()).unwrap_or_else(|error| panic!("the chart: {error}"));
    let release = Release {
        name: "web".to_owned(),
        namespace: "default".to_owned(),
        revision: 1,
        operation: Operation::Install,
        skips_schema: false,
    };
    // What is slow the first time only is the other row's.
    render_once(&chart, &release);
    let mut times = Vec::new();
    for _ in 0..REPEAT {
        let start = Instant::now();
        render_once(&chart, &release);
        times.push(start.elapsed());
    }
    let own = Sample::of(times);
    Row {
        name: "helm_render",
        value: own.median(),
        unit: "ms",
        reach: Reach::Times {
            times: 3.0,
            rival: "Helm's engine in a Go process",
            needed: theirs(files, oracle),
        },
        note: format!("{}; Helm the mean of {REPEAT}", own.words()),
    }
}

fn render_once(chart: &Chart, release: &Release) {
    let capabilities = Capabilities::offline();
    let rendered = render(chart, &Map::new(), release, &capabilities, &Still)
        .unwrap_or_else(|error| panic!("the chart does not render: {error}"));
    assert_eq!(rendered.manifests.len(), TEMPLATES, "objects");
}

/// What one rendering takes Helm, in ms.
fn theirs(files: &[(String, String)], oracle: &Path) -> f64 {
    use base64::Engine as _;
    let encoded = files.iter().map(|(name, text)| {
        json!({"name": name, "data": base64::engine::general_purpose::STANDARD.encode(text)})
    });
    let request = json!({
        "files": encoded.collect::<Vec<_>>(), "values": "", "name": "web", "namespace": "default",
        "repeat": REPEAT,
    });
    let mut child = Command::new(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", oracle.display()));
    let mut answer = String::new();
    if let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) {
        let asked = writeln!(input, "{request}");
        drop(input);
        let answered = asked.and_then(|()| BufReader::new(output).read_line(&mut answer));
        answered.unwrap_or_else(|error| panic!("{}: {error}", oracle.display()));
    }
    let _ = child.wait();
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    let nanoseconds = answer["nanoseconds"].as_f64();
    nanoseconds.unwrap_or_else(|| panic!("Helm could not render: {answer}")) / 1e6
}

/// A world in which nothing moves.
struct Still;

impl Surroundings for Still {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(json!({}))
    }
}

/// A chart as they are written by hand: names, labels and images out of helpers, values with defaults.
fn chart() -> Vec<(String, String)> {
    let mut files = vec![
        (
            "Chart.yaml".to_owned(),
            "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: \"4.5\"\n".to_owned(),
        ),
        ("templates/_helpers.tpl".to_owned(), HELPERS.to_owned()),
    ];
    let mut values = VALUES.to_owned();
    for number in 0..TEMPLATES {
        values.push_str(&format!(
            "  part{number}:\n    replicas: {}\n    port: {}\n    env: {{STAGE: prod, NUMBER: \"{number}\"}}\n",
            number % 5,
            8000 + number
        ));
        let (kind, body) = if number % 4 == 3 {
            ("service", SERVICE)
        } else {
            ("deployment", DEPLOYMENT)
        };
        files.push((
            format!("templates/{number:02}-{kind}.yaml"),
            body.replace("PART", &format!("part{number}")),
        ));
    }
    files.push(("values.yaml".to_owned(), values));
    files
}

const HELPERS: &str = r#"{{- define "web.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "web.fullname" -}}
{{- $name := include "web.name" .root -}}
{{- if contains $name .root.Release.Name -}}
{{- printf "%s-%s" .root.Release.Name .part | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s-%s" .root.Release.Name $name .part | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- define "web.selector" -}}
app.kubernetes.io/name: {{ include "web.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}
{{- define "web.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "web.selector" . }}
{{- if .root.Chart.AppVersion }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- define "web.image" -}}
{{- $image := .root.Values.image -}}
{{- printf "%s/%s:%s" $image.registry $image.repository (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}
"#;

const VALUES: &str = "nameOverride: \"\"
commonLabels: {team: one, tier: backend}
image: {registry: registry.example.org, repository: team/web, tag: \"\", pullPolicy: IfNotPresent}
podAnnotations: {example.org/scrape: \"true\"}
resources:
  requests: {cpu: 100m, memory: 128Mi}
  limits: {memory: 256Mi}
nodeSelector: {kubernetes.io/os: linux}
tolerations:
- {key: dedicated, operator: Equal, value: web, effect: NoSchedule}
parts:
";

const DEPLOYMENT: &str = r#"{{- $part := index .Values.parts "PART" -}}
{{- $context := dict "root" . "part" "PART" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "web.fullname" $context }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "web.labels" $context | nindent 4 }}
spec:
  replicas: {{ $part.replicas }}
  selector:
    matchLabels:
      {{- include "web.selector" $context | nindent 6 }}
  template:
    metadata:
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      labels:
        {{- include "web.labels" $context | nindent 8 }}
    spec:
      containers:
      - name: {{ .Chart.Name }}
        image: {{ include "web.image" $context | quote }}
        imagePullPolicy: {{ .Values.image.pullPolicy }}
        ports:
        - name: http
          containerPort: {{ $part.port }}
        env:
        {{- range $name, $value := $part.env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
        {{- if .Values.resources }}
        resources:
          {{- toYaml .Values.resources | nindent 10 }}
        {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
"#;

const SERVICE: &str = r#"{{- $part := index .Values.parts "PART" -}}
{{- $context := dict "root" . "part" "PART" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "web.fullname" $context }}
  labels:
    {{- include "web.labels" $context | nindent 4 }}
  annotations:
    example.org/sum: {{ toJson $part | sha256sum | trunc 16 | quote }}
spec:
  selector:
    {{- include "web.selector" $context | nindent 4 }}
  ports:
  - name: http
    port: {{ $part.port | int }}
    targetPort: http
"#;
