//! Apply, patch, delete, events: what reaches the API server and what it says back.

use std::collections::BTreeMap;

use serde_json::json;
use windlass_cluster::{
    ApplyOptions, Authority, ErrorClass, EventSpec, EventType, ObjectReference, PatchOptions,
    Preconditions, Propagation,
};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;

use crate::suite::support::{APPLY, agent, config_map, config_maps, object, plane, resolve};

const STATUS: PatchOptions<'_> = PatchOptions {
    subresource: Some("status"),
    manager: "windlass-test",
};
const WHOLE: PatchOptions<'_> = PatchOptions {
    subresource: None,
    manager: "windlass-test",
};

#[tokio::test]
async fn apply_makes_an_object_and_a_dry_run_changes_nothing() {
    let namespace = plane().namespace("apply");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let desired = config_map(&namespace, "web", "one");
    let seen = cluster
        .apply_dry_run(&resource, &desired, &APPLY)
        .await
        .expect("a dry run");
    assert!(seen.uid().is_some());
    assert_eq!(
        cluster
            .get(&resource, &namespace, "web")
            .await
            .expect("an answer"),
        None
    );

    let applied = cluster
        .apply(Authority::Person, &resource, &desired, &APPLY)
        .await
        .expect("it is applied");
    assert_eq!((applied.kind(), applied.api_version()), ("ConfigMap", "v1"));
    let managers = applied
        .pointer("/metadata/managedFields/0/manager")
        .and_then(|manager| manager.as_str());
    assert_eq!(managers, Some("windlass-test"));

    let other = cluster
        .apply_dry_run(&resource, &config_map(&namespace, "web", "two"), &APPLY)
        .await
        .expect("a dry run");
    assert_eq!(other.pointer("/data/key"), Some(&json!("two")));
    let live = cluster
        .get(&resource, &namespace, "web")
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!(live.pointer("/data/key"), Some(&json!("one")));
}

#[tokio::test]
async fn a_field_of_another_manager_is_a_conflict_unless_forced() {
    let namespace = plane().namespace("conflict");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    cluster
        .apply(
            Authority::Person,
            &resource,
            &config_map(&namespace, "web", "one"),
            &APPLY,
        )
        .await
        .expect("applied");
    let theirs = ApplyOptions {
        manager: "somebody",
        force: false,
    };
    let desired = config_map(&namespace, "web", "two");
    let error = cluster
        .apply(Authority::Person, &resource, &desired, &theirs)
        .await
        .expect_err("a conflict");
    assert_eq!(error.class(), ErrorClass::Conflict);
    assert!(
        error.message.contains("windlass-test") && error.message.contains(".data.key"),
        "{error}"
    );
    let forced = ApplyOptions {
        force: true,
        ..theirs
    };
    cluster
        .apply(Authority::Person, &resource, &desired, &forced)
        .await
        .expect("it is taken over");
}

#[tokio::test]
async fn what_the_server_rejects_is_named_with_the_object_and_the_field() {
    let namespace = plane().namespace("reject");
    let cluster = agent(plane());
    let resource = resolve(&cluster, "apps/v1", "Deployment").await;
    let broken = |spec: serde_json::Value| {
        object(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": namespace}, "spec": spec}))
    };
    let error = cluster
        .apply_dry_run(&resource, &broken(json!({"replica": 1})), &APPLY)
        .await
        .expect_err("no such field");
    assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
    assert!(
        error
            .to_string()
            .contains(".spec.replica: field not declared in schema"),
        "{error}"
    );
    assert_eq!(error.object, format!("Deployment/{namespace}/web"));
    let error = cluster
        .apply_dry_run(&resource, &broken(json!({"replicas": 1})), &APPLY)
        .await
        .expect_err("incomplete");
    assert_eq!(
        (error.class(), error.status),
        (ErrorClass::Invalid, Some(422)),
        "{error}"
    );
}

#[tokio::test]
async fn a_rejected_secret_leaves_no_value_in_the_error() {
    let namespace = plane().namespace("secret");
    let cluster = agent(plane());
    let resource = resolve(&cluster, "v1", "Secret").await;
    let secret = |fields: serde_json::Value| {
        let mut value = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}});
        value
            .as_object_mut()
            .expect("a map")
            .extend(fields.as_object().expect("a map").clone());
        object(value)
    };
    let bodies = [
        json!({"stringData": {"k": 31_337_424_242_u64}}),
        json!({"data": {"k": "canary-not-base64!"}}),
        json!({"stringData": {"k": {"nested": "canary-nested"}}}),
        json!({"stringData": {"bad key/canary": "canary-value"}, "type": "kubernetes.io/tls"}),
        json!({"stringData": {"k": "canary-value"}, "canary": "canary-field"}),
        json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "canary-json"}}),
    ];
    for body in bodies {
        let result = cluster
            .apply(Authority::Person, &resource, &secret(body.clone()), &APPLY)
            .await;
        let error = result.expect_err("it is rejected");
        let text = format!("{error} {error:?}");
        for canary in [
            "31337424242",
            "canary-not",
            "canary-nested",
            "canary-value",
            "canary-field",
            "canary-json",
        ] {
            assert!(!text.contains(canary), "{body}: {text}");
        }
    }
}

