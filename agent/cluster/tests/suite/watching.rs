//! Watches on a real API server that is restarted and frozen.

use futures::StreamExt as _;
use windlass_cluster::{
    Authority, Detail, ErrorClass, Preconditions, Propagation, Scope, WatchEvent,
};
use windlass_kit::controlplane::{ControlPlane, Options, User};

use crate::suite::support::{
    APPLY, agent, config_map, config_maps, listed, name, next, plane, until,
};

#[tokio::test]
async fn a_watch_lists_and_then_tells_each_change() {
    let namespace = plane().namespace("watch");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let apply = async |name: &str, value: &str| {
        cluster
            .apply(
                Authority::Person,
                &resource,
                &config_map(&namespace, name, value),
                &APPLY,
            )
            .await
            .expect("applied")
    };
    apply("first", "x").await;
    let scope = Scope {
        label_selector: "test=windlass".to_owned(),
        ..Scope::in_namespace(&namespace)
    };
    let mut events = cluster.watch(&resource, scope, Detail::Metadata).boxed();
    assert_eq!(listed(&mut events).await, ["first"]);
    apply("second", "x").await;
    let WatchEvent::Applied(value) = next(&mut events).await else {
        panic!("it was made")
    };
    assert_eq!(
        (value["kind"].as_str(), name(&value).as_str()),
        (Some("ConfigMap"), "second")
    );
    assert!(value.get("data").is_none() && value.pointer("/metadata/managedFields").is_some());
    apply("second", "y").await;
    assert!(
        matches!(next(&mut events).await, WatchEvent::Applied(value) if name(&value) == "second")
    );

    let mut relabelled = config_map(&namespace, "first", "x");
    relabelled.remove_label("test");
    cluster
        .apply(Authority::Person, &resource, &relabelled, &APPLY)
        .await
        .expect("applied");
    assert!(
        matches!(next(&mut events).await, WatchEvent::Deleted(value) if name(&value) == "first")
    );
    let any = Preconditions::default();
    let deleted = cluster
        .delete(
            Authority::Person,
            &resource,
            &namespace,
            "second",
            &any,
            Propagation::Background,
        )
        .await;
    deleted.expect("deleted");
    assert!(
        matches!(next(&mut events).await, WatchEvent::Deleted(value) if name(&value) == "second")
    );
}

#[tokio::test]
async fn many_watches_share_few_connections() {
    let namespace = plane().namespace("many");
    let cluster = agent(plane());
    let resource = config_maps(&cluster).await;
    let (listed_one, mut all_listed) = tokio::sync::mpsc::unbounded_channel();
    let mut told = tokio::task::JoinSet::new();
    for _ in 0..150 {
        let scope = Scope::in_namespace(&namespace);
        let mut events = cluster.watch(&resource, scope, Detail::Metadata).boxed();
        let listed_one = listed_one.clone();
        told.spawn(async move {
            assert!(listed(&mut events).await.is_empty());
            listed_one.send(()).expect("the test waits");
            let event = next(&mut events).await;
            assert!(matches!(&event, WatchEvent::Applied(_)), "{event:?}");
            events
        });
    }
    for _ in 0..150 {
        all_listed.recv().await.expect("each watch lists");
    }
    plane()
        .admin()
        .apply(config_map(&namespace, "web", "x").as_value());
    let watches = told.join_all().await;
    let connections = connections(&cluster.server());
    // Other tests of this binary have connections to the same server; 150 watches would stand out.
    assert!(
        connections < 50,
        "{} watches over {connections} connections",
        watches.len()
    );
}

/// How many connections this process has to a server on loopback.
fn connections(server: &str) -> usize {
    let port = server
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .and_then(|port| port.parse::<u16>().ok());
    let port = format!(":{:04X}", port.expect("a port"));
    let own = own_sockets();
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("the table of connections");
    let rows = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(2).is_some_and(|remote| remote.ends_with(&port)))
        .filter(|row| {
            row.get(9)
                .is_some_and(|inode| own.iter().any(|own| own == inode))
        })
        .count()
}

