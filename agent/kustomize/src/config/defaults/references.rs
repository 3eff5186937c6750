//! The fields that hold the name of another object.

use super::{
    CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, POD_TEMPLATE, REPLICA_SET, REPLICATION_CONTROLLER,
    Row, STATEFUL_SET, spec, spread,
};
use crate::config::NameReference;
use crate::field_spec::{FieldSpec, partial};

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

pub(super) fn name_references() -> Vec<NameReference> {
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

/// A referred type (group, version, kind) and the fields that hold its name.
type Referred = ((&'static str, &'static str, &'static str), &'static [Row]);

const OTHER_REFERENCES: &[Referred] = &[
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

fn reference(group: &str, version: &str, kind: &str, referrers: Vec<FieldSpec>) -> NameReference {
    NameReference {
        target: partial(group, version, kind),
        referrers,
    }
}
