//! A node with `mode = "observe"` beside the real Flux: it says what it would change, and writes nothing.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;

use crate::from_flux::lead_by_flux;
use crate::house::{House, KUSTOMIZATION, config_map, is_ready, nested};
use crate::identity::{mint, token, user};
use crate::oracle;

const SOON: Duration = Duration::from_secs(60);

/// What the API server writes in forms of its own: quantities, defaults, empty fields, ports, what is base64.
const WORKLOAD: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, labels: {app: web}, annotations: {}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec:
      securityContext: {}
      containers:
        - name: web
          image: web:1
          args: ["--a", "--b"]
          env: [{name: A, value: ""}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
          ports: [{containerPort: 80}, {name: metrics, containerPort: 9090}]
          resources: {requests: {cpu: 1000m, memory: 1024Mi}, limits: {cpu: 2}}
          livenessProbe: {httpGet: {path: /, port: 80}}
          volumeMounts: [{name: conf, mountPath: /conf}, {name: all, mountPath: /all}]
      tolerations: [{key: a, operator: Exists}]
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      volumes:
        - {name: conf, configMap: {name: conf}}
        - name: all
          projected:
            sources: [{serviceAccountToken: {path: token}}, {configMap: {name: conf}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 80}, {name: metrics, port: 9090}]
---
apiVersion: v1
kind: Secret
metadata: {name: hush, namespace: default}
stringData: {password: canary-of-the-secret}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: default}
data: {cpu: 1000m, text: "a\nb\n"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: web}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: web}
roleRef: {kind: ClusterRole, name: web, apiGroup: rbac.authorization.k8s.io}
subjects: [{kind: User, name: someone}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: default}
spec:
  podSelector: {}
  ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: default}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: web, namespace: default}
spec:
  schedule: "0 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: job, image: "job:1", resources: {limits: {memory: "1e9"}}}]
"#;

/// What `windlass status` shows beside the observing agent.
fn status(house: &House) -> String {
    let socket = house.agent.path().join("control.sock");
    let arguments = ["status", "--agent-socket", socket.to_str().unwrap()];
    let shown = windlass(&house.control_plane.kubeconfig(User::Admin), &arguments);
    assert!(shown.status.success(), "{shown:?}");
    String::from_utf8(shown.stdout).unwrap()
}

fn wait_for_status(house: &House, what: &str, holds: impl Fn(&str) -> bool) -> String {
    let mut last = String::new();
    wait::until_true(what, SOON, || {
        last = status(house);
        let found = holds(&last);
        if !found {
            eprintln!("{last}");
        }
        found
    });
    last
}

/// Gives the objects that would change.
fn changes(status: &str) -> Vec<String> {
    let lines = status
        .lines()
        .skip_while(|line| !line.starts_with("WOULD CHANGE"));
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    let words = lines.filter_map(|line| line.split_whitespace().next());
    words.map(str::to_owned).collect()
}

