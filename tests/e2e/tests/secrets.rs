//! Encrypted files: who may open them, what becomes of them, and that no plaintext is anywhere but in its Secret.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;

use crate::house::{House, kustomization, nested, ready};

/// What every plaintext of the fixtures starts or ends with.
const CANARY: &str = "7f3a91";
const SYSTEM: &str = "flux-system";

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/sops/encrypted");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn key(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agent/sops/tests/golden/keys");
    folder.join(name)
}

/// A Secret with the keys of a file, as `spec.decryption.secretRef` names it.
fn key_secret(name: &str, field: &str, file: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SYSTEM},
        "data": {field: STANDARD.encode(fs::read(key(file)).unwrap())},
    })
}

fn sops(secret: Option<&str>) -> Value {
    match secret {
        Some(name) => json!({"provider": "sops", "secretRef": {"name": name}}),
        None => json!({"provider": "sops"}),
    }
}

/// A Kustomization of its own folder that puts everything into its own namespace.
fn into(name: &str, path: &str, decryption: Value) -> String {
    let spec = json!({"decryption": decryption, "targetNamespace": name, "retryInterval": "1h"});
    nested(name, path, spec)
}

fn spaces(names: &[&str]) -> String {
    let spaces = names.iter().map(|name| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string()
    });
    spaces.collect::<Vec<_>>().join("\n---\n")
}

fn prepare(files: &[(&str, &str)]) -> House {
    let mut house = House::prepare(&Options::api_server(), files);
    house.agent.set("root", "path", "./cluster");
    let node_key = house.agent.path().join("node.agekey");
    fs::copy(key("one.agekey"), &node_key).unwrap();
    fs::set_permissions(&node_key, fs::Permissions::from_mode(0o600)).unwrap();
    house
        .agent
        .set("sops", "age_key_file", node_key.to_str().unwrap());
    house
}

fn secret_text(house: &House, namespace: &str, name: &str, field: &str) -> Option<String> {
    let secret = house
        .admin()
        .get(&ObjectRef::new("v1", "Secret", namespace, name))?;
    let text = secret["data"][field].as_str()?;
    Some(String::from_utf8(STANDARD.decode(text).unwrap()).unwrap())
}

/// Waits until a Kustomization is not ready for that reason, with a message that contains `part`; gives the message.
fn fails(house: &House, name: &str, reason: &str, part: &str) -> String {
    let what = format!("{name} to fail with {reason} and {part:?}");
    let object = house
        .admin()
        .wait_for(&what, &kustomization(SYSTEM, name), |object| {
            let ready = ready(object);
            let message = ready["message"].as_str().unwrap_or_default();
            ready["status"] == "False" && ready["reason"] == reason && message.contains(part)
        });
    ready(&object)["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Every file below a directory that holds the text, in any of the forms it could have been written in.
fn holding(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            holding(&path, found);
        } else if let Ok(bytes) = fs::read(&path)
            && tells(&bytes)
        {
            found.push(path);
        }
    }
}

fn tells(bytes: &[u8]) -> bool {
    let mut forms = vec![CANARY.as_bytes().to_vec()];
    for shift in 0..3 {
        // Base64 of a text depends on where in three bytes it starts.
        let encoded = STANDARD.encode([&vec![b'-'; shift][..], CANARY.as_bytes()].concat());
        let inner = &encoded[(shift * 8).div_ceil(6)..(shift + CANARY.len()) * 8 / 6];
        forms.push(inner.as_bytes().to_vec());
    }
    forms
        .iter()
        .any(|form| bytes.windows(form.len()).any(|window| window == &form[..]))
}

