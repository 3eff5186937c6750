//! The program as its users meet it, on a real control plane.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "clippy knows no test but a function marked as one; a helper of a test fails it, loudly"
)]

mod alarm;
mod alerts;
mod artifacts;
mod backup;
mod bad_input;
mod bucket_server;
mod buckets;
mod bundle;
mod cache;
mod chart_dependencies;
mod charts;
mod commands;
mod commands_flux;
mod commands_helm;
mod commands_kubectl;
mod commands_notify;
mod commands_pause;
mod commands_release;
mod commands_trace;
mod control;
mod crd_corpus;
mod depends;
mod disowned;
mod etcd_restored;
mod expressions;
mod faults;
mod features;
mod first_fetch;
mod from_flux;
mod from_flux_releases;
mod heartbeat;
mod helm_records;
mod helm_template;
mod homelab;
mod hostile_tree;
mod house;
mod identity;
mod ignored;
mod include;
mod large;
mod leadership;
mod left_out;
mod lock_command;
mod lock_sources;
mod locked_down;
mod lying_net;
mod main_job;
mod manifests;
mod marks;
mod metrics;
mod modes;
mod moving;
mod no_change;
mod node;
mod node_leases;
mod objects;
mod observe;
mod old_versions;
mod older_flux;
mod on_error;
mod openpgp;
mod oracle;
mod page;
mod peers;
mod person;
mod pinned;
mod prune_guard;
mod ratchet;
mod recall;
mod receivers;
mod reference;
mod registries;
mod registry_server;
mod release_drift;
mod release_fields;
mod release_spec;
mod release_switches;
mod release_values;
mod release_ways;
mod releases;
mod remote;
mod repositories;
mod reset;
mod rotation;
mod secrets;
mod sources;
mod split_view;
mod status;
mod survivors;
mod tenant;
mod transport;
mod trust;
mod trust_commands;
mod uninstall;
mod uninstall_own;
mod values;
mod webhooks;
mod window;
