//! OCIRepositories: artifacts that the real flux pushes into a real registry.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::directory::Directory;
use windlass_kit::wait;

use crate::charts::{condition, house};
use crate::commands_flux::flux;
use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION, config_map};
use crate::registry_server::{CHART_LAYER, LOGIN, Open, Registry, basic};
use crate::releases::{self, reaches};
use crate::repositories::{package, run};

/// What flux gives the layer of its artifacts.
const LAYER: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";

fn artifact(name: &str, url: &str, fields: &Value) -> String {
    let mut object = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "OCIRepository",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"url": url, "interval": "2s", "insecure": true},
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    object["spec"].as_object_mut().unwrap().extend(fields);
    object.to_string()
}

fn applied(name: &str) -> String {
    json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "interval": "1h", "prune": true, "path": "./deploy", "targetNamespace": "default",
            "sourceRef": {"kind": "OCIRepository", "name": name},
        },
    })
    .to_string()
}

fn map(text: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "app"}, "data": {"text": text},
    })
    .to_string()
}

fn text_of(house: &House) -> Option<Value> {
    let map = house.admin().get(&config_map("default", "app"))?;
    Some(map["data"]["text"].clone())
}

/// What a command in the namespace of the objects says.
fn command(house: &House, line: &str) -> String {
    let kubeconfig = house.control_plane.kubeconfig(User::Admin);
    let words: Vec<&str> = line
        .split_whitespace()
        .chain(["-n", "flux-system"])
        .collect();
    let output = windlass(&kubeconfig, &words);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{line}: {said}");
    said
}

fn reference(name: &str) -> ObjectRef {
    ObjectRef::new(GIT_REPOSITORY, "OCIRepository", "flux-system", name)
}

fn reason(house: &House, name: &str, reason: &str) -> Value {
    let what = format!("OCIRepository {name} to be {reason}");
    house.admin().wait_for(&what, &reference(name), |object| {
        condition(object, "Ready").is_some_and(|ready| ready["reason"] == reason)
    })
}

fn revision(house: &House, name: &str, revision: &str) -> Value {
    let what = format!("OCIRepository {name} to have revision {revision}");
    house.admin().wait_for(&what, &reference(name), |object| {
        object["status"]["artifact"]["revision"] == revision
    })
}

fn message(object: &Value) -> &str {
    condition(object, "Ready").unwrap()["message"]
        .as_str()
        .unwrap()
}

/// A layer as tar(1) makes it of a folder with these files.
fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let place = Directory::new("layer");
    let archive = place.path().join("layer.tgz");
    let folder = folder(place.path(), files);
    run(
        "tar",
        &["-C", &folder, "-czf", &archive.display().to_string(), "."],
    );
    std::fs::read(archive).unwrap()
}

fn folder(place: &Path, files: &[(&str, &str)]) -> String {
    let folder = place.join("files");
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder.display().to_string()
}

