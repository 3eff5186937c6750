//! Random objects of many kinds, with names out of a small pool so that they refer to each other.

use serde_json::{Value, json};

use super::random::Random;

pub(crate) const NAMES: &[&str] = &["web", "api", "db", "settings", "a.b"];
pub(crate) const NAMESPACES: &[&str] = &["one", "two", "default"];
const IMAGES: &[&str] = &[
    "nginx",
    "nginx:1.25",
    "registry.example:5000/team/app:2",
    "app@sha256:12ab",
    "app:3@sha256:12ab",
];
/// Texts that YAML could take for something else.
pub(crate) const TEXTS: &[&str] = &[
    "plain",
    "on",
    "1.10",
    "null",
    "~",
    "0x1f",
    "two\nlines\n",
    "a: b",
    "#no",
    "",
    "12",
    "true",
    "2024-01-01",
    "x'y",
    "long text that goes on and on so that a printer that folds its lines at eighty columns has to fold",
];

const KINDS: &[&str] = &[
    "Deployment",
    "Deployment",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Pod",
    "Service",
    "Service",
    "ConfigMap",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "Ingress",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "Namespace",
    "ValidatingWebhookConfiguration",
    "CustomResourceDefinition",
    "Widget",
    "APIService",
];

/// A random object.
pub(crate) fn object(random: &mut Random) -> Value {
    let kind = *random.pick(KINDS);
    let mut object =
        json!({"apiVersion": api_version(kind), "kind": kind, "metadata": metadata(random, kind)});
    let fields = object.as_object_mut().unwrap();
    let (field, content) = content(random, kind);
    if let Some(content) = content {
        fields.insert(field.to_owned(), content);
    }
    match kind {
        "RoleBinding" | "ClusterRoleBinding" => {
            let role = random.word(&["Role", "ClusterRole"]);
            fields.insert(
                "roleRef".to_owned(),
                json!({
                "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": random.word(NAMES)}),
            );
        }
        "ConfigMap" if random.chance(20) => {
            fields.insert("binaryData".to_owned(), json!({"b": "AQID"}));
        }
        "Secret" => {
            fields.insert("type".to_owned(), json!("Opaque"));
        }
        "StorageClass" => {
            fields.insert("provisioner".to_owned(), json!("example.com/disk"));
        }
        _ => {}
    }
    object
}

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => "apps/v1",
        "CronJob" | "Job" => "batch/v1",
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => {
            "rbac.authorization.k8s.io/v1"
        }
        "Ingress" | "NetworkPolicy" => "networking.k8s.io/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "PodDisruptionBudget" => "policy/v1",
        "StorageClass" => "storage.k8s.io/v1",
        "ValidatingWebhookConfiguration" => "admissionregistration.k8s.io/v1",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        "APIService" => "apiregistration.k8s.io/v1",
        "Widget" => "example.com/v1",
        _ => "v1",
    }
}

fn metadata(random: &mut Random, kind: &str) -> Value {
    let name = match kind {
        "CustomResourceDefinition" => "widgets.example.com".to_owned(),
        "APIService" => "v1.example.com".to_owned(),
        "Namespace" => random.word(NAMESPACES),
        _ => random.word(NAMES),
    };
    let mut metadata = json!({"name": name});
    let fields = metadata.as_object_mut().unwrap();
    if random.chance(25) {
        fields.insert("namespace".to_owned(), random.value(NAMESPACES));
    }
    if random.chance(35) {
        fields.insert(
            "labels".to_owned(),
            map(random, &["app", "tier", "app.kubernetes.io/name"]),
        );
    }
    if random.chance(25) {
        fields.insert(
            "annotations".to_owned(),
            map(random, &["note", "example.com/x", "checksum"]),
        );
    }
    if random.chance(4) {
        fields.insert(
            "finalizers".to_owned(),
            json!(["example.com/a", "example.com/b"]),
        );
    }
    metadata
}