#[test]
fn t35_encrypted_files_of_every_kind_reach_the_cluster_and_their_plaintext_nothing_else() {
    let resources = "resources: [secret.yaml, plain.yaml]\npatches:\n  - path: patch.yaml\n  - target: {kind: Secret, name: whole}\n    \
        patch: '[{op: add, path: /metadata/labels, value: {patched: \"yes\"}}]'\nsecretGenerator:\n  \
        - name: generated\n    files: [values.yaml]\n    envs: [app.env]\n";
    let names = [
        "age", "pgp", "node", "wrong", "missing", "refused", "account", "leaky", "copied", "cut",
    ];
    let all = [
        spaces(&names),
        into("age", "./age", sops(Some("age"))),
        into("pgp", "./pgp", sops(Some("pgp"))),
        into("node", "./node", sops(None)),
        into("wrong", "./node", sops(Some("wrong"))),
        into("missing", "./node", sops(Some("nowhere"))),
        into("refused", "./refused", sops(None)),
        into("copied", "./copied", sops(None)),
        into("cut", "./cut", sops(None)),
        into(
            "account",
            "./node",
            json!({"provider": "sops", "serviceAccountName": "somebody"}),
        ),
        nested(
            "leaky",
            "./leaky",
            json!({"targetNamespace": "leaky", "retryInterval": "1h",
            "postBuild": {"substituteFrom": [{"kind": "Secret", "name": "variables"}]}}),
        ),
    ]
    .join("\n---\n");
    let leaky = "apiVersion: v1\nkind: Service\nmetadata:\n  name: leaky\nspec:\n  type: ${kind}\n  ports:\n    - port: 80\n";
    // What was opened before the build, copied to where the API server, or the build itself, quotes it.
    let copied = "resources: [plain.yaml, service.yaml]\npatches: [{path: patch.yaml}]\nreplacements:\n  \
        - source: {kind: Secret, fieldPath: stringData.patched}\n    \
        targets: [{select: {kind: Service}, fieldPaths: [spec.type]}]\n";
    let cut = "resources: [service.yaml]\nsecretGenerator: [{name: g, envs: [app.env]}]\nreplacements:\n  \
        - source: {kind: Secret, fieldPath: data.TOKEN, options: {delimiter: ':', index: 9}}\n    \
        targets: [{select: {kind: Service}, fieldPaths: [spec.type]}]\n";
    let plain = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: plain\n";
    let service = leaky.replace("${kind}", "ClusterIP");
    let mut house = prepare(&[
        ("cluster/all.yaml", &all),
        ("copied/kustomization.yaml", copied),
        ("copied/plain.yaml", plain),
        ("copied/service.yaml", &service),
        ("copied/patch.yaml", &fixture("patch.yaml")),
        ("cut/kustomization.yaml", cut),
        ("cut/service.yaml", &service),
        ("cut/app.env", &fixture("app.env")),
        ("age/kustomization.yaml", resources),
        ("age/secret.yaml", &fixture("secret.yaml")),
        ("age/plain.yaml", plain),
        ("age/values.yaml", &fixture("values.yaml")),
        ("age/app.env", &fixture("app.env")),
        ("age/patch.yaml", &fixture("patch.yaml")),
        ("pgp/secret.yaml", &fixture("secret-pgp.yaml")),
        ("node/secret.yaml", &fixture("secret.yaml")),
        ("refused/service.yaml", &fixture("service.yaml")),
        ("leaky/service.yaml", leaky),
    ]);
    house
        .admin()
        .apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}));
    house.admin().apply_all(&[
        key_secret("age", "one.agekey", "one.agekey"),
        key_secret("pgp", "two.asc", "two.asc"),
        key_secret("wrong", "two.agekey", "two.agekey"),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "variables", "namespace": SYSTEM},
            "stringData": {"kind": format!("canary-variable-{CANARY}")}}),
    ]);
    house.agent.start();

    // Whole objects, patches, and what secretGenerators read; by each kind of key.
    for name in ["age", "pgp", "node"] {
        house.ready(SYSTEM, name);
        let password = secret_text(&house, name, "whole", "password");
        assert_eq!(password.as_deref(), Some("canary-whole-7f3a91"), "{name}");
    }
    assert_eq!(
        secret_text(&house, "age", "plain", "patched").as_deref(),
        Some("canary-patch-7f3a91")
    );
    let whole = house
        .admin()
        .get(&ObjectRef::new("v1", "Secret", "age", "whole"))
        .unwrap();
    assert_eq!(whole["metadata"]["labels"]["patched"], "yes");
    assert_eq!(whole.get("sops"), None);
    let secrets = house.admin().list("v1", "Secret", "age", "");
    let generated = secrets
        .iter()
        .map(|secret| secret["metadata"]["name"].as_str().unwrap());
    let generated = generated
        .into_iter()
        .find(|name| name.starts_with("generated-"))
        .unwrap();
    let values = secret_text(&house, "age", generated, "values.yaml").unwrap();
    assert!(
        values.contains("password: canary-values-7f3a91"),
        "{values}"
    );
    let token = secret_text(&house, "age", generated, "TOKEN");
    assert_eq!(token.as_deref(), Some("canary-env-7f3a91"));

    // What cannot be opened says which key is missing, as Flux begins to say it.
    let message = fails(
        &house,
        "wrong",
        "BuildFailed",
        "none of the 1 age keys at hand opens it",
    );
    let begins = "decryption failed for 'Secret.v1.[noGrp]/whole': failed to decrypt and format 'wrong/whole' Secret data: \
        cannot get sops data key: age1";
    assert!(message.starts_with(begins), "{message}");
    fails(
        &house,
        "missing",
        "BuildFailed",
        "secrets \"nowhere\" not found",
    );
    fails(
        &house,
        "account",
        "BuildFailed",
        "spec.decryption.serviceAccountName is not supported",
    );
    // The API server quotes what it refuses.
    fails(&house, "cut", "BuildFailed", "\"***\" has no part 9");
    for name in ["refused", "leaky", "copied"] {
        let message = fails(&house, name, "ReconciliationFailed", "***");
        assert!(message.contains("spec.type"), "{message}");
    }

    // T35: nothing of it is anywhere else.
    let mut found = Vec::new();
    holding(house.agent.path(), &mut found);
    assert!(found.is_empty(), "on disk: {found:?}");
    assert!(!tells(house.agent.log().as_bytes()), "in the log");
    let mut told = Vec::new();
    told.extend(
        house
            .admin()
            .list(crate::house::KUSTOMIZATION, "Kustomization", SYSTEM, ""),
    );
    told.extend(house.admin().list("v1", "Event", SYSTEM, ""));
    assert!(told.len() > names.len(), "there is something to look at");
    for object in told {
        assert!(!tells(object.to_string().as_bytes()), "{object}");
    }
    let kubeconfig = house.control_plane.kubeconfig(User::Admin);
    for line in [
        "get all -A",
        "events -A",
        "tree kustomization age -n flux-system",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = windlass(&kubeconfig, &arguments);
        assert!(
            !tells(&output.stdout) && !tells(&output.stderr),
            "windlass {line}"
        );
    }
    // The API server logs its own refusals with what it refused; what was asked says nothing.
    let audit = fs::read_to_string(house.control_plane.path().join("audit.log")).unwrap();
    assert!(audit.lines().count() > names.len(), "there is an audit log");
    for line in audit.lines().filter(|line| tells(line.as_bytes())) {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["objectRef"]["resource"], "services", "{line}");
        assert_eq!(record["responseStatus"]["code"], 422, "{line}");
    }
}

