//! Requests as each service documents them, accepted and refused. Signatures were made with openssl(1).

use serde_json::json;

use super::*;
use crate::recipient::tests::fields;

/// The secret of GitHub's own example ("Validating webhook deliveries").
const TOKEN: &str = "It's a Secret to Everybody";
/// The word nothing, signed as Nexus does.
const NOTHING: &str = "7d8b16b269f63ae3ab9c557676b99df5d54fbaab";
const PUSH: &str = r#"{"ref":"refs/heads/main"}"#;
const SHA1: &str = "sha1=77c555f0c5ba52aa992c9355bab82f0b149c138b";
const SHA256: &str = "sha256=6a42699496d8c4fb346af1c930df527931a321e28ada69dbc5ee82f438517fd2";
const SHA512: &str = "sha512=92c4cfbc38adc068ab7c9205140540a7ba896378de5605a47457aafcd1660b4b01e4381e864efa97914cb5561efe5f17c0ed66b15293be26442116bd3c9039ff";
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

fn judged(
    type_: &str,
    events: &[&str],
    headers: &[(&str, &str)],
    body: &str,
) -> Result<String, String> {
    let spec: ReceiverSpec = serde_json::from_value(json!({
        "type": type_, "events": events, "secretRef": {"name": "x"},
        "resources": [{"kind": "GitRepository", "name": "house"}],
    }))
    .unwrap();
    let headers = headers.iter();
    let headers: Vec<(String, Vec<u8>)> = headers
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    let request = Incoming {
        headers: &headers,
        body: body.as_bytes(),
    };
    match admit(&spec, &fields(&[("token", TOKEN)]), request) {
        Ok(admitted) => Ok(admitted.about),
        Err(refused) => Err(refused.to_string()),
    }
}

#[track_caller]
fn refused(what: &str, judged: Result<String, String>) {
    let error = judged.expect_err(what);
    assert!(error.contains(what), "{error}");
    assert!(!error.contains(TOKEN), "{error}");
}

#[test]
fn the_path_is_the_digest_that_flux_computes() {
    // printf tokengithub-receiverflux-system | sha256sum
    assert_eq!(
        webhook_path("token", "flux-system", "github-receiver"),
        "/hook/8ed710969b945c0dc10d6d0b5084e120ec2228353d1fe42d56be5ba88500e684"
    );
}

#[test]
fn github_signs_and_names_its_event() {
    let judge = |events: &[&str], signature: (&str, &str)| {
        let headers = [JSON, ("x-github-event", "push"), signature];
        judged("github", events, &headers, PUSH)
    };
    for signature in [
        ("x-hub-signature-256", SHA256),
        ("x-hub-signature-256", SHA512),
        ("x-hub-signature", SHA1),
    ] {
        let about = judge(&["ping", "Push"], signature).unwrap();
        assert_eq!(about, "GitHub event \"push\"");
        assert!(judge(&[], signature).is_ok());
    }
    // GitHub's own example.
    let example = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = [JSON, ("x-hub-signature-256", example)];
    assert!(judged("github", &[], &headers, "Hello, World!").is_ok());
    refused(
        "not in spec.events",
        judge(&["ping"], ("x-hub-signature", SHA1)),
    );
    refused(
        "not that of the token",
        judge(&[], ("x-hub-signature-256", example)),
    );
    refused("no header x-hub-signature", judge(&[], ("x-other", SHA256)));
    // The newer header counts alone, where there are both.
    let both = [
        JSON,
        ("x-hub-signature-256", example),
        ("x-hub-signature", SHA1),
    ];
    refused("not that of the token", judged("github", &[], &both, PUSH));
    for (signature, what) in [
        ("md5=00", "another hash"),
        ("sha256", "hash=digits"),
        ("sha256=xyz", "hexadecimal"),
        ("sha256=", "not that of the token"),
        ("sha256=6a42", "not that of the token"),
    ] {
        refused(what, judge(&[], ("x-hub-signature-256", signature)));
    }
    let plain = [("content-type", "text/plain"), ("x-hub-signature", SHA1)];
    refused("content type", judged("github", &[], &plain, PUSH));
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-hub-signature", SHA1),
    ];
    assert!(judged("github", &[], &form, PUSH).is_ok());
}

#[test]
fn bitbucket_signs_as_github_and_names_its_event_elsewhere() {
    let headers = [
        JSON,
        ("x-hub-signature", SHA256),
        ("x-event-key", "repo:refs_changed"),
    ];
    assert!(judged("bitbucket", &["repo:refs_changed"], &headers, PUSH).is_ok());
    refused(
        "spec.events",
        judged("bitbucket", &["pr:merged"], &headers, PUSH),
    );
    refused(
        "not that of the token",
        judged("bitbucket", &[], &headers, "{}"),
    );
}

#[test]
fn gitlab_and_harbor_send_the_token() {
    let gitlab = |token| [("x-gitlab-token", token), ("x-gitlab-event", "Push Hook")];
    assert!(
        judged(
            "gitlab",
            &["Push Hook", "Tag Push Hook"],
            &gitlab(TOKEN),
            PUSH
        )
        .is_ok()
    );
    refused(
        "spec.events",
        judged("gitlab", &["Tag Push Hook"], &gitlab(TOKEN), PUSH),
    );
    for wrong in [
        "another",
        "It's a Secret to Everybod",
        "It's a Secret to Everybody!",
    ] {
        refused("another one", judged("gitlab", &[], &gitlab(wrong), PUSH));
        refused(
            "another one",
            judged("harbor", &[], &[("authorization", wrong)], PUSH),
        );
    }
    refused("no header x-gitlab-token", judged("gitlab", &[], &[], PUSH));
    refused("no header authorization", judged("harbor", &[], &[], PUSH));
    assert!(judged("harbor", &[], &[("authorization", TOKEN)], PUSH).is_ok());
}

