//! The default field specifications of kustomize 5.8.1.
//!
//! The facts are those of its built-in transformer configuration; where a field is the same in every
//! pod template, it is written once and spread over the kinds that have one.

use super::{Config, NameReference};
use crate::field_spec::{FieldSpec, partial};

/// Kinds with a pod template and where it is; `{}` in a path stands for the pod.
const POD: (&str, &str) = ("Pod", "spec");
const POD_TEMPLATE: (&str, &str) = ("PodTemplate", "template/spec");
const DEPLOYMENT: (&str, &str) = ("Deployment", "spec/template/spec");
const REPLICA_SET: (&str, &str) = ("ReplicaSet", "spec/template/spec");
const REPLICATION_CONTROLLER: (&str, &str) = ("ReplicationController", "spec/template/spec");
const DAEMON_SET: (&str, &str) = ("DaemonSet", "spec/template/spec");
const STATEFUL_SET: (&str, &str) = ("StatefulSet", "spec/template/spec");
const JOB: (&str, &str) = ("Job", "spec/template/spec");
const CRON_JOB: (&str, &str) = ("CronJob", "spec/jobTemplate/spec/template/spec");

/// Where names of ConfigMaps and Secrets are followed.
const DATA_USERS: &[(&str, &str)] = &[
    POD,
    POD_TEMPLATE,
    DEPLOYMENT,
    REPLICA_SET,
    DAEMON_SET,
    STATEFUL_SET,
    JOB,
    CRON_JOB,
];

/// Where names of service accounts, claims and priority classes are followed.
const POD_OWNERS: &[(&str, &str)] = &[
    POD,
    STATEFUL_SET,
    DEPLOYMENT,
    REPLICATION_CONTROLLER,
    CRON_JOB,
    JOB,
    DAEMON_SET,
];

const CONFIG_MAP_FIELDS: &[&str] = &[
    "volumes/configMap/name",
    "containers/env/valueFrom/configMapKeyRef/name",
    "initContainers/env/valueFrom/configMapKeyRef/name",
    "containers/envFrom/configMapRef/name",
    "initContainers/envFrom/configMapRef/name",
    "volumes/projected/sources/configMap/name",
];

const SECRET_FIELDS: &[&str] = &[
    "volumes/secret/secretName",
    "containers/env/valueFrom/secretKeyRef/name",
    "initContainers/env/valueFrom/secretKeyRef/name",
    "containers/envFrom/secretRef/name",
    "initContainers/envFrom/secretRef/name",
    "imagePullSecrets/name",
    "volumes/projected/sources/secret/name",
];

/// Kind, group ("" = all), version ("" = all) and path of labels and selectors.
type Row = (&'static str, &'static str, &'static str, &'static str);

const METADATA_LABELS: &[Row] = &[
    ("", "", "", "metadata/labels"),
    (
        "ReplicationController",
        "",
        "v1",
        "spec/template/metadata/labels",
    ),
    ("Deployment", "", "", "spec/template/metadata/labels"),
    ("ReplicaSet", "", "", "spec/template/metadata/labels"),
    ("DaemonSet", "", "", "spec/template/metadata/labels"),
    ("StatefulSet", "apps", "", "spec/template/metadata/labels"),
    (
        "StatefulSet",
        "apps",
        "",
        "spec/volumeClaimTemplates[]/metadata/labels",
    ),
    ("Job", "batch", "", "spec/template/metadata/labels"),
    ("CronJob", "batch", "", "spec/jobTemplate/metadata/labels"),
    (
        "CronJob",
        "batch",
        "",
        "spec/jobTemplate/spec/template/metadata/labels",
    ),
];

const SELECTORS_CREATED: &[Row] = &[
    ("Service", "", "v1", "spec/selector"),
    ("ReplicationController", "", "v1", "spec/selector"),
    ("Deployment", "", "", "spec/selector/matchLabels"),
    ("ReplicaSet", "", "", "spec/selector/matchLabels"),
    ("DaemonSet", "", "", "spec/selector/matchLabels"),
    ("StatefulSet", "apps", "", "spec/selector/matchLabels"),
];

