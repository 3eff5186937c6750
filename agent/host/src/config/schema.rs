//! Every section and key there is; the example file and the tests are held against this table.

/// One section with its keys.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
}

/// The whole configuration.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        name: "root",
        keys: &[
            "url",
            "branch",
            "path",
            "interval",
            "timeout",
            "name",
            "namespace",
            "allowed_signers",
            "introduction",
            "mode",
            "username",
            "password_file",
            "identity_file",
            "known_hosts_file",
            "ca_file",
        ],
    },
    Section {
        name: "trust",
        keys: &["sources"],
    },
    Section {
        name: "cluster",
        keys: &["kubeconfig", "context"],
    },
    Section {
        name: "sops",
        keys: &["age_key_file", "pgp_key_file", "require_mac"],
    },
    Section {
        name: "prune",
        keys: &["guard", "share", "least"],
    },
    Section {
        name: "tenancy",
        keys: &["no_cross_namespace_refs", "default_service_account"],
    },
    Section {
        name: "remote",
        keys: &["unpinned", "unpinned_artifacts"],
    },
    Section {
        name: "receiver",
        keys: &["listen"],
    },
    Section {
        name: "metrics",
        keys: &["listen"],
    },
    Section {
        name: "peers",
        keys: &["listen"],
    },
    Section {
        name: "page",
        keys: &["listen", "token_file"],
    },
    Section {
        name: "alarm",
        keys: &["ping_url", "ping_interval", "webhook_url", "webhook_type"],
    },
    Section {
        name: "state",
        keys: &["dir"],
    },
    Section {
        name: "net",
        keys: &["socket", "cache_dir"],
    },
    Section {
        name: "manifests",
        keys: &["dir"],
    },
    Section {
        name: "control",
        keys: &["socket"],
    },
    Section {
        name: "leadership",
        keys: &[
            "lease_duration",
            "renew_deadline",
            "retry_period",
            "flux_leases",
        ],
    },
    Section {
        name: "node",
        keys: &["name", "role", "mode", "address"],
    },
    Section {
        name: "limits",
        keys: &["concurrency"],
    },
    Section {
        name: "log",
        keys: &["level"],
    },
];

/// Finds a section and gives the table's own copy of its name.
pub(super) fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

/// The section that does have this key.
pub(super) fn owner(key: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.keys.contains(&key))
}