#[test]
fn a_signed_request_of_anybody_is_taken_and_another_is_not() {
    let sign = |signature| [("x-signature", signature)];
    for signature in [SHA1, SHA256, SHA512] {
        assert!(judged("generic-hmac", &[], &sign(signature), PUSH).is_ok());
        refused(
            "not that",
            judged("generic-hmac", &[], &sign(signature), ""),
        );
    }
    refused(
        "no header x-signature",
        judged("generic-hmac", &[], &[], ""),
    );
    // Whoever knows the path of a generic one is believed.
    assert!(judged("generic", &[], &[], "").is_ok());
}

#[test]
fn nexus_signs_with_sha1_and_says_which_repository() {
    let body = r#"{"action":"UPDATED","repositoryName":"docker"}"#;
    let digits = "9bc562cadd6957510d2327485985ece4d2db1850";
    let headers = [("x-nexus-webhook-signature", digits)];
    let about = judged("nexus", &[], &headers, body).unwrap();
    assert_eq!(about, "Nexus event from \"docker\"");
    refused(
        "not that of the token",
        judged("nexus", &[], &headers, PUSH),
    );
    refused("no header", judged("nexus", &[], &[], body));
    let signed = [("x-nexus-webhook-signature", NOTHING)];
    refused("none of Nexus", judged("nexus", &[], &signed, "nothing"));
}

#[test]
fn registries_that_sign_nothing_have_to_send_what_they_send() {
    let docker_hub = r#"{"callback_url":"https://registry.hub.docker.com/u/me/app/hook/x/",
        "push_data":{"pushed_at":1417566161,"pusher":"me","tag":"latest"},
        "repository":{"name":"app","repo_name":"me/app","repo_url":"https://hub.docker.com/r/me/app"}}"#;
    let quay = r#"{"name":"repository","repository":"me/app","namespace":"me",
        "docker_url":"quay.io/me/app","homepage":"https://quay.io/repository/me/app","updated_tags":["latest","1.2"]}"#;
    let acr = r#"{"id":"x","timestamp":"2017-11-17T16:52:01.343145347Z","action":"push",
        "target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":524,
        "digest":"sha256:80f0","length":524,"repository":"app","tag":"v1"},"request":{"id":"y","method":"PUT"}}"#;
    for (type_, body, expected) in [
        (
            "dockerhub",
            docker_hub,
            "Docker Hub event from \"https://hub.docker.com/r/me/app\" for \"latest\"",
        ),
        (
            "quay",
            quay,
            "Quay event from \"quay.io/me/app\" for \"latest, 1.2\"",
        ),
        ("acr", acr, "ACR event from \"app\" for \"v1\""),
    ] {
        assert_eq!(judged(type_, &[], &[], body).as_deref(), Ok(expected));
        for wrong in ["", "nothing", "[1", "7"] {
            refused("the body is none of", judged(type_, &[], &[], wrong));
        }
    }
    refused(
        "none of Quay",
        judged("quay", &[], &[], r#"{"updated_tags":"latest"}"#),
    );
    refused(
        "none of Docker Hub",
        judged("dockerhub", &[], &[], r#"{"push_data":[1,2]}"#),
    );
}

#[test]
fn a_cd_event_has_what_the_specification_asks_for() {
    // CDEvents 0.4, "change merged".
    let event = json!({
        "context": {
            "version": "0.4.1", "id": "271069a8", "source": "/event/source/123",
            "type": "dev.cdevents.change.merged.0.2.0", "timestamp": "2023-03-20T14:27:05.315384Z",
        },
        "subject": {"id": "mySubject123", "type": "change", "content": {}},
    });
    let merged = [("ce-type", "dev.cdevents.change.merged.0.2.0")];
    let listed = ["dev.cdevents.change.merged.0.2.0"];
    assert!(judged("cdevents", &listed, &merged, &event.to_string()).is_ok());
    refused(
        "spec.events",
        judged("cdevents", &["cd.x"], &merged, &event.to_string()),
    );
    for (place, value) in [
        ("/context/version", json!(null)),
        ("/context/id", json!("")),
        ("/context/type", json!("com.example.pushed.1.0.0")),
        ("/context/type", json!("dev.cdevents.change.merged.new")),
        ("/subject", json!([])),
    ] {
        let mut wrong = event.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        refused(
            "CDEvent",
            judged("cdevents", &[], &merged, &wrong.to_string()),
        );
    }
    refused("none of CDEvents", judged("cdevents", &[], &merged, "[]"));
}

#[test]
fn an_empty_token_proves_nothing() {
    let spec: ReceiverSpec = serde_json::from_value(json!({
        "type": "generic", "secretRef": {"name": "x"}, "resources": [],
    }))
    .unwrap();
    let request = Incoming {
        headers: &[],
        body: b"",
    };
    for secret in [fields(&[]), fields(&[("token", "")])] {
        assert!(admit(&spec, &secret, request).is_err());
    }
}

#[test]
fn what_says_that_it_is_json_is() {
    let is_json = |value: &str| {
        let headers = [("content-type".to_owned(), value.as_bytes().to_vec())];
        let request = Incoming {
            headers: &headers,
            body: b"",
        };
        request.is_json()
    };
    assert!(is_json("application/json") && is_json("Application/JSON; charset=utf-8"));
    assert!(!is_json("application/x-www-form-urlencoded") && !is_json(""));
}