/// A map of texts.
pub(crate) fn map(random: &mut Random, keys: &[&str]) -> Value {
    let count = 1 + random.below(2);
    let entries = (0..count).map(|_| (random.word(keys), random.value(TEXTS)));
    Value::Object(entries.collect())
}

/// The field that kinds without a spec have instead.
fn other_field(random: &mut Random, kind: &str) -> Option<(&'static str, Option<Value>)> {
    Some(match kind {
        "ConfigMap" | "Secret" => {
            let full = random.chance(85);
            (
                "data",
                full.then(|| map(random, &["a", "b", "file.yaml", "c.d"])),
            )
        }
        "ServiceAccount" => {
            let secrets = json!([{"name": random.word(NAMES)}]);
            ("imagePullSecrets", random.chance(50).then_some(secrets))
        }
        "Role" | "ClusterRole" => {
            let names = [random.word(NAMES), random.word(NAMES)];
            let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": names}]);
            ("rules", Some(rules))
        }
        "RoleBinding" | "ClusterRoleBinding" => ("subjects", Some(subjects(random))),
        "ValidatingWebhookConfiguration" => {
            let service = json!({"name": random.word(NAMES), "namespace": random.word(NAMESPACES)});
            let webhooks = json!([{"name": "a.example.com", "clientConfig": {"service": service}}]);
            ("webhooks", Some(webhooks))
        }
        "StorageClass" => ("parameters", Some(map(random, &["type"]))),
        "Namespace" => ("spec", None),
        _ => return None,
    })
}

fn content(random: &mut Random, kind: &str) -> (&'static str, Option<Value>) {
    if let Some(field) = other_field(random, kind) {
        return field;
    }
    let spec = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => workload(random, kind),
        "Job" => json!({"template": template(random)}),
        "CronJob" => {
            json!({"schedule": "0 1 * * *", "jobTemplate": {"spec": {"template": template(random)}}})
        }
        "Pod" => pod(random),
        "Service" => service(random),
        "Ingress" => ingress(random),
        "HorizontalPodAutoscaler" => json!({"maxReplicas": 3, "scaleTargetRef": {
            "apiVersion": "apps/v1", "kind": random.word(&["Deployment", "StatefulSet"]), "name": random.word(NAMES)}}),
        "PodDisruptionBudget" => {
            json!({"minAvailable": 1, "selector": {"matchLabels": map(random, &["app"])}})
        }
        "NetworkPolicy" => json!({"podSelector": {"matchLabels": map(random, &["app"])},
            "ingress": [{"from": [{"podSelector": {"matchLabels": map(random, &["app"])}}]}]}),
        "PersistentVolumeClaim" => {
            json!({"volumeName": random.word(NAMES), "storageClassName": random.word(NAMES)})
        }
        "PersistentVolume" => json!({"capacity": {"storage": "1Gi"}, "claimRef": {
            "name": random.word(NAMES), "namespace": random.word(NAMESPACES)}}),
        "CustomResourceDefinition" => {
            json!({"group": "example.com", "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced", "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {
                "name": random.word(NAMES), "namespace": random.word(NAMESPACES)}}}}})
        }
        "APIService" => json!({"group": "example.com", "version": "v1", "service": {
            "name": random.word(NAMES), "namespace": random.word(NAMESPACES)}}),
        _ => widget(random),
    };
    ("spec", Some(spec))
}

fn subjects(random: &mut Random) -> Value {
    let one = |random: &mut Random| {
        let mut subject = json!({"kind": random.word(&["ServiceAccount", "User"]), "name": random.word(&["web", "api", "default"])});
        if random.chance(60) {
            subject["namespace"] = random.value(NAMESPACES);
        }
        subject
    };
    Value::Array((0..1 + random.below(2)).map(|_| one(random)).collect())
}

