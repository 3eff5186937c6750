//! 100 Kustomizations of 11 objects: the first sync, and what the agent costs when nothing happens.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::controlplane::User;

use super::Scene;
use super::hundred_objects::{requests, words};
use crate::house::{House, KUSTOMIZATION, config_map, is_ready, kustomization, root};
use crate::report::{Reach, Row};

const KUSTOMIZATIONS: usize = 100;
const OBJECTS: usize = 11;
/// Long enough for the root's interval (1 minute by default) to come by once.
const REST: Duration = Duration::from_secs(60);
/// A figure missed by so much is not worth more waiting.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the first sync leaves to be done (events, watches of new kinds) is done by then.
const SETTLE: Duration = Duration::from_secs(5);

pub(super) const SCENE: Scene = Scene {
    what: "100 Kustomizations of 11 objects: the first sync, then two minutes at rest",
    rows: &[
        "hundred_kustomizations",
        "rest_memory",
        "rest_processor",
        "rest_requests",
        "rest_fsync",
    ],
    run,
};

fn run() -> Vec<Row> {
    let names: Vec<String> = (0..KUSTOMIZATIONS)
        .map(|number| format!("app-{number:03}"))
        .collect();
    let mut files = Vec::new();
    for (number, name) in names.iter().enumerate() {
        // As many passes a minute as 100 Kustomizations at the usual 10 minutes have.
        let interval = if number % 10 == 0 { "1m" } else { "10m" };
        let manifest = kustomization(name, &format!("./apps/{name}"), interval);
        files.push((format!("root/{name}.yaml"), manifest.to_string()));
        for (place, object) in app(name).iter().enumerate() {
            files.push((
                format!("apps/{name}/{place:02}.yaml"),
                format!("{object:#}\n"),
            ));
        }
    }
    let mut house = House::prepare("./root", &files);
    let mut rows = vec![first_sync(&mut house)];
    std::thread::sleep(SETTLE);
    rows.extend(at_rest(&house));
    rows.push(fsyncs(&house));
    rows
}

/// From the start of the agent on an empty cluster until all Kustomizations are Ready.
fn first_sync(house: &mut House) -> Row {
    let start = Instant::now();
    house.agent.start();
    let root_ready = house.poll(&root(), |found| found.is_some_and(is_ready)) - start;
    loop {
        let found = house
            .admin()
            .list(KUSTOMIZATION, "Kustomization", "flux-system", "");
        let ready = found.iter().filter(|found| is_ready(found)).count();
        if ready == KUSTOMIZATIONS + 1 {
            break;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{ready} are ready after {PATIENCE:?}"
        );
        // A list of this size costs the API server some milliseconds: not more often.
        std::thread::sleep(Duration::from_millis(50));
    }
    let took = start.elapsed();
    let applied = house
        .admin()
        .list("v1", "ConfigMap", "", "labelSelector=bench");
    assert_eq!(applied.len(), 4 * KUSTOMIZATIONS, "Ready must mean applied");
    Row {
        name: "hundred_kustomizations",
        value: took.as_secs_f64(),
        unit: "s",
        reach: Reach::AtMost(10.0),
        note: format!(
            "from the agent's start on an empty cluster; the root was ready after {:.2} s; \
             the agent used {:.2} s of processor time",
            root_ready.as_secs_f64(),
            house.agent.processor_time().as_secs_f64()
        ),
    }
}

/// One minute in which nothing happens.
fn at_rest(house: &House) -> [Row; 3] {
    let (before, mark) = (
        house.agent.processor_time(),
        house.control_plane.audit().mark(),
    );
    let (start, polls) = (Instant::now(), house.git.requests().len());
    std::thread::sleep(REST);
    let polls = house.git.requests().len() - polls;
    assert!(polls > 0, "at rest the agent still asks for news");
    let used = house.agent.processor_time() - before;
    let memory = house.agent.memory();
    let asked = requests(house, mark);
    let told: Vec<String> = asked.iter().map(words).collect();
    let (memory, count) = (memory as f64 / 1e6, asked.len() as f64);
    [
        Row {
            name: "rest_memory",
            value: memory,
            unit: "MB",
            reach: Reach::AtMost(40.0),
            note: format!(
                "PSS of all {} processes after a minute; at most {:.1} MB were resident before",
                house.agent.processes().len(),
                peak(house) as f64 / 1e6
            ),
        },
        Row {
            name: "rest_processor",
            value: 100.0 * used.as_secs_f64() / start.elapsed().as_secs_f64(),
            unit: "% of a core",
            reach: Reach::AtMost(1.0),
            note: format!(
                "{} ms in a minute, in which the Git server was asked {polls} times and ten \
                 Kustomizations had their regular pass",
                used.as_millis()
            ),
        },
        Row {
            name: "rest_requests",
            value: count,
            unit: "a minute",
            reach: Reach::AtMost(0.0),
            note: format!(
                "but for {}; others: {}",
                expected(house, mark),
                told.join(", ")
            ),
        },
    ]
}