/// `flux push artifact`; gives the digest of the manifest.
fn push(flux: &Path, registry: &Registry, tag: &str, files: &[(&str, &str)]) -> String {
    let place = Directory::new("push");
    let target = format!("{}:{tag}", registry.url("/house/app"));
    let mut command = Command::new(flux);
    command
        .env_clear()
        .env("HOME", place.path())
        .args([
            "push",
            "artifact",
            &target,
            "--path",
            &folder(place.path(), files),
        ])
        .args([
            "--source",
            "https://git.example/app",
            "--revision",
            "main@sha1:0123",
        ])
        .args(["--insecure-registry", "--output", "json"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said["digest"].as_str().unwrap().to_owned()
}

#[test]
fn what_flux_pushed_is_applied_and_other_bytes_of_its_tag_are_held_until_a_commit_names_them() {
    let (Some(flux), Some(mut registry)) = (flux(), Registry::start(Open::Everybody)) else {
        return;
    };
    let url = registry.url("/house/app");
    let files = [
        ("deploy/map.yaml", &*map("one")),
        ("README.md", "left out below\n"),
        (".sourceignore", "*.md\n"),
    ];
    let one = push(flux, &registry, "main", &files);
    let mut house = house(&[
        (
            "cluster/artifact.yaml",
            &artifact("app", &url, &json!({"ref": {"tag": "main"}})),
        ),
        ("cluster/app.yaml", &applied("app")),
    ]);
    let named = format!("main@{one}");
    let stored = revision(&house, "app", &named);
    let stored = match condition(&stored, "Ready") {
        Some(_) => stored,
        None => reason(&house, "app", "Succeeded"),
    };
    assert_eq!(
        message(&stored),
        format!("stored artifact for digest '{named}'")
    );
    let (status, held) = (&stored["status"], &stored["status"]["artifact"]);
    assert_eq!(
        held["metadata"]["org.opencontainers.image.source"],
        "https://git.example/app"
    );
    assert_eq!(
        held["path"],
        format!("ocirepository/flux-system/app/{one}.tar.gz")
    );
    assert_eq!(
        status["observedGeneration"],
        stored["metadata"]["generation"]
    );
    let ready = house.ready("flux-system", "app");
    assert_eq!(ready["status"]["lastAppliedRevision"], named);
    assert_eq!(text_of(&house), Some(json!("one")));
    let news = format!(
        "stored artifact with revision '{named}' from '{url}', origin source 'https://git.example/app', origin revision 'main@sha1:0123'"
    );
    wait::until_true("the event", Duration::from_secs(30), || {
        let events = house.admin().list("v1", "Event", "flux-system", "");
        let mut events = events.iter();
        events.any(|event| event["reason"] == "NewArtifact" && event["message"] == news)
    });

    // The same tag with other bytes.
    let two = push(flux, &registry, "main", &[("deploy/map.yaml", &map("two"))]);
    let changed = reason(&house, "app", "DigestChanged");
    assert!(message(&changed).contains(&two), "{changed}");
    assert_eq!(&changed["status"]["artifact"], held);
    assert_eq!(text_of(&house), Some(json!("one")));

    // A commit that names them by their digest vouches for them.
    let by_digest = artifact("app", &url, &json!({"ref": {"digest": two}}));
    house.push(&[("cluster/artifact.yaml", &by_digest)], "Take the other");
    let moved = revision(&house, "app", &two);
    wait::until_true(
        "the other bytes to be applied",
        Duration::from_secs(60),
        || text_of(&house) == Some(json!("two")),
    );

    // Neither a registry nor Git is needed for what is there.
    house.agent.stop();
    registry.stop();
    house.git.stop();
    house.admin().delete(&config_map("default", "app"));
    house.agent.start();
    wait::until_true("the map to be back", Duration::from_secs(60), || {
        text_of(&house) == Some(json!("two"))
    });
    let kept = house.admin().get(&reference("app")).unwrap();
    assert_eq!(kept["status"]["artifact"], moved["status"]["artifact"]);
}

#[test]
fn a_range_leads_to_the_highest_version_and_never_back_and_a_pin_holds_it() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let url = registry.url("/house/app");
    let put = |tag: &str| {
        let layer = layer(&[("deploy/map.yaml", &map(tag))]);
        registry.push(("house/app", tag), LAYER, &layer).0
    };
    let one = put("1.0.0");
    put("1.2.0-arm");
    put("latest");
    let range = json!({"ref": {"semver": "1.x", "semverFilter": "^[0-9.]+$"}});
    let mut house = house(&[("cluster/artifact.yaml", &artifact("app", &url, &range))]);
    revision(&house, "app", &format!("1.0.0@{one}"));
    let two = put("1.1.0");
    let moved = revision(&house, "app", &format!("1.1.0@{two}"));

    // The higher version is taken away: who asks for the range is not led back.
    registry.forget_tag("house/app", "1.1.0");
    let held = reason(&house, "app", "LowerVersion");
    assert_eq!(held["status"]["artifact"], moved["status"]["artifact"]);

    // A signed pin is another matter; what follows from the node's settings, too.
    let lock =
        format!("version = 1\n[[oci]]\nurl = \"{url}\"\nref = \"1.x\"\ndigest = \"{one}\"\n");
    house.push(&[("windlass.lock", &lock)], "Pin it");
    revision(&house, "app", &one);
    house.agent.stop();
    house.agent.set("remote", "unpinned_artifacts", "refuse");
    house.agent.start();
    house.root_ready();
    let tag = artifact("other", &url, &json!({"ref": {"tag": "latest"}}));
    house.push(&[("cluster/other.yaml", &tag)], "A tag that nothing pins");
    let refused = reason(&house, "other", "NotPinned");
    assert!(message(&refused).contains("windlass.lock"), "{refused}");
    let pinned = house.admin().get(&reference("app")).unwrap();
    assert_eq!(condition(&pinned, "Ready").unwrap()["status"], "True");
}

#[test]
fn a_release_takes_its_chart_out_of_an_artifact() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  text: {{ .Chart.Version }}\n";
    let (chart, _) = package("1.2.3", template);
    let (digest, _) = registry.push(("charts/web", "1.2.3"), CHART_LAYER, &chart);
    let url = registry.url("/charts/web");
    let fields = |operation: &str| {
        let layer = json!({"mediaType": CHART_LAYER, "operation": operation});
        json!({"layerSelector": layer, "ref": {"tag": "1.2.3"}})
    };
    let release = |name: &str| {
        let chart = json!({"kind": "OCIRepository", "name": name});
        json!({
            "apiVersion": releases::API, "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": "flux-system"},
            "spec": {"interval": "1h", "chartRef": chart, "targetNamespace": "default"},
        })
        .to_string()
    };
    let mut house = releases::house(
        &Options::api_server(),
        &[
            ("cluster/web.yaml", &artifact("web", &url, &fields("copy"))),
            ("cluster/release.yaml", &release("web")),
        ],
    );
    let released = reaches(&house, "web", "InstallSucceeded", 1);
    let latest = &released["status"]["history"][0];
    let short = digest.strip_prefix("sha256:").unwrap().get(..12).unwrap();
    assert_eq!(latest["chartVersion"], format!("1.2.3+{short}"));
    assert_eq!(latest["ociDigest"], digest);
    let map = house.admin().get(&config_map("default", "web")).unwrap();
    assert_eq!(map["data"]["text"], format!("1.2.3+{short}"));
    let kept = house.admin().get(&reference("web")).unwrap();
    assert_eq!(kept["status"]["artifact"]["size"], chart.len());
    assert_eq!(kept["status"]["observedLayerSelector"]["operation"], "copy");

    // Its files taken out of it are the same chart.
    let extracted = artifact("web", &url, &fields("extract"));
    house.push(&[("cluster/web.yaml", &extracted)], "Take it apart");
    house
        .admin()
        .wait_for("the other artifact", &reference("web"), |object| {
            object["status"]["observedLayerSelector"]["operation"] == "extract"
        });
    let asked = releases::ask(&house, "web", &["reconcile.fluxcd.io/requestedAt"]);
    let same = releases::handled(&house, "web", &asked);
    assert_eq!(same["status"]["history"][0]["version"], 1, "{same}");
}

