//! Both ends over a real socket.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::json;
use tokio::io::AsyncReadExt as _;
use windlass_control::{
    Answer, Asker, KeptChart, Question, Record, Sight, Standing, ask, deliver, listen, serve,
};

fn standing() -> Standing {
    Standing {
        node: "node-a".to_owned(),
        version: "0.1.0".to_owned(),
        server: "https://127.0.0.1:6443/".to_owned(),
        silent_since: Some("2026-01-01T00:00:00Z".parse().expect("a time")),
        says: BTreeMap::from([("windlass.dev/role".to_owned(), "standby".to_owned())]),
    }
}

fn sight() -> Sight {
    Sight {
        standing: standing(),
        objects: vec![json!({"kind": "Kustomization"})],
        events: vec![json!({"reason": "Progressing"})],
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn record() -> Record {
    Record {
        history: vec![json!({"verdict": "accepted"})],
        ratchets: vec![(json!({"source": "a/b"}), json!({"counter": 7}))],
    }
}

fn chart(version: String) -> KeptChart {
    let files = vec![("Chart.yaml".to_owned(), "bmFtZTogYQo=".to_owned())];
    KeptChart { files, version }
}

fn start(runtime: &tokio::runtime::Runtime, socket: &Path) {
    let _inside = runtime.enter();
    let listener = listen(socket).expect("the directory is there");
    runtime.spawn(serve(listener, |asker, question, mut stream| async move {
        let answer = match question {
            Question::Standing if asker == Asker::Owner => Answer::Standing(standing()),
            Question::Standing => Answer::Refused("not yours".to_owned()),
            Question::Sight => Answer::Sight(Box::new(sight())),
            Question::Chart { name, .. } => Answer::Chart(chart(name)),
            Question::Trust => Answer::Trust(Box::new(record())),
            Question::Observed => Answer::Observed(Box::default()),
            Question::Restart => Answer::Restarts,
            Question::Import { source: None } => Answer::Refused("for whom?".to_owned()),
            Question::Import { source } => {
                let mut text = source.unwrap_or_default();
                stream.read_to_string(&mut text).await.ok()?;
                Answer::Imported(text)
            }
        };
        Some((answer, stream))
    }));
}

#[test]
fn what_belongs_to_a_question_arrives_and_whoever_does_not_want_it_is_heard() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("control.sock");
    let runtime = runtime();
    start(&runtime, &socket);
    let long = "b".repeat(1 << 20);
    let import = |source: Option<&str>| Question::Import {
        source: source.map(str::to_owned),
    };
    let taken = runtime.block_on(deliver(&socket, import(Some("a/")), &mut long.as_bytes()));
    assert_eq!(taken.unwrap(), Answer::Imported(format!("a/{long}")));
    let refused = runtime.block_on(deliver(&socket, import(None), &mut long.as_bytes()));
    assert_eq!(refused.unwrap(), Answer::Refused("for whom?".to_owned()));
}

#[test]
fn an_answer_arrives_as_it_was_given_and_the_asker_is_known() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("control.sock");
    std::fs::write(&socket, "left behind").unwrap();
    let runtime = runtime();
    start(&runtime, &socket);
    let answer = runtime.block_on(ask(&socket, Question::Standing)).unwrap();
    assert_eq!(answer, Answer::Standing(standing()));
    let answer = runtime.block_on(ask(&socket, Question::Sight)).unwrap();
    assert_eq!(answer, Answer::Sight(Box::new(sight())));
    let [kind, namespace, name] = ["HelmChart", "apps", "1.2.3"].map(str::to_owned);
    let question = Question::Chart {
        kind,
        namespace,
        name,
    };
    let answer = runtime.block_on(ask(&socket, question)).unwrap();
    assert_eq!(answer, Answer::Chart(chart("1.2.3".to_owned())));
    let answer = runtime.block_on(ask(&socket, Question::Trust)).unwrap();
    assert_eq!(answer, Answer::Trust(Box::new(record())));
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
}

#[test]
fn a_question_that_is_too_long_or_none_ends_the_connection_and_no_other() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("control.sock");
    let runtime = runtime();
    start(&runtime, &socket);
    let long = u32::MAX.to_be_bytes().to_vec();
    let none = [&8_u32.to_be_bytes()[..], b"{\"a\": 1}"].concat();
    for question in [long, none] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(&question).unwrap();
        let mut answer = Vec::new();
        // What was not read of a question resets the connection.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, Vec::<u8>::new());
    }
    let answer = runtime.block_on(ask(&socket, Question::Standing)).unwrap();
    assert_eq!(answer, Answer::Standing(standing()));
}

#[test]
fn askers_that_say_nothing_keep_nobody_out() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("control.sock");
    let runtime = runtime();
    start(&runtime, &socket);
    let idle: Vec<UnixStream> = (0..16)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    let answer = runtime.block_on(ask(&socket, Question::Standing)).unwrap();
    assert_eq!(answer, Answer::Standing(standing()));
    drop(idle);
}

#[test]
fn nobody_there_is_an_error_at_once() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("none.sock");
    assert!(
        runtime()
            .block_on(ask(&socket, Question::Standing))
            .is_err()
    );
}