const SELECTORS: &[Row] = &[
    ("Job", "batch", "", "spec/selector/matchLabels"),
    (
        "CronJob",
        "batch",
        "",
        "spec/jobTemplate/spec/selector/matchLabels",
    ),
    (
        "PodDisruptionBudget",
        "policy",
        "",
        "spec/selector/matchLabels",
    ),
    (
        "NetworkPolicy",
        "networking.k8s.io",
        "",
        "spec/podSelector/matchLabels",
    ),
    (
        "NetworkPolicy",
        "networking.k8s.io",
        "",
        "spec/ingress/from/podSelector/matchLabels",
    ),
    (
        "NetworkPolicy",
        "networking.k8s.io",
        "",
        "spec/egress/to/podSelector/matchLabels",
    ),
];

/// Selectors in the pod template of Deployments and StatefulSets.
const POD_SELECTORS: &[&str] = &[
    "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "topologySpreadConstraints/labelSelector/matchLabels",
];

const ANNOTATIONS: &[Row] = &[
    ("", "", "", "metadata/annotations"),
    (
        "ReplicationController",
        "",
        "v1",
        "spec/template/metadata/annotations",
    ),
    ("Deployment", "", "", "spec/template/metadata/annotations"),
    ("ReplicaSet", "", "", "spec/template/metadata/annotations"),
    ("DaemonSet", "", "", "spec/template/metadata/annotations"),
    ("StatefulSet", "", "", "spec/template/metadata/annotations"),
    ("Job", "batch", "", "spec/template/metadata/annotations"),
    (
        "CronJob",
        "batch",
        "",
        "spec/jobTemplate/metadata/annotations",
    ),
    (
        "CronJob",
        "batch",
        "",
        "spec/jobTemplate/spec/template/metadata/annotations",
    ),
];

const NAMESPACES: &[(Row, bool)] = &[
    (("Namespace", "", "", "metadata/name"), true),
    (
        (
            "APIService",
            "apiregistration.k8s.io",
            "",
            "spec/service/namespace",
        ),
        true,
    ),
    (
        (
            "CustomResourceDefinition",
            "apiextensions.k8s.io",
            "",
            "spec/conversion/webhook/clientConfig/service/namespace",
        ),
        false,
    ),
];

const IMAGES: &[&str] = &[
    "spec/containers[]/image",
    "spec/initContainers[]/image",
    "spec/volumes[]/image/reference",
    "spec/template/spec/containers[]/image",
    "spec/template/spec/initContainers[]/image",
    "spec/template/spec/volumes[]/image/reference",
];

const SCALED: &[&str] = &[
    "Deployment",
    "ReplicationController",
    "ReplicaSet",
    "StatefulSet",
];

/// Where `$(VAR)` is replaced in a pod.
const VARIABLE_FIELDS: &[&str] = &[
    "containers/args",
    "containers/command",
    "containers/env/value",
    "containers/volumeMounts/mountPath",
    "initContainers/args",
    "initContainers/command",
    "initContainers/env/value",
    "initContainers/volumeMounts/mountPath",
];

const VARIABLE_USERS: &[(&str, &str)] = &[
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    REPLICA_SET,
    STATEFUL_SET,
];

const OTHER_VARIABLES: &[Row] = &[
    (
        "CronJob",
        "",
        "",
        "spec/jobTemplate/spec/template/volumes/nfs/server",
    ),
    ("DaemonSet", "", "", "spec/template/spec/volumes/nfs/server"),
    (
        "Deployment",
        "",
        "",
        "spec/template/spec/volumes/nfs/server",
    ),
    ("Job", "", "", "spec/template/spec/volumes/nfs/server"),
    ("Pod", "", "", "spec/volumes/nfs/server"),
    (
        "ReplicaSet",
        "",
        "",
        "spec/template/spec/volumes/nfs/server",
    ),
    (
        "StatefulSet",
        "",
        "",
        "spec/volumeClaimTemplates/spec/nfs/server",
    ),
    ("Deployment", "", "", "spec/template/metadata/annotations"),
    ("Ingress", "", "", "spec/rules/host"),
    ("Ingress", "", "", "spec/tls/hosts"),
    ("Ingress", "", "", "spec/tls/secretName"),
    ("Service", "", "", "spec/ports/port"),
    ("Service", "", "", "spec/ports/targetPort"),
    ("PersistentVolume", "", "", "spec/nfs/server"),
    ("", "", "", "metadata/labels"),
    ("", "", "", "metadata/annotations"),
];