#[test]
fn what_nobody_vouches_for_is_not_asked_and_an_archive_with_a_link_is_not_taken() {
    let Some(registry) = Registry::start(Open::Login) else {
        return;
    };
    let url = registry.url("/house/app");
    let one = layer(&[("deploy/map.yaml", &map("one"))]);
    let (first, _) = registry.push(("house/app", "latest"), LAYER, &one);
    let own = map("house").replace("\"app\"", "\"house\",\"namespace\":\"default\"");
    let house = house(&[("cluster/map.yaml", &own)]);
    let account = json!({"serviceAccountName": "puller"});
    let object: Value = serde_json::from_str(&artifact("app", &url, &account)).unwrap();
    house.admin().apply(&object);
    let rare = json!({"serviceAccountName": "puller", "interval": "1h"});
    let rare: Value = serde_json::from_str(&artifact("rare", &url, &rare)).unwrap();
    house.admin().apply(&rare);
    reason(&house, "rare", "NotVouchedFor");
    let held = reason(&house, "app", "NotVouchedFor");
    assert_eq!(condition(&held, "Stalled").unwrap()["status"], "True");
    assert_eq!(registry.requests(), Vec::<String>::new());

    // The node lists it: then whatever is there is taken, with the pull secret of the account.
    house.agent.list_sources(&format!("{url} unverified\n"));
    let missing = reason(&house, "app", "AuthenticationFailed");
    assert!(
        message(&missing).contains("'flux-system/puller'"),
        "{missing}"
    );
    // One that is asked once an hour hears of it at once, too.
    reason(&house, "rare", "AuthenticationFailed");
    house.admin().delete(&reference("rare"));
    let config = json!({"auths": {registry.host(): {"auth": basic(LOGIN)}}}).to_string();
    house.admin().apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "login", "namespace": "flux-system"},
        "stringData": {".dockerconfigjson": config},
    }));
    house.admin().apply(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "imagePullSecrets": [{"name": "login"}],
        "metadata": {"name": "puller", "namespace": "flux-system"},
    }));
    let stored = revision(&house, "app", &format!("latest@{first}"));

    // Nothing of an archive that somebody made to do harm is used, and nothing of it stays on the disk.
    let place = Directory::new("hostile");
    std::os::unix::fs::symlink("/etc/shadow", place.path().join("link")).unwrap();
    let archive = place.path().join("layer.tgz").display().to_string();
    run(
        "tar",
        &[
            "-C",
            &place.path().display().to_string(),
            "-czf",
            &archive,
            "link",
        ],
    );
    let before = blobs(&house);
    registry.push(
        ("house/app", "latest"),
        LAYER,
        &std::fs::read(&archive).unwrap(),
    );
    let refused = reason(&house, "app", "OCIArtifactLayerOperationFailed");
    assert!(message(&refused).contains("symbolic link"), "{refused}");
    assert_eq!(refused["status"]["artifact"], stored["status"]["artifact"]);
    assert_eq!(blobs(&house), before);

    let two = layer(&[("deploy/map.yaml", &map("two"))]);
    let (second, _) = registry.push(("house/app", "latest"), LAYER, &two);
    revision(&house, "app", &format!("latest@{second}"));

    // The commands know the kind.
    let said = command(&house, "get sources oci");
    assert!(
        said.contains("latest@sha256:") && said.contains("True"),
        "{said}"
    );
    command(&house, "suspend source oci app");
    let (third, _) = registry.push(("house/app", "latest"), LAYER, &one);
    let resumed = command(&house, "resume source oci app");
    assert!(resumed.contains(&third[..20]), "{resumed}");
    let asked = command(&house, "reconcile source oci app");
    assert!(asked.contains("fetched revision"), "{asked}");
    let exported = command(&house, "export source oci app");
    assert!(exported.contains("kind: OCIRepository"), "{exported}");
    command(&house, "delete source oci app --silent");
    assert!(house.admin().get(&reference("app")).is_none());
}

