//! What Prometheus is told, judged by the real promtool, and the Services by which it and an Ingress find the nodes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;
use windlass_kit::directory::Directory;
use windlass_kit::ports::Port;
use windlass_kit::wait;

use crate::house::{GIT_REPOSITORY, House, nested};
use crate::oracle::{self, top};

const LIMIT: Duration = Duration::from_secs(60);
const ADDRESS: &str = "192.0.2.10";

/// The real promtool; none where Go cannot fetch it.
fn promtool() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| oracle::programs("promtool.sh")?.pop());
    found.as_deref()
}

/// Runs promtool over a text on its standard input.
fn judged(promtool: &Path, arguments: &[&str], input: &str) {
    let mut child = Command::new(promtool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?} {output:?}");
}

fn ask(port: &Port, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port.number())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
        .write_all(format!("{request} HTTP/1.1\r\nHost: node\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

fn service(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Service", "flux-system", name)
}

fn slice(name: &str) -> ObjectRef {
    ObjectRef::new("discovery.k8s.io/v1", "EndpointSlice", "flux-system", name)
}

/// The groups of the rules that are shipped, as Prometheus reads them; JSON is YAML.
fn rules() -> Value {
    let text = std::fs::read_to_string(top().join("packaging/prometheus/rules.yaml")).unwrap();
    let mut lines = text.lines().skip_while(|line| *line != "  groups:").skip(1);
    assert!(lines.clone().count() > 20);
    let body: String = lines.by_ref().map(|line| format!("{line}\n")).collect();
    Value::String(format!("groups:\n{body}"))
}

#[test]
fn promtool_takes_the_metrics_and_flux_dashboards_find_what_they_ask_for() {
    let (port, hooks) = (Port::claim(), Port::claim());
    let broken = nested("broken", "./nowhere", json!({}));
    let quiet = nested("quiet", "./nowhere", json!({"suspend": true}));
    let artifact = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "OCIRepository",
        "metadata": {"name": "app", "namespace": "flux-system"},
        "spec": {"interval": "1h", "url": "oci://127.0.0.1:9/app", "insecure": true},
    });
    let bucket = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "Bucket",
        "metadata": {"name": "apps", "namespace": "flux-system"},
        "spec": {"interval": "1h", "endpoint": "127.0.0.1:9", "bucketName": "apps", "insecure": true},
    });
    let (artifact, bucket) = (artifact.to_string(), bucket.to_string());
    let files = [
        ("broken.yaml", broken.as_str()),
        ("quiet.yaml", &quiet),
        ("artifact.yaml", &artifact),
        ("bucket.yaml", &bucket),
    ];
    let _house = House::start_with(&Options::api_server(), &files, |agent| {
        agent.set("metrics", "listen", &format!("127.0.0.1:{}", port.number()));
        agent.set(
            "receiver",
            "listen",
            &format!("127.0.0.1:{}", hooks.number()),
        );
        agent.set("node", "address", ADDRESS);
    });
    let name = r#"name="broken",namespace="flux-system""#;
    let not_ready = format!(
        r#"gotk_reconcile_condition{{kind="Kustomization",{name},type="Ready",status="False",reason="ArtifactFailed"}} 1.0"#
    );
    let failed = [
        r#"{kind="OCIRepository",name="app",namespace="flux-system",type="Ready",status="False""#,
        r#"{kind="Bucket",name="apps",namespace="flux-system",type="Ready",status="False""#,
        &not_ready,
    ];
    let text = wait::until("the broken ones to be told", LIMIT, || {
        let (status, text) = ask(&port, "GET /metrics");
        match status == 200 && failed.iter().all(|line| text.contains(line)) {
            true => Ok(text),
            false => Err(format!("{status}\n{text}")),
        }
    });
    for line in [
        r#"gotk_suspend_status{kind="Kustomization",name="quiet",namespace="flux-system"} 1.0"#,
        r#"gotk_reconcile_duration_seconds_count{kind="GitRepository",name="flux-system",namespace="flux-system"}"#,
        r#"gotk_suspend_status{kind="OCIRepository",name="app",namespace="flux-system"} 0.0"#,
        r#"gotk_suspend_status{kind="Bucket",name="apps",namespace="flux-system"} 0.0"#,
        r#"gotk_reconcile_duration_seconds_count{kind="OCIRepository",name="app",namespace="flux-system"}"#,
        r#"gotk_reconcile_duration_seconds_count{kind="Bucket",name="apps",namespace="flux-system"}"#,
        "windlass_leader 1.0",
        "windlass_paused 0.0",
        "windlass_split_view 0.0",
        r#"windlass_source_refused{name="flux-system",namespace="flux-system",reason=""} 0.0"#,
        r#"windlass_source_fetched_timestamp_seconds{name="flux-system",namespace="flux-system"} 1"#,
        r#"windlass_source_accepted_timestamp_seconds{name="flux-system",namespace="flux-system"} 1"#,
    ] {
        assert!(
            text.lines().any(|told| told.starts_with(line)),
            "{line}\n{text}"
        );
    }
    assert_eq!(ask(&port, "GET /").0, 404);
    assert_eq!(ask(&port, "POST /metrics").0, 405);
    // Whatever the rules and the dashboard ask for is told.
    let dashboard =
        std::fs::read_to_string(top().join("packaging/prometheus/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let asked: Vec<&str> = targets
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(asked.len() > 10);
    let shipped = rules();
    let every = [asked.as_slice(), &[shipped.as_str().unwrap()]]
        .concat()
        .join("\n");
    let words = every.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let metrics: Vec<&str> = words
        .filter(|word| word.starts_with("windlass_") || word.starts_with("gotk_"))
        .collect();
    assert!(metrics.len() > 15);
    for metric in metrics {
        assert!(text.contains(&format!("\n{metric}")), "{metric}\n{text}");
    }
    let Some(promtool) = promtool() else { return };
    judged(promtool, &["check", "metrics"], &text);
    let as_rules = json!({"groups": [{"name": "dashboard", "rules": asked.iter().enumerate().map(|(number, expr)|
        json!({"record": format!("panel:{number}"), "expr": expr})).collect::<Vec<_>>()}]});
    judged(promtool, &["check", "rules"], &as_rules.to_string());
}

#[test]
fn promtool_takes_the_rules_and_each_speaks_when_it_should() {
    let Some(promtool) = promtool() else { return };
    let place = Directory::new("rules");
    let file = place.path().join("rules.yaml");
    std::fs::write(&file, rules().as_str().unwrap()).unwrap();
    judged(promtool, &["check", "rules", file.to_str().unwrap()], "");
    let alert = |name: &str, at: &str, labels: Value| {
        let expected = if labels.is_null() {
            json!([])
        } else {
            json!([{"exp_labels": labels}])
        };
        json!({"eval_time": at, "alertname": name, "exp_alerts": expected})
    };
    let good = [
        (
            r#"windlass_node_info{instance="a",version="1",roots="x"}"#,
            "1+0x120",
        ),
        (r#"windlass_leader{instance="a"}"#, "1+0x120"),
    ];
    let bad = [
        (r#"windlass_split_view{instance="a"}"#, "1+0x120"),
        (
            r#"windlass_source_fetched_timestamp_seconds{name="s",namespace="n"}"#,
            "0+0x300",
        ),
        (
            r#"gotk_reconcile_condition{kind="K",name="k",namespace="n",type="Ready",status="False",reason="X"}"#,
            "1+0x120",
        ),
    ];
    let series = |all: &[(&str, &str)]| {
        let all = all
            .iter()
            .map(|(series, values)| json!({"series": series, "values": values}));
        all.collect::<Vec<_>>()
    };
    let (critical, warning) = ("critical", "warning");
    let tests = json!({"rule_files": ["rules.yaml"], "fuzzy_compare": true, "tests": [
        {"interval": "1m", "input_series": series(&good), "alert_rule_test": [
            alert("WindlassAbsent", "30m", Value::Null),
            alert("WindlassNobodyLeads", "30m", Value::Null),
            alert("FluxObjectNotReady", "30m", Value::Null),
        ]},
        {"interval": "1m", "input_series": series(&bad), "alert_rule_test": [
            {"eval_time": "30m", "alertname": "WindlassAbsent", "exp_alerts": [
                {"exp_labels": {"severity": critical}, "exp_annotations": {"summary": "No node tells of windlass any more."}}]},
            {"eval_time": "30m", "alertname": "WindlassNobodyLeads", "exp_alerts": [
                {"exp_labels": {"severity": critical}, "exp_annotations": {"summary": "No node leads. Nothing is applied or corrected."}}]},
            {"eval_time": "1m", "alertname": "WindlassSplitView", "exp_alerts": [
                {"exp_labels": {"severity": critical, "instance": "a"}, "exp_annotations":
                    {"summary": "A source shows a something else than it shows other nodes."}}]},
            {"eval_time": "4h", "alertname": "WindlassSourceNotFetched", "exp_alerts": [
                {"exp_labels": {"severity": warning, "name": "s", "namespace": "n"}, "exp_annotations":
                    {"summary": "n/s did not answer for three hours."}}]},
            {"eval_time": "20m", "alertname": "FluxObjectNotReady", "exp_alerts": [
                {"exp_labels": {"severity": warning, "kind": "K", "name": "k", "namespace": "n"}, "exp_annotations":
                    {"summary": "K n/k has not been ready for a quarter of an hour."}}]},
        ]},
    ]});
    let unit = place.path().join("tests.yaml");
    std::fs::write(&unit, tests.to_string()).unwrap();
    judged(promtool, &["test", "rules", unit.to_str().unwrap()], "");
}

#[test]
fn services_lead_to_the_node_that_listens_also_where_flux_left_its_own() {
    let (port, hooks) = (Port::claim(), Port::claim());
    let mut house = House::prepare(&Options::api_server(), &[("a.yaml", "")]);
    let admin = house.control_plane.admin();
    admin.apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}),
    );
    // As `flux install` and Kubernetes leave them.
    admin.apply(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "webhook-receiver", "namespace": "flux-system"},
        "spec": {"selector": {"app": "notification-controller"},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http-webhook"}]},
    }));
    admin.apply(&json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "webhook-receiver-abcde", "namespace": "flux-system", "labels": {
            "kubernetes.io/service-name": "webhook-receiver",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
        "ports": [{"name": "http", "port": 9292, "protocol": "TCP"}], "endpoints": [{"addresses": ["192.0.2.99"]}],
    }));
    house
        .agent
        .set("metrics", "listen", &format!("127.0.0.1:{}", port.number()));
    house.agent.set(
        "receiver",
        "listen",
        &format!("127.0.0.1:{}", hooks.number()),
    );
    house.agent.set("node", "address", ADDRESS);
    house.agent.start();
    house.root_ready();
    let admin = house.admin();
    admin.wait_gone(&slice("webhook-receiver-abcde"));
    for (name, port_name, number, listens) in [
        ("webhook-receiver", "http", 80, hooks.number()),
        ("windlass", "metrics", 9797, port.number()),
    ] {
        let there = admin.wait_for("a Service without a selector", &service(name), |service| {
            service["spec"].get("selector").is_none()
        });
        let ports = &there["spec"]["ports"][0];
        assert_eq!(
            (&ports["name"], &ports["port"]),
            (&json!(port_name), &json!(number))
        );
        let there = admin.wait_for("its slice", &slice(&format!("{name}-node-a")), |_| true);
        assert_eq!(there["ports"][0]["port"], listens);
        assert_eq!(there["endpoints"][0]["addresses"], json!([ADDRESS]));
        assert_eq!(
            there["metadata"]["labels"]["kubernetes.io/service-name"],
            name
        );
    }
}
