//! Reads, discovery and credentials.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_cluster::{self as cluster, Detail, ErrorClass, Scope};
use windlass_kit::certificates::Authority;
use windlass_kit::controlplane::User;
use windlass_object::GroupVersionKind;

use crate::suite::support::{APPLY, SOON, agent, config_map, config_maps, connect, plane};

#[tokio::test]
async fn a_missing_object_is_none_and_a_missing_kind_an_error() {
    let namespace = plane().namespace("missing");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    assert_eq!(cluster.get(&resource, &namespace, "web").await, Ok(None));
    assert_eq!(
        cluster.get_metadata(&resource, &namespace, "web").await,
        Ok(None)
    );
    let mut gone = resource.clone();
    "confickmaps".clone_into(&mut gone.plural);
    let error = cluster
        .get(&gone, &namespace, "web")
        .await
        .expect_err("no such path");
    assert_eq!(error.class(), ErrorClass::UnknownKind, "{error}");
    let error = cluster
        .get(&resource, "", "web")
        .await
        .expect_err("no namespace");
    assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
}

#[tokio::test]
async fn metadata_comes_without_the_rest_under_the_objects_own_kind() {
    let namespace = plane().namespace("metadata");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    cluster
        .apply(
            cluster::Authority::Person,
            &resource,
            &config_map(&namespace, "web", "x"),
            &APPLY,
        )
        .await
        .expect("applied");
    let metadata = cluster
        .get_metadata(&resource, &namespace, "web")
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!(
        (metadata.kind(), metadata.api_version(), metadata.name()),
        ("ConfigMap", "v1", "web")
    );
    assert_eq!(metadata.pointer("/data"), None);
    assert!(
        metadata
            .pointer("/metadata/managedFields/0/fieldsV1")
            .is_some()
    );
}