/// A pair of keys as cosign uses them, made and used by openssl(1).
pub(crate) struct Keys(Directory);

impl Keys {
    pub(crate) fn new() -> Self {
        let place = Directory::new("keys");
        let key = place.path().join("key.pem").display().to_string();
        run(
            "openssl",
            &[
                "ecparam",
                "-name",
                "prime256v1",
                "-genkey",
                "-noout",
                "-out",
                &key,
            ],
        );
        Self(place)
    }

    pub(crate) fn public(&self) -> String {
        let key = self.0.path().join("key.pem").display().to_string();
        String::from_utf8(run("openssl", &["ec", "-in", &key, "-pubout"])).unwrap()
    }

    /// Puts a signature of an artifact where cosign puts it.
    pub(crate) fn sign(&self, registry: &Registry, name: &str, artifact: &str) {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": name},
                "image": {"docker-manifest-digest": artifact},
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let signature = self.signature(payload.as_bytes());
        let (layer, config) = (
            registry.blob(name, payload.as_bytes()),
            registry.blob(name, b"{}"),
        );
        let signature = STANDARD.encode(signature);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [{
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": layer, "size": payload.len(),
                "annotations": {"dev.cosignproject.cosign/signature": signature},
            }],
        });
        let tag = format!("{}.sig", artifact.replace(':', "-"));
        registry.manifest((name, &tag), &manifest);
    }

    fn signature(&self, text: &[u8]) -> Vec<u8> {
        let file = |name: &str| self.0.path().join(name).display().to_string();
        std::fs::write(file("text"), text).unwrap();
        let key = file("key.pem");
        run(
            "openssl",
            &["dgst", "-sha256", "-sign", &key, &file("text")],
        )
    }

    /// Puts a bundle with a signature of an artifact where cosign 3 puts it in a registry that has no API for referrers.
    fn sign_in_bundle(&self, registry: &Registry, name: &str, artifact: &str) {
        let kind = "application/vnd.in-toto+json";
        let hex = artifact.strip_prefix("sha256:").unwrap();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": hex}}],
            "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {},
        })
        .to_string();
        let signed = format!(
            "DSSEv1 {} {kind} {} {statement}",
            kind.len(),
            statement.len()
        );
        let signature = STANDARD.encode(self.signature(signed.as_bytes()));
        let bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let bundle = json!({
            "mediaType": bundle_type,
            "verificationMaterial": {"publicKey": {"hint": "x"}, "tlogEntries": []},
            "dsseEnvelope": {"payload": STANDARD.encode(&statement), "payloadType": kind,
                "signatures": [{"sig": signature}]},
        })
        .to_string();
        let (layer, config) = (
            registry.blob(name, bundle.as_bytes()),
            registry.blob(name, b"{}"),
        );
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": bundle_type,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
            "layers": [{"mediaType": bundle_type, "digest": layer, "size": bundle.len()}],
        });
        let digest = registry.manifest((name, "bundle"), &manifest);
        let index = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": bundle_type,
                "digest": digest, "size": manifest.to_string().len(),
            }],
        });
        registry.manifest((name, &artifact.replace(':', "-")), &index);
    }
}

