//! An API server that says 429, 410 and nonsense, or nothing at all.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::json;
use tokio::time::Instant;
use windlass_cluster::{Authority, Cluster, Detail, ErrorClass, Scope, WatchEvent};
use windlass_object::Object;

use crate::suite::leading::Candidate;
use crate::suite::proxy::{Asked, Fate, Proxy, answer};
use crate::suite::support::{
    APPLY, Events, agent, config_map, config_maps, connect, listed, next, plain_kubeconfig, plane,
    until,
};

struct Front {
    cluster: Cluster,
    proxy: Proxy,
    namespace: String,
    _folder: tempfile::TempDir,
}

async fn front(
    prefix: &str,
    rule: impl Fn(&Asked, usize) -> Fate + Send + Sync + 'static,
) -> Front {
    let namespace = plane().namespace(prefix);
    let proxy = Proxy::start(plane().admin().clone(), rule).await;
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = connect(plain_kubeconfig(folder.path(), proxy.port));
    Front {
        cluster,
        proxy,
        namespace,
        _folder: folder,
    }
}

impl Front {
    async fn watch(&self) -> Events {
        let resource = config_maps(&self.cluster).await;
        self.cluster
            .watch(
                &resource,
                Scope::in_namespace(&self.namespace),
                Detail::Object,
            )
            .boxed()
    }

    fn seed(&self) {
        plane()
            .admin()
            .apply(config_map(&self.namespace, "web", "x").as_value());
    }

    fn desired(&self) -> Object {
        config_map(&self.namespace, "web", "y")
    }
}

fn expired() -> String {
    json!({"kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired", "message": "too old resource version"})
        .to_string()
}

#[tokio::test]
async fn a_write_that_is_told_to_wait_is_not_repeated() {
    let front = front("busy", |asked, _| {
        if asked.method == "PATCH" {
            answer("429 Too Many Requests", "retry-after: 3\r\n", "{}")
        } else {
            Fate::Pass
        }
    })
    .await;
    let resource = config_maps(&front.cluster).await;
    let error = front
        .cluster
        .apply(Authority::Person, &resource, &front.desired(), &APPLY)
        .await
        .expect_err("429");
    assert_eq!(
        (error.class(), error.retry_after),
        (ErrorClass::TooManyRequests, Some(Duration::from_secs(3)))
    );
    let writes = front
        .proxy
        .asked()
        .iter()
        .filter(|asked| asked.method == "PATCH")
        .count();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn a_write_whose_connection_breaks_is_not_repeated() {
    for cut in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"kind\":",
    ] {
        let front = front("cut", move |asked, _| {
            if asked.method == "PATCH" {
                Fate::Cut(cut.to_owned())
            } else {
                Fate::Pass
            }
        })
        .await;
        let resource = config_maps(&front.cluster).await;
        let error = front
            .cluster
            .apply(Authority::Person, &resource, &front.desired(), &APPLY)
            .await
            .expect_err("cut");
        assert_eq!(error.class(), ErrorClass::Unreachable, "{error}");
        assert!(error.outcome_unknown());
        let writes = front
            .proxy
            .asked()
            .iter()
            .filter(|asked| asked.method == "PATCH")
            .count();
        assert_eq!(writes, 1, "after {cut:?}");
    }
}

#[tokio::test]
async fn a_leaders_write_that_hangs_ends_before_its_leadership() {
    let front = front("hang", |asked, _| {
        if asked.method == "PATCH" {
            Fate::Hang
        } else {
            Fate::Pass
        }
    })
    .await;
    let resource = config_maps(&front.cluster).await;
    let mut candidate = Candidate::start(agent(plane()), &front.namespace, "node-1");
    let leadership = candidate.leads().await;
    let left = leadership.remaining();
    let begun = Instant::now();
    let authority = Authority::Leader(&leadership);
    let error = front
        .cluster
        .apply(authority, &resource, &front.desired(), &APPLY)
        .await
        .expect_err("no answer");
    assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
    assert!(
        begun.elapsed() < left,
        "it ended after {:?} of {left:?}",
        begun.elapsed()
    );
    let asked = front.proxy.asked();
    let write = asked
        .iter()
        .find(|asked| asked.method == "PATCH")
        .expect("it was sent");
    assert!(
        write.path.contains("timeout="),
        "the server is told to give up too: {}",
        write.path
    );
    candidate.stop().await;
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let front = front("endless", |asked, _| {
        if asked.path.starts_with("/version") {
            answer(
                "200 OK",
                "",
                &format!("{{\"x\":\"{}\"}}", "x".repeat(65 << 20)),
            )
        } else {
            Fate::Pass
        }
    })
    .await;
    let error = front.cluster.version().await.expect_err("too long");
    assert_eq!(error.reason, "AnswerTooLarge");
}

