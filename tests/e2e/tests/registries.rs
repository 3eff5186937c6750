//! Charts out of a real registry.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::wait;

use crate::artifacts::Keys;
use crate::charts::{chart, condition, house, reason, reference, revision};
use crate::registry_server::{CHART_LAYER, LOGIN, Open, Registry, basic};
use crate::repositories::{package, repository};

fn registry_of(url: &str, fields: &Value) -> String {
    let mut all = json!({"type": "oci", "insecure": true});
    let fields = fields.as_object().cloned().unwrap_or_default();
    all.as_object_mut().unwrap().extend(fields);
    repository(url, &all)
}

fn web(name: &str, range: &str) -> String {
    let source = json!({"kind": "HelmRepository", "name": "charts"});
    let spec = json!({"chart": "web", "version": range, "interval": "2s", "sourceRef": source});
    chart(name, &spec)
}

fn message(object: &Value, kind: &str) -> String {
    let condition = condition(object, kind);
    let message = condition.and_then(|condition| condition["message"].as_str());
    message.unwrap_or_default().to_owned()
}

#[test]
fn a_chart_comes_out_of_a_registry_by_its_range_and_other_bytes_of_a_version_are_held() {
    let Some(mut registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let (one, _) = package("1.0.0", "a: one\n");
    registry.push(("charts/web", "1.0.0"), CHART_LAYER, &one);
    let mut house = house(&[
        (
            "cluster/repository.yaml",
            &registry_of(&registry.url("/charts"), &json!({})),
        ),
        ("cluster/chart.yaml", &web("web", "1.x")),
    ]);
    let pulled = reason(&house, "web", "ChartPullSucceeded");
    assert_eq!(
        message(&pulled, "Ready"),
        "pulled 'web' chart with version '1.0.0'"
    );
    assert!(
        pulled["status"]
            .get("observedSourceArtifactRevision")
            .is_none()
    );

    // The highest version within the range; a plus is an underscore in a tag.
    let (two, two_digest) = package("1.1.0+seven", "a: two\n");
    registry.push(("charts/web", "1.1.0_seven"), CHART_LAYER, &two);
    registry.push(("charts/web", "2.0.0"), CHART_LAYER, &one);
    registry.push(("charts/web", "latest"), CHART_LAYER, &one);
    let moved = revision(&house, "web", "1.1.0+seven");
    assert_eq!(
        moved["status"]["artifact"]["digest"],
        format!("sha256:{two_digest}")
    );

    // The same version with other bytes is held for whoever wants it next.
    let (other, _) = package("1.1.0+seven", "a: somebody else's\n");
    registry.push(("charts/web", "1.1.0_seven"), CHART_LAYER, &other);
    house.push(
        &[("cluster/exact.yaml", &web("exact", "1.1.0+seven"))],
        "The same version, exactly",
    );
    let held = reason(&house, "exact", "DigestChanged");
    assert!(message(&held, "Ready").contains(&two_digest), "{held}");
    assert!(held["status"].get("artifact").is_none());

    // Offline after a restart, the chart is there.
    house.agent.stop();
    registry.stop();
    house.agent.start();
    house.root_ready();
    let failed = reason(&house, "web", "ChartPullError");
    assert_eq!(failed["status"]["artifact"], moved["status"]["artifact"]);
}

#[test]
fn a_pin_says_what_a_version_is_and_a_node_can_ask_for_pins() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let ((one, _), (two, pinned)) = (package("1.0.0", "a: one\n"), package("1.0.0", "a: two\n"));
    registry.push(("charts/web", "1.0.0"), CHART_LAYER, &one);
    let url = registry.url("/charts");
    let mut house = house(&[
        ("cluster/repository.yaml", &registry_of(&url, &json!({}))),
        ("cluster/chart.yaml", &web("web", "1.0.0")),
    ]);
    reason(&house, "web", "ChartPullSucceeded");

    // Another digest is pinned than the one that was met first: it counts, and nothing else is taken for it.
    let lock = format!(
        "version = 1\n[[chart]]\nrepository = \"{url}\"\nname = \"web\"\nversion = \"1.0.0\"\n\
         digest = \"sha256:{pinned}\"\n"
    );
    house.push(&[("windlass.lock", &lock)], "Pin the other");
    let held = reason(&house, "web", "DigestChanged");
    assert!(message(&held, "Ready").contains(&pinned), "{held}");
    registry.push(("charts/web", "1.0.0"), CHART_LAYER, &two);
    let what = "the pinned package to be in use";
    house.admin().wait_for(what, &reference("web"), |object| {
        object["status"]["artifact"]["digest"] == format!("sha256:{pinned}")
    });

    house.agent.stop();
    house.agent.set("remote", "unpinned_artifacts", "refuse");
    house.agent.start();
    house.root_ready();
    registry.push(("charts/web", "1.1.0"), CHART_LAYER, &one);
    house.push(
        &[("cluster/other.yaml", &web("other", "1.1.0"))],
        "Without a pin",
    );
    let refused = reason(&house, "other", "NotPinned");
    assert!(
        message(&refused, "Ready").contains("[[chart]]"),
        "{refused}"
    );
}