fn workload(random: &mut Random, kind: &str) -> Value {
    let mut spec = json!({"selector": {"matchLabels": map(random, &["app", "tier"])}, "template": template(random)});
    if kind != "DaemonSet" && random.chance(60) {
        spec["replicas"] = json!(random.below(4));
    }
    if kind == "StatefulSet" {
        spec["serviceName"] = random.value(NAMES);
        if random.chance(50) {
            spec["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]);
        }
    }
    spec
}

fn template(random: &mut Random) -> Value {
    let mut template = json!({"spec": pod(random)});
    if random.chance(70) {
        template["metadata"] = json!({"labels": map(random, &["app", "tier"])});
    }
    template
}

fn pod(random: &mut Random) -> Value {
    let containers: Vec<Value> = (0..1 + random.below(2))
        .map(|number| container(random, number))
        .collect();
    let mut pod = json!({"containers": containers});
    if random.chance(30) {
        pod["initContainers"] = json!([container(random, 2)]);
    }
    if random.chance(40) {
        pod["serviceAccountName"] = random.value(NAMES);
    }
    if random.chance(40) {
        pod["volumes"] = json!([
            {"name": "config", "configMap": {"name": random.word(NAMES)}},
            {"name": "secret", "secret": {"secretName": random.word(NAMES)}},
            {"name": "all", "projected": {"sources": [{"configMap": {"name": random.word(NAMES)}}, {"secret": {"name": random.word(NAMES)}}]}},
        ]);
    }
    if random.chance(15) {
        pod["tolerations"] = json!([{"key": "a", "operator": "Exists"}]);
    }
    if random.chance(15) {
        pod["imagePullSecrets"] = json!([{"name": random.word(NAMES)}]);
    }
    if random.chance(10) {
        pod["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "zone", "labelSelector": {"matchLabels": map(random, &["app"])}}]);
    }
    pod
}

fn container(random: &mut Random, number: usize) -> Value {
    let mut container =
        json!({"name": (["main", "side", "init"][number]), "image": random.word(IMAGES)});
    if random.chance(50) {
        container["env"] = json!([
            {"name": "A", "value": random.word(TEXTS)},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": random.word(NAMES), "key": "a"}}},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": random.word(NAMES), "key": "a"}}},
        ]);
    }
    if random.chance(30) {
        container["envFrom"] = json!([{"configMapRef": {"name": random.word(NAMES)}}, {"secretRef": {"name": random.word(NAMES)}}]);
    }
    if random.chance(35) {
        container["ports"] = json!([{"containerPort": 80, "name": "http", "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]);
    }
    if random.chance(30) {
        container["args"] = json!([
            "--flag",
            random.word(&["$(WEB)", "--to=$(WEB):80", "$$(WEB)", "plain"])
        ]);
    }
    if random.chance(20) {
        container["resources"] = json!({"limits": {"cpu": 1, "memory": "1Gi"}});
    }
    if random.chance(20) {
        container["volumeMounts"] = json!([{"name": "config", "mountPath": "/etc/config"}]);
    }
    container
}

fn service(random: &mut Random) -> Value {
    json!({"selector": map(random, &["app", "tier"]), "ports": [
        {"port": 80, "name": "http", "protocol": "TCP"}, {"port": 53, "name": "dns", "protocol": "UDP", "targetPort": 5353}]})
}

fn ingress(random: &mut Random) -> Value {
    json!({"rules": [{"host": "$(WEB).example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
        "service": {"name": random.word(NAMES), "port": {"number": 80}}}}]}}],
        "tls": [{"hosts": ["a.example.com"], "secretName": random.word(NAMES)}]})
}

fn widget(random: &mut Random) -> Value {
    json!({"size": random.below(9), "ratio": 1.5, "enabled": random.chance(50), "nothing": null, "settings": {"name": random.word(NAMES)},
        "items": [{"name": "one", "value": 1}, {"name": "two", "value": "2"}], "words": ["a", "b"],
        "containers": [{"name": "main", "image": random.word(IMAGES)}], "image": random.word(IMAGES)})
}