#[tokio::test]
async fn a_delete_keeps_its_preconditions() {
    let namespace = plane().namespace("delete");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let applied = cluster
        .apply(
            Authority::Person,
            &resource,
            &config_map(&namespace, "web", "one"),
            &APPLY,
        )
        .await;
    let applied = applied.expect("it is applied");
    let exact = Preconditions {
        uid: applied.uid().map(str::to_owned),
        resource_version: applied.resource_version().map(str::to_owned),
    };
    let delete = async |conditions: &Preconditions| {
        cluster
            .delete(
                Authority::Person,
                &resource,
                &namespace,
                "web",
                conditions,
                Propagation::Background,
            )
            .await
    };
    let other = Preconditions {
        uid: Some("another".to_owned()),
        ..exact.clone()
    };
    assert_eq!(
        delete(&other).await.expect_err("another uid").class(),
        ErrorClass::Conflict
    );
    plane()
        .admin()
        .apply(config_map(&namespace, "web", "two").as_value());
    assert_eq!(
        delete(&exact).await.expect_err("it was changed").class(),
        ErrorClass::Conflict
    );
    let by_uid = Preconditions {
        resource_version: None,
        ..exact
    };
    delete(&by_uid).await.expect("the same object");
    assert_eq!(
        delete(&by_uid).await.expect_err("it is gone").class(),
        ErrorClass::NotFound
    );
}

#[tokio::test]
async fn create_replace_and_patches_know_about_other_writers() {
    let namespace = plane().namespace("patch");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let desired = config_map(&namespace, "web", "one");
    let created = cluster
        .create(Authority::Person, &resource, &desired, "windlass-test")
        .await
        .expect("created");
    let error = cluster
        .create(Authority::Person, &resource, &desired, "windlass-test")
        .await
        .expect_err("it exists");
    assert_eq!(
        (error.class(), error.reason.as_str()),
        (ErrorClass::Conflict, "AlreadyExists")
    );

    let patch = json!({"data": {"key": null, "other": "x"}});
    let patched = cluster
        .patch_merge(
            Authority::Person,
            &resource,
            &namespace,
            "web",
            &patch,
            &WHOLE,
        )
        .await
        .expect("patched");
    assert_eq!(patched.pointer("/data"), Some(&json!({"other": "x"})));
    let error = cluster
        .replace(Authority::Person, &resource, &created, &WHOLE)
        .await
        .expect_err("it was changed since");
    assert_eq!(error.class(), ErrorClass::Conflict);
}

#[tokio::test]
async fn a_json_patch_whose_test_fails_changes_nothing() {
    let namespace = plane().namespace("test");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let patch = async |patch: serde_json::Value| {
        let authority = Authority::Person;
        cluster
            .patch_json(authority, &resource, &namespace, "web", &patch, &WHOLE)
            .await
    };
    let remove = json!({"op": "remove", "path": "/data/key"});
    let error = patch(json!([remove]))
        .await
        .expect_err("there is nothing yet");
    assert_eq!(error.class(), ErrorClass::NotFound);
    plane()
        .admin()
        .apply(config_map(&namespace, "web", "x").as_value());
    let test = json!({"op": "test", "path": "/data/key", "value": "y"});
    let error = patch(json!([test, remove]))
        .await
        .expect_err("the test fails");
    assert_eq!(error.class(), ErrorClass::Invalid);
    let patched = patch(json!([remove])).await.expect("patched");
    assert_eq!(patched.pointer("/data"), None);
}

