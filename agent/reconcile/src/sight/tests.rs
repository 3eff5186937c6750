use windlass_api::names;
use windlass_cluster::RequestError;
use windlass_control::{Asker, Standing};

use super::*;
use crate::context::Kinds;

fn kustomization(name: &str, version: &str) -> Value {
    // As a list has it: without a kind.
    json!({
        "metadata": {
            "name": name, "namespace": "apps", "resourceVersion": version, "managedFields": [{"manager": "x"}],
        },
        "spec": {"postBuild": {"substitute": {"token": "secret"}}, "prune": true},
    })
}

fn standing() -> Standing {
    Standing {
        node: "node-a".to_owned(),
        version: String::new(),
        server: String::new(),
        silent_since: None,
        says: BTreeMap::new(),
    }
}

fn look(sight: &Sight, asker: Asker) -> Vec<Value> {
    sight.look(asker, standing()).objects
}

fn shown(sight: &Sight) -> Vec<String> {
    let objects = look(sight, Asker::Owner).into_iter();
    objects
        .map(|object| text(&object, "/metadata/name"))
        .collect()
}

/// A request that nobody answered.
fn unreachable() -> WatchEvent {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let error: RequestError = runtime.unwrap().block_on(async {
        let cluster = windlass_cluster::Cluster::from_token(
            "https://127.0.0.1:1",
            None,
            "x",
            "a test",
            "test",
        );
        cluster.unwrap().version().await.unwrap_err()
    });
    assert_eq!(error.class(), ErrorClass::Unreachable);
    WatchEvent::Failed(error)
}

fn sight(directory: &std::path::Path, objects: &[Value]) -> Sight {
    let sight = Sight::open(directory.to_owned());
    let kind = Kinds::new().kustomization;
    sight.take(&kind, &WatchEvent::Restarted);
    for object in objects {
        sight.take(&kind, &WatchEvent::Applied(object.clone()));
    }
    sight.take(&kind, &WatchEvent::Synced("9".to_owned()));
    sight
}

#[test]
fn what_a_watch_shows_is_known_whole_and_what_a_list_leaves_out_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let sight = sight(
        place.path(),
        &[kustomization("a", "1"), kustomization("b", "2")],
    );
    let objects = look(&sight, Asker::Owner);
    assert_eq!(objects[0]["kind"], "Kustomization");
    assert_eq!(objects[0]["apiVersion"], names::KUSTOMIZE_API_VERSION);
    assert_eq!(
        objects[0]["spec"]["postBuild"]["substitute"]["token"],
        "secret"
    );
    assert!(objects[0]["metadata"].get("managedFields").is_none());
    let kind = Kinds::new().kustomization;
    sight.take(&kind, &WatchEvent::Deleted(kustomization("a", "3")));
    assert_eq!(shown(&sight), ["b"]);
    sight.take(&kind, &WatchEvent::Restarted);
    assert_eq!(
        shown(&sight),
        ["b"],
        "a list that has only begun hides nothing"
    );
    sight.take(&kind, &WatchEvent::Synced("4".to_owned()));
    assert_eq!(shown(&sight), [""; 0]);
}

#[test]
fn who_does_not_own_the_agent_is_shown_nothing_that_may_be_secret() {
    let place = tempfile::tempdir().unwrap();
    let sight = sight(place.path(), &[kustomization("a", "1")]);
    let seen = look(&sight, Asker::Member);
    assert!(!json!(seen).to_string().contains("secret"), "{seen:?}");
    assert_eq!(seen[0]["spec"]["prune"], true);
}

#[test]
fn it_survives_a_restart_from_the_moment_the_api_server_fell_silent() {
    let place = tempfile::tempdir().unwrap();
    let first = sight(place.path(), &[kustomization("a", "1")]);
    assert_eq!(first.silent_since(), None);
    let kind = Kinds::new().kustomization;
    first.take(&kind, &unreachable());
    let since = first.silent_since().unwrap();
    drop(first);

    let second = Sight::open(place.path().to_owned());
    assert_eq!(second.silent_since(), Some(since));
    assert_eq!(shown(&second), ["a"]);
    second.take(&kind, &unreachable());
    assert_eq!(second.silent_since(), Some(since), "it is as old as before");
    second.take(&kind, &WatchEvent::Restarted);
    second.take(&kind, &WatchEvent::Synced("9".to_owned()));
    assert_eq!(second.silent_since(), None);
    assert_eq!(shown(&second), [""; 0]);
}

