//! Fuzz targets: each is a function that takes any bytes and must come back, without a panic and without believing them.
//!
//! `cargo test -p windlass-fuzz` runs every target on its kept inputs and on changes of them, in seconds.
//! `tests/fuzz/run.sh TARGET` runs one for as long as wanted under libFuzzer, with a nightly compiler.
//!
//! To add a target: write the function in the file of its room, name it in [`TARGETS`] and in `cargo-fuzz/Cargo.toml`,
//! and keep a few inputs of real use in `corpus/NAME/`. An input that once broke something stays there for good.

mod helm;
mod kustomize;
mod net;
mod pinned;
mod release;
mod trust;
mod wire;

/// A target: its name, which is also its folder in `corpus/`, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("helm_record", helm::record),
    ("kustomize_kustomization", kustomize::kustomization),
    ("kustomize_objects", kustomize::objects),
    ("kustomize_substitution", kustomize::substitution),
    ("net_delta", net::delta),
    ("net_greeting", net::greeting),
    ("net_bundle", net::bundle),
    ("net_head", net::head),
    ("net_known_hosts", net::known_hosts),
    ("net_list", net::list),
    ("net_pack", net::pack),
    ("net_side_band", net::side_band),
    ("net_url", net::url),
    ("net_zlib", net::zlib),
    ("release_index", release::index),
    ("trust_commit", trust::commit),
    ("trust_tag", trust::tag),
    ("trust_signature", trust::signature),
    ("trust_sshsig", trust::sshsig),
    ("trust_openpgp", trust::openpgp),
    ("trust_keyring", trust::keyring),
    ("trust_ssh_key", trust::ssh_key),
    ("trust_signers", trust::signers),
    ("trust_secret", trust::secret),
    ("trust_tree", trust::tree),
    ("trust_archive", pinned::archive),
    ("trust_cosign", pinned::cosign),
    ("trust_heartbeat", pinned::heartbeat),
    ("trust_lock", pinned::lock),
    ("trust_provenance", pinned::provenance),
    ("trust_policy", pinned::charter),
    ("trust_policy_signatures", pinned::charter_signatures),
    ("trust_recall", pinned::recall),
    ("wire_request", wire::request),
    ("wire_answer", wire::answer),
    ("wire_piece", wire::piece),
    ("wire_range", wire::range),
    ("wire_question", wire::question),
    ("wire_taken", wire::taken),
];

/// Gives a target by its name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, run)| *run)
}