#[test]
fn beside_flux_it_says_what_it_would_change_and_what_it_would_refuse_and_writes_nothing() {
    let Some(programs) = oracle::programs("controllers.sh") else {
        return;
    };
    let files = [
        (
            "apps/app.yaml",
            nested("app", "./app", json!({"interval": "2s"})),
        ),
        ("app/workload.yaml", WORKLOAD.to_owned()),
        (
            "kustomization.yaml",
            "resources: [apps/app.yaml]\n".to_owned(),
        ),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    let (mut flux, _) = lead_by_flux(&house, &programs);
    let app = ObjectRef::new(KUSTOMIZATION, "Kustomization", "flux-system", "app");
    house
        .admin()
        .wait_for("Flux to have applied the app", &app, is_ready);
    house.root_ready();

    let kubeconfig = mint(&house, &house.agent, "node-a", &["--rights", "observe"]);
    let kubeconfig = kubeconfig.display().to_string();
    house.agent.set("cluster", "kubeconfig", &kubeconfig);
    house.agent.set("node", "mode", "observe");
    let mark = house.control_plane.audit().mark();
    house.agent.start();
    let text = wait_for_status(&house, "everything to be looked at", |text| {
        text.contains("nothing would change (10 objects)")
    });
    assert!(changes(&text).is_empty(), "{text}");

    // Flux is away, and somebody changes something.
    flux.stop();
    let web = ObjectRef::new("apps/v1", "Deployment", "default", "web");
    house.admin().patch(&web, &json!({"spec": {"replicas": 5}}));
    let text = wait_for_status(&house, "the change to be seen", |text| {
        text.contains("1 of 10 objects would change")
    });
    let named = changes(&text);
    assert!(
        named.len() == 1 && named[0].contains("Deployment") && named[0].contains("web"),
        "{text}"
    );
    let row = text.lines().find(|line| line.contains("spec.replicas"));
    let row: Vec<&str> = row.expect(&text).split_whitespace().collect();
    assert_eq!(row[2..], ["spec.replicas", "5", "2"]);
    house.admin().patch(&web, &json!({"spec": {"replicas": 2}}));
    wait_for_status(&house, "the change to be gone", |text| {
        text.contains("nothing would change")
    });

    // What is in Git and not yet there, and what a Secret holds is not told.
    let secret = WORKLOAD.replace("canary-of-the-secret", "canary-of-another");
    let text = secret.replace("cpu: 1000m, text", "text");
    house
        .repo
        .publish(&[("app/workload.yaml", &text)], "Another", &house.signer);
    let text = wait_for_status(&house, "the news to be compared", |text| {
        text.contains("2 of 10 objects would change")
    });
    let named = changes(&text).join(" ");
    assert!(named.contains("Secret") && named.contains("conf"), "{text}");
    assert!(
        !text.contains("canary") && !text.contains("Y2FuYXJ5"),
        "{text}"
    );
    assert!(text.contains("***"), "{text}");

    house.repo.write("unsigned.yaml", "a: b\n");
    let unsigned = house.repo.commit_unsigned("Unsigned");
    house.repo.push();
    let text = wait_for_status(&house, "the commit to be refused", |text| {
        text.contains(&unsigned)
    });
    assert!(text.contains("WOULD BE REFUSED"), "{text}");

    let requests = house.control_plane.audit().all(mark);
    let by_node = requests.iter().filter(|one| one.user == user("node-a"));
    let by_node: Vec<_> = by_node.collect();
    assert!(!by_node.is_empty());
    for one in by_node {
        assert_eq!(one.verb.as_str(), reads(&one.verb), "{one:?}");
        assert_ne!(one.status, 403, "a right is missing: {one:?}");
    }
    assert_eq!(house.admin().get(&lease("windlass")), None);
    assert_eq!(house.admin().get(&lease("windlass-witness-node-a")), None);

    // It could not if it wanted to.
    let client = house.admin().with_token(&token(kubeconfig.as_ref()));
    let dry = format!(
        "{}?dryRun=All",
        house.admin().path(&config_map("default", "conf"))
    );
    let nothing = client.request("PATCH", &dry, "application/merge-patch+json", &json!({}));
    assert_eq!(nothing.status, 403);
    let account = "/api/v1/namespaces/flux-system/serviceaccounts/windlass-node-a/token";
    let renewal =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let renewed = client.request("POST", account, "application/json", &renewal);
    assert_eq!(renewed.status, 403);
    let read: Value = client.get(&config_map("default", "conf")).unwrap();
    assert_eq!(read["data"]["cpu"], "1000m");
}

/// The verb itself if it reads, else what it should have been.
fn reads(verb: &str) -> &str {
    match verb {
        "get" | "list" | "watch" => verb,
        _ => "only get, list and watch",
    }
}

fn lease(name: &str) -> ObjectRef {
    ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", name)
}