pub(super) fn config() -> Config {
    let metadata_name = || vec![FieldSpec::of_kind("", "metadata/name")];
    Config {
        name_prefix: metadata_name(),
        name_suffix: metadata_name(),
        namespace: NAMESPACES
            .iter()
            .map(|(row, create)| {
                if *create {
                    spec(row).creating()
                } else {
                    spec(row)
                }
            })
            .collect(),
        common_labels: common_labels(),
        labels: Vec::new(),
        template_labels: created(METADATA_LABELS).collect(),
        common_annotations: created(ANNOTATIONS).collect(),
        name_reference: name_references(),
        var_reference: variables(),
        images: IMAGES
            .iter()
            .map(|path| FieldSpec::of_kind("", path).creating())
            .collect(),
        replicas: SCALED
            .iter()
            .map(|kind| FieldSpec::of_kind(kind, "spec/replicas").creating())
            .collect(),
    }
}

fn common_labels() -> Vec<FieldSpec> {
    let in_pods = [DEPLOYMENT, STATEFUL_SET]
        .into_iter()
        .flat_map(|(kind, pod)| {
            POD_SELECTORS.iter().map(move |path| {
                FieldSpec::new(partial("apps", "", kind), &format!("{pod}/{path}"), false)
            })
        });
    created(SELECTORS_CREATED)
        .chain(in_pods)
        .chain(SELECTORS.iter().map(spec))
        .chain(created(METADATA_LABELS))
        .collect()
}

fn variables() -> Vec<FieldSpec> {
    spread(VARIABLE_USERS, VARIABLE_FIELDS)
        .chain(OTHER_VARIABLES.iter().map(spec))
        .collect()
}

fn name_references() -> Vec<NameReference> {
    let mut references = vec![
        reference(
            "",
            "v1",
            "ConfigMap",
            data_users(CONFIG_MAP_FIELDS, CONFIG_MAP_USERS),
        ),
        reference("", "v1", "Secret", data_users(SECRET_FIELDS, SECRET_USERS)),
        reference("", "v1", "ServiceAccount", service_account_users()),
        reference(
            "",
            "v1",
            "PersistentVolumeClaim",
            pod_users("volumes/persistentVolumeClaim/claimName"),
        ),
        reference(
            "scheduling.k8s.io",
            "v1",
            "PriorityClass",
            pod_users("priorityClassName"),
        ),
    ];
    for kind in [
        "Deployment",
        "ReplicationController",
        "ReplicaSet",
        "StatefulSet",
    ] {
        let user = FieldSpec::of_kind("HorizontalPodAutoscaler", "spec/scaleTargetRef/name");
        references.push(reference("", "", kind, vec![user]));
    }
    for ((group, version, kind), rows) in OTHER_REFERENCES {
        references.push(reference(
            group,
            version,
            kind,
            rows.iter().map(spec).collect(),
        ));
    }
    references
}

const CONFIG_MAP_USERS: &[Row] = &[
    ("Node", "", "", "spec/configSource/configMap"),
    ("Role", "", "", "rules/resourceNames"),
    ("ClusterRole", "", "", "rules/resourceNames"),
    (
        "Ingress",
        "",
        "",
        "metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap",
    ),
];

const SECRET_USERS: &[Row] = &[
    ("Ingress", "", "", "spec/tls/secretName"),
    (
        "Ingress",
        "",
        "",
        "metadata/annotations/ingress.kubernetes.io\\/auth-secret",
    ),
    (
        "Ingress",
        "",
        "",
        "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret",
    ),
    (
        "Ingress",
        "",
        "",
        "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret",
    ),
    ("ServiceAccount", "", "", "imagePullSecrets/name"),
    ("StorageClass", "", "", "parameters/secretName"),
    ("StorageClass", "", "", "parameters/adminSecretName"),
    ("StorageClass", "", "", "parameters/userSecretName"),
    ("StorageClass", "", "", "parameters/secretRef"),
    ("Role", "", "", "rules/resourceNames"),
    ("ClusterRole", "", "", "rules/resourceNames"),
    (
        "Service",
        "serving.knative.dev",
        "v1",
        "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
    ),
    ("PersistentVolume", "", "", "spec/azureFile/secretName"),
];