#[test]
fn a_signature_of_cosign_is_asked_for_and_lets_a_tag_move() {
    let Some(registry) = Registry::start(Open::Everybody) else {
        return;
    };
    let (url, keys, others) = (registry.url("/house/app"), Keys::new(), Keys::new());
    let put = |text: &str| {
        let layer = layer(&[("deploy/map.yaml", &map(text))]);
        registry.push(("house/app", "main"), LAYER, &layer).0
    };
    let verify = json!({"provider": "cosign", "secretRef": {"name": "cosign"}});
    let fields = json!({"ref": {"tag": "main"}, "verify": verify});
    let one = put("one");
    let mut house = house(&[("cluster/artifact.yaml", &artifact("app", &url, &fields))]);
    let missing = reason(&house, "app", "VerificationError");
    assert!(
        message(&missing).contains("'flux-system/cosign'"),
        "{missing}"
    );
    house.admin().apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cosign", "namespace": "flux-system"},
        "stringData": {"house.pub": keys.public()},
    }));
    let says = |part: &str| {
        let what = format!("the OCIRepository to say {part}");
        house.admin().wait_for(&what, &reference("app"), |object| {
            condition(object, "SourceVerified")
                .is_some_and(|said| said["message"].as_str().unwrap().contains(part))
        })
    };
    let unsigned = says("no matching signatures were found");
    assert_eq!(
        condition(&unsigned, "SourceVerified").unwrap()["status"],
        "False"
    );
    assert!(unsigned["status"].get("artifact").is_none());
    others.sign(&registry, "house/app", &one);
    says(&format!("'{url}@{one}'"));

    keys.sign(&registry, "house/app", &one);
    let signed = says(&format!("verified signature of revision main@{one}"));
    assert_eq!(
        condition(&signed, "SourceVerified").unwrap()["status"],
        "True"
    );
    revision(&house, "app", &format!("main@{one}"));

    // Other bytes of the tag: held without a signature, taken with one.
    let two = put("two");
    let held = says(&format!("'{url}@{two}'"));
    assert_eq!(held["status"]["artifact"], signed["status"]["artifact"]);
    assert_eq!(condition(&held, "Ready").unwrap()["status"], "False");
    others.sign_in_bundle(&registry, "house/app", &two);
    says(&format!("'{url}@{two}'"));
    keys.sign_in_bundle(&registry, "house/app", &two);
    revision(&house, "app", &format!("main@{two}"));

    let keyless = json!({"ref": {"tag": "main"}, "verify": {"provider": "cosign"}});
    let keyless = artifact("app", &url, &keyless);
    house.push(&[("cluster/artifact.yaml", &keyless)], "Ask for no key");
    house
        .admin()
        .wait_for("it to be refused", &reference("app"), |object| {
            condition(object, "Stalled").is_some_and(|said| {
                said["message"]
                    .as_str()
                    .unwrap()
                    .contains("(keyless) is not supported")
            })
        });
}

/// The names of all blobs that the node keeps.
fn blobs(house: &House) -> Vec<String> {
    let listed = std::fs::read_dir(house.agent.state().join("blobs")).unwrap();
    let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
