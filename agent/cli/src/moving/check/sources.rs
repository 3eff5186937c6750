//! Sources that Flux takes and windlass would not, each with the line that changes that.

use windlass_api::names;
use windlass_cluster::RequestError;
use windlass_object::Object;

use super::{Row, Verdict, list, name};
use crate::facts::{flag, text};
use crate::kind::{Kind, SOURCES};
use crate::session::Session;

/// What every registry and host takes.
const PLAIN: &str = "provider: generic with a secretRef";
/// Where nodes list sources.
const LIST: &str = "/etc/windlass/trust.d/sources";

/// A row for each source.
pub(super) async fn rows(session: &Session, clone: &str) -> Result<Vec<Row>, RequestError> {
    let mut rows = Vec::new();
    for kind in SOURCES {
        // Charts are made by releases, and judged with them.
        if kind == Kind::HelmChart {
            continue;
        }
        for object in list(session, kind).await? {
            rows.push(row(kind, &object, clone));
        }
    }
    Ok(rows)
}

fn row(kind: Kind, object: &Object, clone: &str) -> Row {
    let what = name(object);
    if flag(object, "/spec/suspend") {
        return Row::new(what, Verdict::Same, "suspended");
    }
    if let Some((field, instead)) = not_served(kind, object) {
        let why = format!("{field} is not served");
        return Row::new(what, Verdict::Refused, why).add(instead);
    }
    if what == clone {
        return Row::new(
            what,
            Verdict::Same,
            "the clone, from the node's configuration",
        );
    }
    let url = text(object, "/spec/url");
    let url = match kind {
        Kind::Bucket => text(object, "/spec/endpoint"),
        _ => url,
    };
    if object.label(names::OWNER_NAME).is_none() {
        return Row::new(
            what,
            Verdict::Refused,
            "no commit makes it: it was made by hand",
        )
        .add(format!(
            "{LIST}: {url} signed (or unverified); or commit it"
        ));
    }
    let is_pinned = !text(object, "/spec/ref/commit").is_empty()
        || !text(object, "/spec/ref/digest").is_empty();
    match kind {
        Kind::GitRepository if !is_pinned => Row::new(
            what,
            Verdict::Refused,
            "its commits have to be signed by the same keys, if they are not",
        )
        .add(format!(
            "{LIST}: {url} unverified; or windlass lock --sources"
        )),
        _ => Row::new(
            what,
            Verdict::Same,
            "what comes first on a node stays the same",
        ),
    }
}

/// A field of the spec that windlass refuses by name, and what may stand there.
fn not_served(kind: Kind, object: &Object) -> Option<(&'static str, &'static str)> {
    let is_set = |pointer: &str| object.pointer(pointer).is_some();
    let provider = text(object, "/spec/provider");
    let is_cloud = !provider.is_empty() && provider != "generic";
    match kind {
        Kind::ExternalArtifact => Some((
            "ExternalArtifact",
            "a GitRepository, OCIRepository or Bucket",
        )),
        Kind::GitRepository if flag(object, "/spec/recurseSubmodules") => Some((
            "spec.recurseSubmodules",
            "spec.include with a GitRepository of its own",
        )),
        Kind::GitRepository if is_set("/spec/proxySecretRef") => {
            Some(("spec.proxySecretRef", "a way without a proxy"))
        }
        Kind::GitRepository if is_set("/spec/serviceAccountName") => {
            Some(("spec.serviceAccountName", PLAIN))
        }
        Kind::Bucket if is_set("/spec/sts") => Some(("spec.sts", PLAIN)),
        Kind::Bucket if provider == "aws" && is_set("/spec/secretRef") => None,
        Kind::OciRepository if is_set("/spec/verify") && !is_set("/spec/verify/secretRef") => {
            Some((
                "spec.verify without a secretRef",
                "spec.verify.secretRef with public keys of cosign",
            ))
        }
        _ if is_cloud => Some(("spec.provider", PLAIN)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(kind: Kind, labels: serde_json::Value, spec: serde_json::Value) -> Row {
        let object = json!({
            "apiVersion": kind.gvk().api_version(), "kind": kind.name(), "spec": spec,
            "metadata": {"name": "a", "namespace": "b", "labels": labels},
        });
        row(
            kind,
            &Object::from_value(object).unwrap(),
            "GitRepository/flux-system/flux-system",
        )
    }

    #[test]
    fn each_refusal_names_the_line_that_lets_it_in() {
        let by_git = || json!({names::OWNER_NAME: "apps", names::OWNER_NAMESPACE: "b"});
        let git = |labels, spec| source(Kind::GitRepository, labels, spec);
        let by_hand = git(json!({}), json!({"url": "https://x/y"}));
        assert_eq!(by_hand.verdict, Verdict::Refused);
        assert!(
            by_hand.add.contains("trust.d/sources: https://x/y signed"),
            "{by_hand:?}"
        );
        let other = git(by_git(), json!({"url": "https://x/y"}));
        assert!(other.add.contains("https://x/y unverified"), "{other:?}");
        let pinned = git(
            by_git(),
            json!({"url": "https://x/y", "ref": {"commit": "1"}}),
        );
        assert_eq!(pinned.verdict, Verdict::Same);
        let submodules = git(
            by_git(),
            json!({"url": "https://x/y", "recurseSubmodules": true}),
        );
        assert!(
            submodules.why.contains("recurseSubmodules"),
            "{submodules:?}"
        );
        let cloud = source(Kind::OciRepository, by_git(), json!({"provider": "aws"}));
        assert!(cloud.why.contains("spec.provider"), "{cloud:?}");
        let charts = source(Kind::HelmRepository, by_git(), json!({"url": "https://x"}));
        assert_eq!(charts.verdict, Verdict::Same);
    }
}