/// The inodes of this process's sockets.
fn own_sockets() -> Vec<String> {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let inode = |link: std::path::PathBuf| {
        Some(
            link.to_str()?
                .strip_prefix("socket:[")?
                .trim_end_matches(']')
                .to_owned(),
        )
    };
    links.filter_map(inode).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_outlives_the_api_server_and_misses_nothing() {
    let plane = ControlPlane::start(&Options::api_server());
    let cluster = agent(&plane);
    let resource = config_maps(&cluster).await;
    let namespace = plane.namespace("restart");
    for name in ["kept", "deleted"] {
        plane
            .admin()
            .apply(config_map(&namespace, name, "x").as_value());
    }
    let mut events = cluster
        .watch(&resource, Scope::in_namespace(&namespace), Detail::Object)
        .boxed();
    assert_eq!(listed(&mut events).await, ["deleted", "kept"]);

    plane.kill_api_server();
    let failed = until(&mut events, |event| matches!(event, WatchEvent::Failed(_))).await;
    assert!(
        matches!(failed, WatchEvent::Failed(error) if error.class() == ErrorClass::Unreachable)
    );
    plane.start_api_server();
    let any = Preconditions::default();
    let deleted = cluster
        .delete(
            Authority::Person,
            &resource,
            &namespace,
            "deleted",
            &any,
            Propagation::Background,
        )
        .await;
    deleted.expect("deleted");
    plane
        .admin()
        .apply(config_map(&namespace, "new", "x").as_value());

    // Told as a deletion, or by a new list that does not hold it.
    let mut there = std::collections::BTreeSet::from(["deleted".to_owned(), "kept".to_owned()]);
    while there.contains("deleted") || !there.contains("new") {
        match next(&mut events).await {
            WatchEvent::Restarted => there.clear(),
            WatchEvent::Applied(value) => drop(there.insert(name(&value))),
            WatchEvent::Deleted(value) => drop(there.remove(&name(&value))),
            WatchEvent::Synced(_) | WatchEvent::Failed(_) => {}
        }
    }
    assert!(there.contains("kept"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_begins_anew_when_the_cluster_is_behind_what_it_saw() {
    let plane = ControlPlane::start(&Options::api_server());
    let cluster = agent(&plane);
    let resource = config_maps(&cluster).await;
    let namespace = plane.namespace("restored");
    let apply = |name: &str, value: &str| {
        let object = config_map(&namespace, name, value);
        plane.admin().apply(object.as_value());
    };
    apply("old", "x");
    let backup = plane.back_up();
    let mut events = cluster
        .watch(&resource, Scope::in_namespace(&namespace), Detail::Object)
        .boxed();
    assert_eq!(listed(&mut events).await, ["old"]);
    for number in 0..100 {
        apply("lost", &number.to_string());
    }
    let last = |event: &WatchEvent| matches!(event, WatchEvent::Applied(value) if value["data"].to_string().contains("99"));
    until(&mut events, last).await;

    plane.restore(&backup);
    until(&mut events, |event| matches!(event, WatchEvent::Restarted)).await;
    let mut there = Vec::new();
    loop {
        match next(&mut events).await {
            WatchEvent::Applied(value) => there.push(name(&value)),
            WatchEvent::Synced(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(there, ["old"]);
    apply("new", "x");
    let new =
        |event: &WatchEvent| matches!(event, WatchEvent::Applied(value) if name(value) == "new");
    until(&mut events, new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_api_server_is_noticed_and_the_watch_goes_on_after_it() {
    let plane = ControlPlane::start(&Options::api_server());
    let cluster = agent(&plane);
    let resource = config_maps(&cluster).await;
    let namespace = plane.namespace("freeze");
    let mut events = cluster
        .watch(&resource, Scope::in_namespace(&namespace), Detail::Object)
        .boxed();
    assert!(listed(&mut events).await.is_empty());
    plane
        .admin()
        .apply(config_map(&namespace, "before", "x").as_value());
    assert!(matches!(next(&mut events).await, WatchEvent::Applied(_)));

    let mark = plane.audit().mark();
    plane.freeze_api_server();
    let frozen = std::time::Instant::now();
    let desired = config_map(&namespace, "never", "x");
    let (failed, written) = tokio::join!(
        until(&mut events, |event| matches!(event, WatchEvent::Failed(_))),
        cluster.apply(Authority::Person, &resource, &desired, &APPLY)
    );
    let noticed = frozen.elapsed();
    assert!(
        noticed < std::time::Duration::from_secs(15),
        "noticed after {noticed:?}"
    );
    assert!(matches!(failed, WatchEvent::Failed(error) if error.outcome_unknown()));
    assert!(written.expect_err("no answer").outcome_unknown());
    plane.thaw_api_server();
    plane
        .admin()
        .apply(config_map(&namespace, "after", "x").as_value());
    until(
        &mut events,
        |event| matches!(event, WatchEvent::Applied(value) if name(value) == "after"),
    )
    .await;
    let writes = plane.audit().requests(User::Agent, mark);
    let writes = writes
        .iter()
        .filter(|request| request.name == "never")
        .count();
    assert!(writes <= 1, "the write was sent {writes} times");
}