/// Referred type (group, version, kind) and the fields that hold its name.
const OTHER_REFERENCES: &[((&str, &str, &str), &[Row])] = &[
    (
        ("", "v1", "Service"),
        &[
            ("StatefulSet", "apps", "", "spec/serviceName"),
            (
                "Ingress",
                "",
                "",
                "spec/rules/http/paths/backend/serviceName",
            ),
            ("Ingress", "", "", "spec/backend/serviceName"),
            (
                "Ingress",
                "",
                "",
                "spec/rules/http/paths/backend/service/name",
            ),
            ("Ingress", "", "", "spec/defaultBackend/service/name"),
            (
                "APIService",
                "apiregistration.k8s.io",
                "",
                "spec/service/name",
            ),
            (
                "ValidatingWebhookConfiguration",
                "admissionregistration.k8s.io",
                "",
                "webhooks/clientConfig/service",
            ),
            (
                "MutatingWebhookConfiguration",
                "admissionregistration.k8s.io",
                "",
                "webhooks/clientConfig/service",
            ),
        ],
    ),
    (
        ("rbac.authorization.k8s.io", "", "Role"),
        &[(
            "RoleBinding",
            "rbac.authorization.k8s.io",
            "",
            "roleRef/name",
        )],
    ),
    (
        ("rbac.authorization.k8s.io", "", "ClusterRole"),
        &[
            (
                "RoleBinding",
                "rbac.authorization.k8s.io",
                "",
                "roleRef/name",
            ),
            (
                "ClusterRoleBinding",
                "rbac.authorization.k8s.io",
                "",
                "roleRef/name",
            ),
        ],
    ),
    (
        ("", "v1", "PersistentVolume"),
        &[
            ("PersistentVolumeClaim", "", "", "spec/volumeName"),
            ("ClusterRole", "", "", "rules/resourceNames"),
        ],
    ),
    (
        ("storage.k8s.io", "v1", "StorageClass"),
        &[
            ("PersistentVolume", "", "", "spec/storageClassName"),
            ("PersistentVolumeClaim", "", "", "spec/storageClassName"),
            (
                "StatefulSet",
                "",
                "",
                "spec/volumeClaimTemplates/spec/storageClassName",
            ),
        ],
    ),
    // The group is written like this in kustomize's table, so that it never fits; kept as it is.
    (
        ("networking.k8s.io/v1", "v1", "IngressClass"),
        &[("Ingress", "", "", "spec/ingressClassName")],
    ),
    (
        (
            "admissionregistration.k8s.io",
            "",
            "ValidatingAdmissionPolicy",
        ),
        &[(
            "ValidatingAdmissionPolicyBinding",
            "admissionregistration.k8s.io",
            "",
            "spec/policyName",
        )],
    ),
];

fn service_account_users() -> Vec<FieldSpec> {
    ["RoleBinding", "ClusterRoleBinding"]
        .into_iter()
        .map(|kind| {
            FieldSpec::new(
                partial("rbac.authorization.k8s.io", "", kind),
                "subjects",
                false,
            )
        })
        .chain(pod_users("serviceAccountName"))
        .collect()
}

fn data_users(fields: &[&str], others: &[Row]) -> Vec<FieldSpec> {
    spread(DATA_USERS, fields)
        .chain(others.iter().map(spec))
        .collect()
}

fn pod_users(field: &str) -> Vec<FieldSpec> {
    spread(POD_OWNERS, &[field]).collect()
}

/// One field of every pod in every kind that has one.
fn spread(kinds: &[(&str, &str)], fields: &[&str]) -> impl Iterator<Item = FieldSpec> {
    kinds.iter().flat_map(move |(kind, pod)| {
        fields
            .iter()
            .map(move |field| FieldSpec::of_kind(kind, &format!("{pod}/{field}")))
    })
}

fn reference(group: &str, version: &str, kind: &str, referrers: Vec<FieldSpec>) -> NameReference {
    NameReference {
        target: partial(group, version, kind),
        referrers,
    }
}

fn created(rows: &[Row]) -> impl Iterator<Item = FieldSpec> {
    rows.iter().map(|row| spec(row).creating())
}

fn spec((kind, group, version, path): &Row) -> FieldSpec {
    FieldSpec::new(partial(group, version, kind), path, false)
}