#[tokio::test]
async fn the_status_is_a_place_of_its_own() {
    let namespace = plane().namespace("status");
    let cluster = agent(plane());
    let resource = resolve(&cluster, "v1", "Pod").await;
    assert!(resource.has_status && !config_maps(&cluster).await.has_status);
    let pod = object(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace},
        "spec": {"serviceAccountName": "default", "automountServiceAccountToken": false,
                 "containers": [{"name": "c", "image": "x"}]}}),
    );
    plane()
        .admin()
        .apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace}}));
    cluster
        .apply(Authority::Person, &resource, &pod, &APPLY)
        .await
        .expect("applied");
    let patch = json!({"status": {"message": "hello"}, "metadata": {"labels": {"x": "y"}}});
    let patched = cluster
        .patch_merge(
            Authority::Person,
            &resource,
            &namespace,
            "p",
            &patch,
            &STATUS,
        )
        .await
        .expect("patched");
    assert_eq!(patched.pointer("/status/message"), Some(&json!("hello")));
    let patch = json!({"status": {"message": "ignored"}});
    let patched = cluster
        .patch_merge(
            Authority::Person,
            &resource,
            &namespace,
            "p",
            &patch,
            &WHOLE,
        )
        .await
        .expect("patched");
    assert_eq!(patched.pointer("/status/message"), Some(&json!("hello")));
}

#[tokio::test]
async fn an_impersonated_write_is_judged_as_the_service_account() {
    let namespace = plane().namespace("tenant");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let mark = plane().audit().mark();
    let tenant = cluster
        .as_service_account(&namespace, "deployer")
        .expect("an identity");
    let error = tenant
        .apply(
            Authority::Person,
            &resource,
            &config_map(&namespace, "web", "x"),
            &APPLY,
        )
        .await;
    let error = error.expect_err("the account has no rights");
    assert_eq!(error.class(), ErrorClass::Forbidden);
    let account = format!("system:serviceaccount:{namespace}:deployer");
    assert!(error.message.contains(&account), "{error}");
    let requests = plane().audit().requests(User::Agent, mark);
    let request = requests
        .iter()
        .find(|request| request.namespace == namespace)
        .expect("it is in the audit log");
    assert_eq!(request.impersonated, account);
}

#[tokio::test]
async fn t34_an_empty_identity_sends_nothing() {
    let cluster = agent(plane());
    for (namespace, name) in [
        ("", "a"),
        ("a", ""),
        ("a", "b\r\nx: y"),
        ("a", "b:c"),
        ("A", "b"),
    ] {
        let error = cluster
            .as_service_account(namespace, name)
            .expect_err("no identity");
        assert_eq!(error.class(), ErrorClass::Invalid, "{namespace:?} {name:?}");
    }
}

#[tokio::test]
async fn an_event_is_one_that_kubectl_shows() {
    let namespace = plane().namespace("event");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let applied = cluster
        .apply(
            Authority::Person,
            &resource,
            &config_map(&namespace, "web", "x"),
            &APPLY,
        )
        .await;
    let spec = EventSpec {
        regarding: ObjectReference::from(&applied.expect("applied")),
        event_type: EventType::Warning,
        reason: "DriftCorrected".to_owned(),
        message: "somebody changed .data.key".to_owned(),
        annotations: BTreeMap::from([(
            "kustomize.toolkit.fluxcd.io/revision".to_owned(),
            "main@sha1:1".to_owned(),
        )]),
        component: "kustomize-controller".to_owned(),
        instance: "node-1".to_owned(),
    };
    for times in 1..=3 {
        let published = cluster.publish_event(Authority::Person, &spec).await;
        published.expect("published");
        let events = plane().admin().list("v1", "Event", &namespace, "");
        let [event] = events.as_slice() else {
            panic!("one event, not {events:?}")
        };
        assert_eq!(event["count"].as_u64(), Some(times));
    }
    let events = plane().admin().list("v1", "Event", &namespace, "");
    let event = events.first().expect("one event");
    assert_eq!(event["involvedObject"]["name"], "web");
    assert_eq!(event["source"]["component"], "kustomize-controller");
    assert_eq!(event["type"], "Warning");
    let name = event["metadata"]["name"].as_str().expect("a name");
    assert!(name.starts_with("web."), "{name}");

    // One that is gone is written anew; a long list of changes is kept whole.
    plane()
        .admin()
        .delete(&ObjectRef::new("v1", "Event", &namespace, name));
    cluster
        .publish_event(Authority::Person, &spec)
        .await
        .expect("published");
    let long = EventSpec {
        message: "Deployment/apps/web configured\n".repeat(900),
        ..spec
    };
    cluster
        .publish_event(Authority::Person, &long)
        .await
        .expect("published");
    let events = plane().admin().list("v1", "Event", &namespace, "");
    assert_eq!(events.len(), 2);
    assert!(events.iter().any(|event| event["message"] == long.message));
}