#[test]
fn a_damaged_file_is_as_good_as_none() {
    let place = tempfile::tempdir().unwrap();
    sight(place.path(), &[kustomization("a", "1")]).keep();
    let file = place.path().join("sight.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() - 2]).unwrap();
    assert_eq!(shown(&Sight::open(place.path().to_owned())), [""; 0]);
}

#[test]
fn the_same_news_again_is_counted_and_the_oldest_go() {
    let mut known = Known::default();
    let news = |message: &str, at: &str| {
        json!({
            "involvedObject": {"kind": "Kustomization", "name": "a"}, "reason": "BuildFailed",
            "message": message, "count": 1, "firstTimestamp": at, "lastTimestamp": at,
        })
    };
    known.announced(news("no", "1"));
    known.announced(news("other", "2"));
    known.announced(news("no", "3"));
    assert_eq!(known.events.len(), 2);
    let last = &known.events.back().unwrap().event;
    assert_eq!(
        (
            &last["count"],
            &last["firstTimestamp"],
            &last["lastTimestamp"]
        ),
        (&json!(2), &json!("1"), &json!("3"))
    );
    for number in 0..2 * EVENTS {
        known.announced(news(&number.to_string(), "4"));
    }
    assert_eq!(known.events.len(), EVENTS);
}

/// The names that are new since a version, and whether they are everything.
fn news(sight: &Sight, after: Option<Version>) -> (Vec<String>, bool, Version) {
    let news = sight.since(after);
    let names = news.objects.iter();
    let names = names.map(|object| text(object, "/metadata/name"));
    (names.collect(), news.whole, news.version)
}

#[test]
fn whoever_looked_before_is_shown_what_is_new_and_all_when_something_went() {
    let place = tempfile::tempdir().unwrap();
    let sight = sight(
        place.path(),
        &[kustomization("a", "1"), kustomization("b", "2")],
    );
    let (names, whole, first) = news(&sight, None);
    assert_eq!((names, whole), (vec!["a".to_owned(), "b".to_owned()], true));
    assert_eq!(news(&sight, Some(first)), (Vec::new(), false, first));

    let kind = Kinds::new().kustomization;
    sight.take(&kind, &WatchEvent::Applied(kustomization("b", "3")));
    let (names, whole, second) = news(&sight, Some(first));
    assert_eq!((names, whole), (vec!["b".to_owned()], false));

    // A list that shows what is known already is no news.
    sight.take(&kind, &WatchEvent::Restarted);
    for object in [kustomization("a", "1"), kustomization("b", "3")] {
        sight.take(&kind, &WatchEvent::Applied(object));
    }
    sight.take(&kind, &WatchEvent::Synced("4".to_owned()));
    assert_eq!(news(&sight, Some(second)), (Vec::new(), false, second));

    sight.take(&kind, &WatchEvent::Deleted(kustomization("b", "5")));
    let (names, whole, third) = news(&sight, Some(second));
    assert_eq!((names, whole), (vec!["a".to_owned()], true));
    assert_eq!(news(&sight, Some(third)), (Vec::new(), false, third));
}

#[test]
fn versions_are_of_one_process_and_survive_being_written_down() {
    let place = tempfile::tempdir().unwrap();
    let before = sight(place.path(), &[kustomization("a", "1")]);
    let version = before.since(None).version;
    assert_eq!(version.to_string().parse(), Ok(version));
    for text in ["", "1", "1.", ".1", "1.x", "1.1.1"] {
        assert_eq!(text.parse::<Version>(), Err(()), "{text}");
    }
    before.keep();
    let after = Sight::open(place.path().to_owned());
    let (names, whole, _) = news(&after, Some(version));
    assert_eq!((names, whole), (vec!["a".to_owned()], true));
}

#[test]
fn silence_of_the_api_server_and_its_end_are_news() {
    let place = tempfile::tempdir().unwrap();
    let sight = sight(place.path(), &[kustomization("a", "1")]);
    let kind = Kinds::new().kustomization;
    let first = sight.since(None).version;
    sight.take(&kind, &unreachable());
    let silent = sight.since(Some(first)).version;
    assert_ne!(silent, first);
    sight.take(&kind, &unreachable());
    assert_eq!(sight.since(Some(silent)).version, silent);
    sight.take(&kind, &WatchEvent::Applied(kustomization("a", "1")));
    assert_ne!(sight.since(Some(silent)).version, silent);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_news_and_not_before() {
    let place = tempfile::tempdir().unwrap();
    let sight = sight(place.path(), &[kustomization("a", "1")]);
    let kind = Kinds::new().kustomization;
    let version = sight.since(None).version;
    let long = std::time::Duration::from_secs(60);
    let waiting = sight.wait(Some(version), long);
    tokio::pin!(waiting);
    let short = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(short, &mut waiting).await.is_err());
    sight.take(&kind, &WatchEvent::Applied(kustomization("b", "2")));
    tokio::time::timeout(long, waiting).await.unwrap();
    // Of another process, so there is nothing to wait for.
    sight.wait(None, long).await;
}