#[tokio::test]
async fn a_watch_that_is_told_to_wait_does_and_keeps_its_place() {
    let front = front("patience", |asked, before| {
        match (asked.is_watch(), before) {
            (true, 0) => answer("429 Too Many Requests", "retry-after: 2\r\n", "{}"),
            (true, 1) => answer(
                "500 Internal Server Error",
                "",
                "{\"kind\":\"Status\",\"code\":500,\"message\":\"no leader\"}",
            ),
            (true, 2) => Fate::Cut(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{\"type\":\r\n"
                    .to_owned(),
            ),
            _ => Fate::Pass,
        }
    })
    .await;
    front.seed();
    let mut events = front.watch().await;
    assert_eq!(listed(&mut events).await, ["web"]);
    let begun = Instant::now();
    for class in [
        ErrorClass::TooManyRequests,
        ErrorClass::Server,
        ErrorClass::Unreachable,
    ] {
        let event = next(&mut events).await;
        assert!(
            matches!(&event, WatchEvent::Failed(error) if error.class() == class),
            "{class:?}: {event:?}"
        );
    }
    assert!(
        begun.elapsed() >= Duration::from_secs(3),
        "2 s were asked for, then at least 1 s is waited"
    );
    let asked = front.proxy.asked();
    let watches: Vec<_> = asked.iter().filter(|asked| asked.is_watch()).collect();
    assert!(
        watches
            .windows(2)
            .all(|pair| pair[1].at - pair[0].at >= Duration::from_millis(500)),
        "too eager"
    );
    let lists = asked
        .iter()
        .filter(|asked| asked.path.contains("limit=100"))
        .count();
    assert_eq!(lists, 1, "no new list is needed");
}

#[tokio::test]
async fn a_forgotten_place_means_one_new_list() {
    let front = front("gone", |asked, before| match (asked.is_watch(), before) {
        (true, 0) => answer("410 Gone", "", &expired()),
        (true, 1) => {
            let event = format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", expired());
            answer("200 OK", "", &event)
        }
        _ => Fate::Pass,
    })
    .await;
    front.seed();
    let mut events = front.watch().await;
    for _ in 0..3 {
        assert_eq!(listed(&mut events).await, ["web"]);
    }
    let asked = front.proxy.asked();
    assert_eq!(
        asked
            .iter()
            .filter(|asked| asked.path.contains("limit="))
            .count(),
        3
    );
}

#[tokio::test]
async fn a_server_that_always_forgets_is_not_stormed() {
    let front = front("storm", |asked, _| {
        if asked.is_watch() {
            answer("410 Gone", "", &expired())
        } else {
            Fate::Pass
        }
    });
    let front = front.await;
    let mut events = front.watch().await;
    let reading = async {
        until(&mut events, |event| matches!(event, WatchEvent::Failed(_))).await;
    };
    let watched = tokio::time::timeout(Duration::from_secs(8), reading).await;
    assert!(watched.is_err(), "a forgotten place is not a failure");
    let lists = front
        .proxy
        .asked()
        .iter()
        .filter(|asked| asked.path.contains("limit="))
        .count();
    assert!((2..=7).contains(&lists), "{lists} lists in 8 s");
}

#[tokio::test]
async fn a_watch_that_ends_at_once_every_time_is_not_stormed() {
    let front = front("brief", |asked, _| {
        if asked.is_watch() {
            answer("200 OK", "", "")
        } else {
            Fate::Pass
        }
    })
    .await;
    let mut events = front.watch().await;
    listed(&mut events).await;
    let watched = tokio::time::timeout(Duration::from_secs(8), next(&mut events)).await;
    assert!(watched.is_err(), "nothing happened");
    let asked = front.proxy.asked();
    let watches = asked.iter().filter(|asked| asked.is_watch()).count();
    assert!((2..=7).contains(&watches), "{watches} watches in 8 s");
}

#[tokio::test]
async fn a_watch_that_a_stopping_server_ended_asks_whether_the_next_one_is_behind() {
    let ahead = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "999999999"}, "items": []});
    let front = front("restored", move |asked, before| {
        match (asked.is_watch(), before) {
            (false, 0) if asked.path.contains("/configmaps") => {
                answer("200 OK", "", &ahead.to_string())
            }
            (true, 0) => answer("200 OK", "", ""),
            _ => Fate::Pass,
        }
    })
    .await;
    front.seed();
    let mut events = front.watch().await;
    assert!(listed(&mut events).await.is_empty(), "before the restore");
    assert_eq!(listed(&mut events).await, ["web"], "after it");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = windlass_kit::ports::Port::claim();
    let cluster = connect(plain_kubeconfig(folder.path(), port.number()));
    let begun = Instant::now();
    let error = cluster.version().await.expect_err("nobody listens");
    assert_eq!(error.class(), ErrorClass::Unreachable);
    assert!(
        error.message.contains("cannot connect to http://127.0.0.1"),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}
