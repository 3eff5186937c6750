//! The control plane: quick, several at once, and really Kubernetes.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::controlplane::{ControlPlane, Options, User};

#[test]
fn two_control_planes_run_at_the_same_time_and_know_nothing_of_each_other() {
    let start = Instant::now();
    let one = ControlPlane::start(&Options::api_server());
    eprintln!("API server ready after {:?}", start.elapsed());
    let other = ControlPlane::start(&Options::api_server());
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "here", "namespace": "default"}, "data": {"a": "1"},
    });
    one.admin().apply(&map);
    let map = ObjectRef::of(&map);
    assert!(one.admin().get(&map).is_some());
    assert!(other.admin().get(&map).is_none());
    assert_ne!(one.url(), other.url());
}

#[test]
fn a_deployment_becomes_ready_and_a_job_completes_and_a_crashing_pod_does_not() {
    let plane = ControlPlane::shared();
    let start = Instant::now();
    let namespace = plane.namespace("workloads");
    let pod = |annotations: serde_json::Value| {
        json!({
            "metadata": {"labels": {"app": "web"}, "annotations": annotations},
            "spec": {"containers": [{"name": "web", "image": "example/web:1"}]},
        })
    };
    let deployment = |name: &str, template: serde_json::Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
                     "template": template},
        })
    };
    let good = deployment("good", pod(json!({})));
    let bad = deployment("bad", pod(json!({"windlass.dev/pod": "crashing"})));
    let mut job_pod = pod(json!({}));
    job_pod["spec"]["restartPolicy"] = json!("Never");
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "once", "namespace": namespace}, "spec": {"template": job_pod},
    });
    plane
        .admin()
        .apply_all(&[good.clone(), bad.clone(), job.clone()]);
    plane
        .admin()
        .wait_for("3 of 3 ready", &ObjectRef::of(&good), |found| {
            found.pointer("/status/readyReplicas") == Some(&json!(3))
        });
    plane
        .admin()
        .wait_for("the Job to complete", &ObjectRef::of(&job), |found| {
            condition(found, "Complete").is_some_and(|complete| complete["status"] == "True")
        });
    eprintln!("Deployment and Job done after {:?}", start.elapsed());
    let crashing = plane.admin().list("v1", "Pod", &namespace, "");
    let waiting = crashing.iter().filter(|pod| {
        pod.pointer("/status/containerStatuses/0/state/waiting/reason")
            == Some(&json!("CrashLoopBackOff"))
    });
    assert_eq!(waiting.count(), 3);
}

#[test]
fn the_agents_user_is_held_by_rbac_and_the_tenant_has_no_rights() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("rights");
    let maps = ObjectRef::new("v1", "ConfigMap", &namespace, "");
    let path = plane.admin().path(&maps);
    let status = |user, method: &str, path: &str| {
        plane
            .client(user)
            .request(method, path, "application/json", &serde_json::Value::Null)
            .status
    };
    assert_eq!(status(User::Agent, "GET", &path), 200);
    assert_eq!(
        status(User::Agent, "DELETE", &path),
        403,
        "deletecollection is not granted"
    );
    assert_eq!(status(User::Tenant, "GET", &path), 403);
}

#[test]
fn the_audit_log_and_the_metrics_tell_who_asked_what() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("audited");
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "seen", "namespace": namespace}, "data": {},
    });
    let mark = plane.audit().mark();
    let before = plane.metrics().requests("APPLY", "configmaps", "");
    let answer = plane
        .client(User::Agent)
        .apply_as("kustomize-controller", &map);
    assert_eq!(answer.status, 201);
    let after = plane.metrics().requests("APPLY", "configmaps", "");
    assert!(after >= before + 1.0, "{before} {after}");
    let mut requests = plane.audit().requests(User::Agent, mark);
    requests.retain(|request| request.namespace == namespace);
    let [request] = requests.as_slice() else {
        panic!("one request, not {requests:?}")
    };
    assert_eq!(
        (request.verb.as_str(), request.resource.as_str()),
        ("patch", "configmaps")
    );
    assert_eq!((request.name.as_str(), request.status), ("seen", 201));
    assert!(request.writes());
}

#[test]
fn a_killed_api_server_comes_back_on_its_port_with_its_objects() {
    let plane = ControlPlane::start(&Options::api_server());
    let namespace = ObjectRef::new("v1", "Namespace", "", &plane.namespace("kept"));
    plane.kill_api_server();
    let refused = plane
        .admin()
        .try_request("GET", "/readyz", "text/plain", b"");
    assert!(refused.is_err(), "{refused:?}");
    plane.start_api_server();
    assert!(plane.admin().get(&namespace).is_some());
    plane.freeze_api_server();
    let (sender, answer) = std::sync::mpsc::channel();
    let client = plane.admin().clone();
    let asking = std::thread::spawn(move || sender.send(client.get(&namespace).is_some()));
    assert!(
        answer.recv_timeout(Duration::from_millis(300)).is_err(),
        "a frozen server is silent"
    );
    plane.thaw_api_server();
    assert_eq!(answer.recv_timeout(Duration::from_secs(30)), Ok(true));
    asking
        .join()
        .expect("no panic")
        .expect("the answer was awaited");
}