/// The most memory that its processes have had resident, shared pages counted in each.
fn peak(house: &House) -> u64 {
    let peaks = house.agent.processes().into_iter().filter_map(|(pid, _)| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    peaks.sum::<u64>() * 1024
}

/// Watches and renewals of Leases in the minute, counted in words.
fn expected(house: &House, mark: windlass_kit::controlplane::audit::Mark) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for record in house.control_plane.audit().requests(User::Agent, mark) {
        if record.verb == "watch" || record.resource == "leases" {
            *counts
                .entry(format!("{} {}", record.verb, record.resource))
                .or_default() += 1;
        }
    }
    let words = counts.iter().map(|(what, count)| format!("{count} {what}"));
    words.collect::<Vec<_>>().join(", ")
}

/// Another minute, under strace, which would spoil the processor time of the first.
fn fsyncs(house: &House) -> Row {
    let row = |value, note| Row {
        name: "rest_fsync",
        value,
        unit: "a minute",
        reach: Reach::AtMost(0.0),
        note,
    };
    match traced_calls(house) {
        Ok(calls) => {
            let note = format!("under strace, a further minute: {}", calls.join("; "));
            row(calls.len() as f64, note)
        }
        Err(problem) => row(f64::INFINITY, problem),
    }
}

/// The calls that force something to the disk; `Err` says why they cannot be counted here.
fn traced_calls(house: &House) -> Result<Vec<String>, String> {
    let [calls, words] = ["fsync.log", "strace.log"].map(|name| house.agent.path().join(name));
    let errors = File::create(&words).expect("the kit's folder is writable");
    let mut strace = Command::new("strace");
    strace.args([
        "--follow-forks",
        "--trace=fsync,fdatasync,sync_file_range,syncfs,sync,msync",
    ]);
    strace.arg("--output").arg(&calls).stderr(errors);
    for (pid, _) in house.agent.processes() {
        strace.arg("--attach").arg(pid.to_string());
    }
    let mut strace = strace.spawn().map_err(|error| {
        format!("strace is needed ({error}); install it: apt-get install strace")
    })?;
    let is_traced = || {
        house
            .agent
            .processes()
            .iter()
            .all(|(pid, _)| is_traced(*pid))
    };
    let start = Instant::now();
    while !is_traced() {
        if start.elapsed() > Duration::from_secs(10) {
            let words = std::fs::read_to_string(&words).unwrap_or_default();
            let _ = strace.kill().and_then(|()| strace.wait());
            return Err(format!("strace cannot attach; run this as root: {words}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(REST);
    assert!(is_traced(), "strace was there to the end");
    // It detaches when it is asked to end.
    let interrupted = Command::new("kill")
        .args(["-INT", &strace.id().to_string()])
        .status();
    assert!(
        interrupted.is_ok_and(|status| status.success()),
        "strace can be ended"
    );
    strace.wait().expect("our own child can be waited for");
    let calls = std::fs::read_to_string(&calls).expect("strace writes its log");
    Ok(calls
        .lines()
        .filter(|line| line.contains("sync"))
        .map(str::to_owned)
        .collect())
}

fn is_traced(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
}

/// The 11 objects of one application, all of kinds that are healthy without a controller.
fn app(name: &str) -> Vec<Value> {
    let object = |api: &str, kind: &str, body: Value| {
        let mut object = body;
        object["apiVersion"] = json!(api);
        object["kind"] = json!(kind);
        object["metadata"] = json!({"name": name, "namespace": name, "labels": {"app": name}});
        object
    };
    let rbac = "rbac.authorization.k8s.io/v1";
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
    let account = json!([{"kind": "ServiceAccount", "name": name, "namespace": name}]);
    let rules =
        json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "watch"]}]);
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080}]);
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        object("v1", "ServiceAccount", json!({})),
        object(
            "v1",
            "Secret",
            json!({"stringData": {"token": format!("token-of-{name}")}}),
        ),
        object(
            "v1",
            "Service",
            json!({"spec": {"selector": {"app": name}, "ports": ports}}),
        ),
        object(rbac, "Role", json!({"rules": rules})),
        object(
            rbac,
            "RoleBinding",
            json!({"roleRef": role, "subjects": account}),
        ),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {"matchLabels": {"app": name}}, "ingress": [{}]}}),
        ),
    ];
    objects.extend((objects.len()..OBJECTS).map(|number| {
        let mut config = config_map(name, &format!("{name}-{number}"), "blue");
        config["metadata"]["labels"]["bench"] = json!("true");
        config
    }));
    objects
}