#[test]
fn t37_a_tampered_secret_is_refused_or_told_of_and_the_live_one_is_left_alone() {
    let intact = fixture("secret.yaml");
    let all = [spaces(&["safe"]), into("safe", "./safe", sops(None))].join("\n---\n");
    let mut house = prepare(&[("cluster/all.yaml", &all), ("safe/secret.yaml", &intact)]);
    house.agent.start();
    house.ready(SYSTEM, "safe");
    let secret = ObjectRef::new("v1", "Secret", "safe", "whole");
    let version =
        |house: &House| house.admin().get(&secret).unwrap()["metadata"]["resourceVersion"].clone();
    let before = version(&house);

    let line = |key: &str| {
        intact
            .lines()
            .find(|line| line.trim_start().starts_with(key))
            .unwrap()
    };
    let value = |key: &str| line(key).split_once(": ").unwrap().1;
    let moved = intact
        .replace(value("password:"), "X")
        .replace(value("token:"), value("password:"));
    let moved = moved.replace("password: X", &format!("password: {}", value("token:")));
    let start = intact.find("sops:").unwrap();
    for (tampered, reason, part) in [
        (moved.as_str(), "BuildFailed", "stringData.password"),
        (
            &intact.replace("type:str]", "type:int]"),
            "BuildFailed",
            "error decrypting sops tree",
        ),
        (
            &intact.replace(value("password:"), "by-hand"),
            "BuildFailed",
            "does not match sops' data format",
        ),
        (&intact[..start], "DecryptIntegrity", "no sops block"),
    ] {
        assert_ne!(tampered, intact);
        house.push(&[("safe/secret.yaml", tampered)], "Tamper");
        let message = fails(&house, "safe", reason, part);
        assert!(!message.contains("by-hand"), "{message}");
        assert_eq!(version(&house), before, "{message}");
    }

    // A value taken away: only the MAC tells. Flux never looks, so it is applied, and said.
    let without = intact.replace(&format!("{}\n", line("token:")), "");
    house.push(&[("safe/secret.yaml", &without)], "Take one away");
    let reference = kustomization(SYSTEM, "safe");
    let object = house
        .admin()
        .wait_for("the condition", &reference, |object| {
            condition(object, "DecryptIntegrity").is_some() && ready(object)["status"] == "True"
        });
    let doubt = condition(&object, "DecryptIntegrity").unwrap();
    assert_eq!(doubt["status"], "False");
    assert!(
        doubt["message"]
            .as_str()
            .unwrap()
            .contains("safe/secret.yaml"),
        "{doubt}"
    );
    assert_eq!(secret_text(&house, "safe", "whole", "token"), None);
    wait::until("the event", std::time::Duration::from_secs(30), || {
        let events = house.admin().list("v1", "Event", SYSTEM, "");
        let found = events
            .iter()
            .any(|event| event["reason"] == "DecryptIntegrity");
        found
            .then_some(())
            .ok_or_else(|| format!("{} events", events.len()))
    });

    // Where the node requires it, it is refused.
    house.agent.stop();
    house.agent.set_raw("sops", "require_mac", "true");
    house.agent.start();
    fails(&house, "safe", "DecryptIntegrity", "its MAC does not fit");
    // So is a value that was added, a MAC of something else, a switch of what the MAC is over, and no MAC at all.
    house.push(&[("safe/secret.yaml", &intact)], "Encrypt anew");
    house.ready(SYSTEM, "safe");
    let before = version(&house);
    let (mac, rule, time) = (
        line("mac:"),
        line("encrypted_regex:"),
        line("lastmodified:"),
    );
    let misfit = ("DecryptIntegrity", "its MAC does not fit");
    for (tampered, (reason, part)) in [
        (
            intact.replace("    name: whole", "    labels: {by: hand}\n    name: whole"),
            misfit,
        ),
        (
            intact.replace(rule, &format!("{rule}\n    mac_only_encrypted: true")),
            misfit,
        ),
        (
            intact.replace(time, "    lastmodified: \"2026-11-26T00:00:00Z\""),
            misfit,
        ),
        (
            intact.replace(&format!("{mac}\n"), ""),
            ("ReconciliationFailed", "is SOPS encrypted"),
        ),
    ] {
        assert_ne!(tampered, intact);
        house.push(&[("safe/secret.yaml", &tampered)], "Tamper again");
        let message = fails(&house, "safe", reason, part);
        assert_eq!(version(&house), before, "{message}");
        // The next refusal is another one only if this one is over.
        house.push(&[("safe/secret.yaml", &intact)], "Encrypt anew");
        house.ready(SYSTEM, "safe");
    }
    let object = house.ready(SYSTEM, "safe");
    assert!(condition(&object, "DecryptIntegrity").is_none(), "{object}");
    assert!(secret_text(&house, "safe", "whole", "token").is_some());
}