#[test]
fn a_registry_that_wants_a_login_gets_it_from_a_docker_config() {
    let Some(registry) = Registry::start(Open::Login) else {
        return;
    };
    let (one, _) = package("1.0.0", "a: one\n");
    registry.push(("charts/web", "1.0.0"), CHART_LAYER, &one);
    let secret = json!({"secretRef": {"name": "login"}});
    let house = house(&[
        (
            "cluster/repository.yaml",
            &registry_of(&registry.url("/charts"), &secret),
        ),
        ("cluster/chart.yaml", &web("web", "1.0.0")),
    ]);
    let missing = reason(&house, "web", "AuthenticationFailed");
    assert!(
        message(&missing, "FetchFailed").contains("login"),
        "{missing}"
    );
    let apply = |login| {
        let config = json!({"auths": {registry.host(): {"auth": basic(login)}}}).to_string();
        house.admin().apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": "login", "namespace": "flux-system"},
            "stringData": {".dockerconfigjson": config},
        }));
    };
    apply(("me", "wrong"));
    wait::until_true(
        "the password to be refused",
        Duration::from_secs(90),
        || {
            let object = house.admin().get(&reference("web")).unwrap();
            message(&object, "FetchFailed").contains("refuses the credentials")
        },
    );
    apply(LOGIN);
    reason(&house, "web", "ChartPullSucceeded");

    // What is there is not asked for again.
    let before = registry.requests().len();
    wait::holds(
        "no request while the version is kept",
        Duration::from_secs(5),
        || registry.requests().len() == before,
    );
}

#[test]
fn a_registry_that_nobody_vouches_for_is_not_asked_and_what_is_no_chart_is_refused() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    registry.push(("charts/web", "1.0.0"), "text/plain", b"no chart");
    let house = house(&[("cluster/chart.yaml", &web("web", "1.0.0"))]);
    reason(&house, "web", "SourceUnavailable");
    let object = registry_of(&registry.url("/charts"), &json!({}));
    house
        .admin()
        .apply(&serde_json::from_str::<Value>(&object).unwrap());
    let held = reason(&house, "web", "NotVouchedFor");
    assert_eq!(condition(&held, "Stalled").unwrap()["status"], "True");
    assert_eq!(registry.requests(), Vec::<String>::new());
    house
        .agent
        .list_sources(&format!("{} unverified\n", registry.url("/charts")));
    let refused = reason(&house, "web", "InvalidChartReference");
    assert!(
        message(&refused, "Ready").contains("is no Helm chart"),
        "{refused}"
    );
}

#[test]
fn a_chart_is_taken_only_with_the_signature_that_is_asked_for() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let (keys, others) = (Keys::new(), Keys::new());
    let (one, digest) = package("1.0.0", "a: one\n");
    let (manifest, _) = registry.push(("charts/web", "1.0.0"), CHART_LAYER, &one);
    let source = json!({"kind": "HelmRepository", "name": "charts"});
    let verify = json!({"provider": "cosign", "secretRef": {"name": "cosign"}});
    let spec = json!({
        "chart": "web", "version": "1.x", "interval": "2s", "sourceRef": source, "verify": verify,
    });
    let mut house = house(&[
        (
            "cluster/repository.yaml",
            &registry_of(&registry.url("/charts"), &json!({})),
        ),
        ("cluster/chart.yaml", &chart("web", &spec)),
    ]);
    let missing = reason(&house, "web", "VerificationError");
    assert!(
        message(&missing, "Ready").contains("'flux-system/cosign'"),
        "{missing}"
    );
    house.admin().apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cosign", "namespace": "flux-system"},
        "stringData": {"house.pub": keys.public()},
    }));
    let says = |house: &crate::house::House, part: &str| {
        let what = format!("the HelmChart to say {part}");
        house.admin().wait_for(&what, &reference("web"), |object| {
            message(object, "SourceVerified").contains(part)
        })
    };
    let unsigned = says(&house, "no matching signatures were found");
    assert_eq!(
        condition(&unsigned, "SourceVerified").unwrap()["status"],
        "False"
    );
    assert!(unsigned["status"].get("artifact").is_none());
    others.sign(&registry, "charts/web", &manifest);
    says(&house, &manifest);
    assert!(
        house.admin().get(&reference("web")).unwrap()["status"]
            .get("artifact")
            .is_none()
    );

    keys.sign(&registry, "charts/web", &manifest);
    let signed = says(&house, "verified signature of version 1.0.0");
    assert_eq!(
        condition(&signed, "SourceVerified").unwrap()["status"],
        "True"
    );
    assert_eq!(
        signed["status"]["artifact"]["digest"],
        format!("sha256:{digest}")
    );

    // What is verified is not asked for again; the next version needs a signature of its own.
    let (two, _) = package("1.1.0", "a: two\n");
    let (next, _) = registry.push(("charts/web", "1.1.0"), CHART_LAYER, &two);
    let held = says(&house, &next);
    assert_eq!(held["status"]["artifact"], signed["status"]["artifact"]);
    keys.sign(&registry, "charts/web", &next);
    revision(&house, "web", "1.1.0");

    let keyless = json!({
        "chart": "web", "version": "1.x", "interval": "2s", "sourceRef": source,
        "verify": {"provider": "cosign"},
    });
    house.push(
        &[("cluster/chart.yaml", &chart("web", &keyless))],
        "Ask for no key",
    );
    house
        .admin()
        .wait_for("it to be refused", &reference("web"), |object| {
            message(object, "Stalled").contains("(keyless) is not supported")
        });
}
