//! The default field specifications of kustomize 5.8.1.
//!
//! The facts are those of its built-in transformer configuration; where a field is the same in every
//! pod template, it is written once and spread over the kinds that have one.

mod references;

use super::Config;
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
        name_reference: references::name_references(),
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

/// One field of every pod in every kind that has one.
fn spread(kinds: &[(&str, &str)], fields: &[&str]) -> impl Iterator<Item = FieldSpec> {
    kinds.iter().flat_map(move |(kind, pod)| {
        fields
            .iter()
            .map(move |field| FieldSpec::of_kind(kind, &format!("{pod}/{field}")))
    })
}

fn created(rows: &[Row]) -> impl Iterator<Item = FieldSpec> {
    rows.iter().map(|row| spec(row).creating())
}

fn spec((kind, group, version, path): &Row) -> FieldSpec {
    FieldSpec::new(partial(group, version, kind), path, false)
}