#[tokio::test]
async fn a_list_goes_over_all_its_pages() {
    let namespace = plane().namespace("pages");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    for number in 0..205 {
        let desired = config_map(&namespace, &format!("c{number}"), "x");
        cluster
            .apply(cluster::Authority::Person, &resource, &desired, &APPLY)
            .await
            .expect("applied");
    }
    let scope = Scope {
        label_selector: "test=windlass".to_owned(),
        ..Scope::in_namespace(&namespace)
    };
    let objects = cluster
        .list(&resource, &scope, Detail::Object)
        .await
        .expect("a list");
    assert_eq!(objects.len(), 205);
    assert!(
        objects
            .iter()
            .all(|object| object.kind() == "ConfigMap" && object.api_version() == "v1")
    );
    let one = cluster
        .list(&resource, &Scope::named(&namespace, "c7"), Detail::Metadata)
        .await
        .expect("a list");
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn a_new_kind_is_found_soon_and_asking_for_a_missing_one_is_cheap() {
    let cluster = agent(plane());
    let kind = GroupVersionKind::new("test.windlass.dev/v1", "Anchor");
    let mark = plane().audit().mark();
    let error = cluster.resolve(&kind).await.expect_err("no such kind yet");
    assert_eq!(error.class(), ErrorClass::UnknownKind);
    assert_eq!(
        error.message,
        "no matches for kind \"Anchor\" in version \"test.windlass.dev/v1\""
    );
    for _ in 0..50 {
        assert!(cluster.resolve(&kind).await.is_err());
    }
    let asked = plane().audit().requests(User::Agent, mark);
    let asked = asked
        .iter()
        .filter(|request| request.uri.contains("test.windlass.dev"))
        .count();
    assert!(
        (1..=2).contains(&asked),
        "{asked} requests for 51 questions"
    );

    plane().admin().apply(&json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "anchors.test.windlass.dev"},
        "spec": {"group": "test.windlass.dev", "scope": "Cluster",
            "names": {"kind": "Anchor", "plural": "anchors", "singular": "anchor", "listKind": "AnchorList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    }));
    cluster.forget_discovery();
    let begun = Instant::now();
    let resource = loop {
        match cluster.resolve(&kind).await {
            Ok(resource) => break resource,
            Err(error) if begun.elapsed() > SOON => panic!("it is not found: {error}"),
            Err(_) => {
                cluster.forget_discovery();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    assert_eq!(
        (
            resource.plural.as_str(),
            resource.namespaced,
            resource.has_status
        ),
        ("anchors", false, true)
    );
    assert!(resource.watchable);
}

#[tokio::test]
async fn the_cluster_tells_who_it_is() {
    let cluster = agent(plane());
    let identity = cluster.identity().await;
    // Without a controller-manager kube-system is made by the API server itself, soon after its
    // start.
    let begun = Instant::now();
    let mut identity = identity;
    while identity.is_err() && begun.elapsed() < SOON {
        tokio::time::sleep(Duration::from_millis(20)).await;
        identity = cluster.identity().await;
    }
    assert_eq!(identity.expect("a uid").len(), 36);
    assert!(
        cluster
            .version()
            .await
            .expect("a version")
            .starts_with("v1.")
    );
}

#[tokio::test]
async fn a_token_file_is_read_again_once_the_server_refuses_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let original = std::fs::read_to_string(plane().kubeconfig(User::Agent)).expect("a kubeconfig");
    let mut config: serde_json::Value =
        serde_json::from_str(&original).expect("the kit writes JSON");
    let token = config["users"][0]["user"]["token"].take();
    config["users"][0]["user"] = json!({"tokenFile": "token"});
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, config.to_string()).expect("a kubeconfig");
    std::fs::write(folder.path().join("token"), "worn-out").expect("a token");
    let cluster = connect(kubeconfig);
    let error = cluster
        .version()
        .await
        .err()
        .or(cluster.identity().await.err())
        .expect("refused");
    assert_eq!(error.class(), ErrorClass::Unauthorized, "{error}");
    std::fs::write(
        folder.path().join("token"),
        format!("{}\n", token.as_str().expect("a token")),
    )
    .expect("a token");
    config_maps(&cluster).await;
}

#[tokio::test]
async fn a_client_certificate_that_was_replaced_on_disk_is_read_once_the_old_one_has_run_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let original = std::fs::read_to_string(plane().kubeconfig(User::Agent)).expect("a kubeconfig");
    let mut config: serde_json::Value =
        serde_json::from_str(&original).expect("the kit writes JSON");
    config["users"][0]["user"] =
        json!({"client-certificate": "client.crt", "client-key": "client.key"});
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, config.to_string()).expect("a kubeconfig");
    let issue = |good_for: Duration| {
        let issued = plane().client_certificate(User::Agent, good_for);
        std::fs::write(folder.path().join("client.crt"), issued.certificate).expect("a file");
        std::fs::write(folder.path().join("client.key"), issued.key).expect("a file");
    };
    issue(Duration::from_secs(10));
    let cluster = connect(kubeconfig);
    config_maps(&cluster).await;
    // The connection stays open; the API server looks at the certificate at each request.
    let refused = async {
        while cluster.identity().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        cluster.identity().await.expect_err("it has run out")
    };
    let error = tokio::time::timeout(Duration::from_secs(60), refused).await;
    let error = error.expect("it runs out");
    assert_eq!(error.class(), ErrorClass::Unauthorized, "{error}");
    issue(Duration::from_secs(3600));
    config_maps(&cluster).await;
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_is_not_spoken_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let original = std::fs::read_to_string(plane().kubeconfig(User::Agent)).expect("a kubeconfig");
    let mut config: serde_json::Value =
        serde_json::from_str(&original).expect("the kit writes JSON");
    std::fs::write(folder.path().join("ca.crt"), Authority::new().certificate()).expect("a file");
    let server = config["clusters"][0]["cluster"]["server"].take();
    config["clusters"][0]["cluster"] = json!({"server": server, "certificate-authority": "ca.crt"});
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, config.to_string()).expect("a kubeconfig");
    let error = connect(kubeconfig)
        .version()
        .await
        .expect_err("it is not trusted");
    assert_eq!(error.class(), ErrorClass::Unreachable);
    assert!(
        error.message.contains("invalid peer certificate"),
        "{error}"
    );
}
