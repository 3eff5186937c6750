//! Never two at once: windlass nodes among themselves, and windlass against Flux.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use windlass_kit::agent::Agent;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;

use crate::house::{House, config_map};

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  \
                        namespace: default\ndata:\n  colour: blue\n";
const FLUX_LEASES: [&str; 2] = [
    "source-controller-leader-election",
    "kustomize-controller-leader-election",
];
pub(crate) const TERM: Duration = Duration::from_secs(5);

pub(crate) fn short_terms(agent: &mut Agent) {
    agent.set("leadership", "lease_duration", "5s");
    agent.set("leadership", "renew_deadline", "3s");
    agent.set("leadership", "retry_period", "1s");
}

fn lease(name: &str) -> ObjectRef {
    ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", name)
}

pub(crate) fn holder(house: &House) -> String {
    let lease = house.admin().get(&lease("windlass")).unwrap_or_default();
    let holder = lease
        .pointer("/spec/holderIdentity")
        .and_then(Value::as_str);
    holder.unwrap_or_default().to_owned()
}

/// A house with a second node, whose agent stands by.
fn two_nodes() -> (House, Agent) {
    let house = House::start_with(
        &Options::api_server(),
        &[("settings.yaml", SETTINGS)],
        short_terms,
    );
    assert!(holder(&house).starts_with("node-a_"), "{}", holder(&house));
    let mut second = house.second_agent();
    short_terms(&mut second);
    second.start();
    wait::until_true("the second node to fetch", TERM * 4, || {
        second.log().contains("accepted")
    });
    (house, second)
}

fn drift_is_undone(house: &House) {
    let settings = config_map("default", "settings");
    let red = json!({"data": {"colour": "red"}});
    house.admin().patch(&settings, &red);
    house
        .admin()
        .wait_for("the change to be undone", &settings, |settings| {
            settings["data"]["colour"] == "blue"
        });
}

#[test]
fn the_second_node_takes_over_after_a_clean_stop_at_once_and_after_a_crash_in_time() {
    let (mut house, second) = two_nodes();
    let start = Instant::now();
    house.agent.stop();
    wait::until_true("the second node to lead", TERM * 4, || {
        holder(&house).starts_with("node-b_")
    });
    let taken = start.elapsed();
    assert!(
        taken < TERM,
        "a Lease that was given back is taken at once, not after {taken:?}"
    );
    drift_is_undone(&house);

    // The first node stands by now; the second one dies.
    house.agent.start();
    wait::until_true("the first node to know it stands by", TERM * 4, || {
        house.agent.log().matches("accepted").count() >= 2
    });
    let mut second = second;
    second.kill();
    wait::until_true("the first node to lead", TERM * 4, || {
        holder(&house).starts_with("node-a_")
    });
    drift_is_undone(&house);
}

#[test]
fn a_leader_that_slept_past_its_term_writes_nothing_when_it_wakes() {
    let (mut house, second) = two_nodes();
    house.agent.signal(Signal::SIGSTOP);
    wait::until_true("the second node to lead", TERM * 4, || {
        holder(&house).starts_with("node-b_")
    });
    wait::until_true("the second node to reconcile", TERM * 4, || {
        second.log().contains("this node leads")
    });
    // There is work that both would do: a push that only the second one has seen, and a drift.
    let green = SETTINGS.replace("blue", "green");
    let commit = house.push(&[("settings.yaml", &green)], "Make it green");
    house.applied(&commit);
    let settings = house.admin().get(&config_map("default", "settings"));
    let before = settings.unwrap()["metadata"]["resourceVersion"].clone();
    let mark = house.control_plane.audit().mark();
    house.agent.signal(Signal::SIGCONT);
    wait::until_true("the first node to notice", TERM * 4, || {
        house.agent.log().contains("this node stands by")
    });
    wait::holds(
        "nothing of the stale leader's",
        Duration::from_secs(2),
        || {
            let now = house.admin().get(&config_map("default", "settings"));
            now.unwrap()["metadata"]["resourceVersion"] == before
        },
    );
    let written = house.control_plane.audit().requests(User::Agent, mark);
    let stale: Vec<_> = written
        .iter()
        .filter(|request| request.writes() && request.resource != "leases")
        .collect();
    assert!(stale.is_empty(), "{stale:#?}");
    assert!(holder(&house).starts_with("node-b_"));
    drop(second);
}

#[test]
fn flux_and_windlass_never_lead_at_the_same_time() {
    let mut house = House::prepare(&Options::api_server(), &[("settings.yaml", SETTINGS)]);
    let admin = house.admin();
    admin.apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}),
    );
    let flux = "source-controller-6ff87cb475-xyz_5d1f";
    let held = |holder: &str| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": FLUX_LEASES[0], "namespace": "flux-system"},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 35,
                "renewTime": now(), "acquireTime": now(), "leaseTransitions": 3}})
    };
    admin.apply(&held(flux));
    short_terms(&mut house.agent);
    house.agent.start();
    wait::until_true("windlass to say that Flux leads", TERM * 4, || {
        house.agent.log().contains(flux)
    });
    assert!(house.agent.log().contains("stands by"));
    let admin = house.admin();
    wait::holds("Flux's turn", Duration::from_secs(2), || {
        admin.get(&config_map("default", "settings")).is_none()
    });
    // Flux has ended and given its Lease back.
    admin.apply(&held(""));
    house.root_ready();
    let admin = house.admin();
    for name in FLUX_LEASES {
        let lease = admin.get(&lease(name)).unwrap();
        assert_eq!(lease["spec"]["holderIdentity"], "windlass", "{name}");
        assert_eq!(lease["spec"]["leaseDurationSeconds"], 900, "{name}");
    }
    // A clean stop keeps them: a Flux that is waiting must not jump in.
    house.agent.stop();
    for name in FLUX_LEASES {
        let lease = house.admin().get(&lease(name)).unwrap();
        assert_eq!(lease["spec"]["holderIdentity"], "windlass", "{name}");
    }
}

#[test]
fn a_flux_without_leader_election_is_named_and_nothing_is_written_beside_it() {
    let mut house = House::prepare(&Options::api_server(), &[("settings.yaml", SETTINGS)]);
    let admin = house.admin();
    admin.apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}),
    );
    admin.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": "flux-system"}}));
    let pod = |name: &str, arguments: Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "flux-system", "labels": {
                "app": "kustomize-controller", "app.kubernetes.io/part-of": "flux"}},
            "spec": {"containers": [
                {"name": "manager", "image": "example.org/kustomize-controller", "args": arguments}]}})
    };
    let alone = admin.apply(&pod(
        "kustomize-controller-alone",
        json!(["--log-level=info"]),
    ));
    admin.apply(&pod(
        "kustomize-controller-held",
        json!(["--enable-leader-election"]),
    ));
    house.agent.start();
    wait::until_true("windlass to name the pod", TERM * 4, || {
        house
            .agent
            .log()
            .contains("flux-system/kustomize-controller-alone")
    });
    assert!(!house.agent.log().contains("kustomize-controller-held"));
    wait::holds("Flux's turn", Duration::from_secs(2), || {
        house
            .admin()
            .get(&config_map("default", "settings"))
            .is_none()
    });
    house.admin().delete(&ObjectRef::of(&alone));
    house.root_ready();
}

/// Now, as a Lease writes it.
fn now() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
