use std::os::unix::net::UnixDatagram;

use tracing::{debug, error, info, info_span, warn};

use super::*;

fn with_journal(level: Level, work: impl FnOnce(&Logging)) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let server = UnixDatagram::bind(&path).unwrap();
    server.set_nonblocking(true).unwrap();
    let journal = Journal::connect_to(&path).unwrap();
    let shared = Arc::new(AtomicU8::new(level as u8));
    let output = Output {
        level: Arc::clone(&shared),
        sink: Sink::Journal(journal),
    };
    let subscriber = tracing_subscriber::registry().with(output);
    let logging = Logging {
        level: shared,
        destination: Destination::Journal,
    };
    tracing::subscriber::with_default(subscriber, || work(&logging));
    drain(&server)
}

fn drain(server: &UnixDatagram) -> Vec<String> {
    let mut buffer = vec![0; 256 * 1024];
    let mut entries = Vec::new();
    while let Ok(length) = server.recv(&mut buffer) {
        if length > 0 {
            entries.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    }
    entries
}

fn entry(message: &str) -> Entry {
    let mut fields = Fields::default();
    fields.message = message.to_owned();
    Entry {
        level: tracing::Level::INFO,
        target: "windlass_x",
        fields,
    }
}

#[test]
fn span_and_event_fields_become_journal_fields() {
    let entries = with_journal(Level::Info, |_| {
        let outer = info_span!(
            "reconcile",
            kind = "Kustomization",
            name = "apps",
            revision = tracing::field::Empty
        );
        outer.record("revision", "main@sha1:abc");
        let _outer = outer.entered();
        let _inner = info_span!("apply", namespace = "flux-system", name = "inner").entered();
        warn!(changed = 3, dry.run = true, "Applied revision");
    });
    let [entry] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    let lines: Vec<&str> = entry.lines().collect();
    let expected = [
        "MESSAGE=Applied revision kind=Kustomization name=inner revision=main@sha1:abc namespace=flux-system \
         changed=3 dry.run=true",
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=windlass",
        "WINDLASS_TARGET=windlass_host::log::tests",
        "WINDLASS_KIND=Kustomization",
        "WINDLASS_NAME=inner",
        "WINDLASS_REVISION=main@sha1:abc",
        "WINDLASS_NAMESPACE=flux-system",
        "WINDLASS_CHANGED=3",
        "WINDLASS_DRY_RUN=true",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_level_holds_for_our_events_and_can_be_changed() {
    let entries = with_journal(Level::Info, |logging| {
        debug!("too quiet");
        logging.set_level(Level::Debug);
        debug!("now shown");
        info!(target: "hyper::client", "libraries stay quiet");
        warn!(target: "hyper::client", "unless they warn");
        logging.set_level(Level::Trace);
        info!(target: "hyper::client", "or everything is wanted");
        logging.set_level(Level::Error);
        warn!("quiet again");
        error!("but errors");
    });
    let messages: Vec<_> = entries
        .iter()
        .map(|entry| entry.lines().next().unwrap())
        .collect();
    let expected = [
        "MESSAGE=now shown",
        "MESSAGE=unless they warn from=hyper::client",
        "MESSAGE=or everything is wanted from=hyper::client",
        "MESSAGE=but errors",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn an_error_shows_its_causes_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot keep the range")]
    struct Outer(#[source] io::Error);
    let entries = with_journal(Level::Info, |_| {
        let error = Outer(io::Error::other("disk full"));
        error!(
            error = &error as &(dyn std::error::Error + 'static),
            "Failed"
        );
    });
    assert!(
        entries[0].contains("WINDLASS_ERROR=cannot keep the range: disk full\n"),
        "{entries:?}"
    );
}

#[test]
fn a_value_with_a_line_break_is_sent_with_its_length() {
    let entries = with_journal(Level::Info, |_| info!(output = "a\nbc", "x"));
    assert!(
        entries[0].contains("WINDLASS_OUTPUT\n\x04\0\0\0\0\0\0\0a\nbc\n"),
        "{entries:?}"
    );
    assert!(
        entries[0].starts_with("MESSAGE=x output=\"a\\nbc\"\n"),
        "{entries:?}"
    );
}

#[test]
fn values_and_entries_stay_bounded() {
    let huge = "é".repeat(100_000);
    let entries = with_journal(Level::Info, |_| info!(huge, "x"));
    assert!(entries[0].len() < 10_000, "{}", entries[0].len());
    assert!(entries[0].contains("bytes more)"));
}

#[test]
fn a_journal_that_went_away_loses_lines_and_says_how_many() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let server = UnixDatagram::bind(&path).unwrap();
    let journal = Journal::connect_to(&path).unwrap();
    drop(server);
    journal.send(&entry("lost"));
    journal.send(&entry("lost too"));
    std::fs::remove_file(&path).unwrap();
    let server = UnixDatagram::bind(&path).unwrap();
    server.set_nonblocking(true).unwrap();
    journal.send(&entry("there"));
    journal.send(&entry("again"));
    let entries = drain(&server);
    assert!(
        entries[0].contains("WINDLASS_LOST_ENTRIES=2\n"),
        "{entries:?}"
    );
    assert!(!entries[1].contains("LOST"), "{entries:?}");
}

#[test]
fn a_line_for_people_is_one_line_whatever_it_quotes() {
    let time: jiff::Timestamp = "2026-01-02T03:04:05.678901Z".parse().unwrap();
    let hostile = entry("a\x1b[31mb\nc\u{202e}d");
    let line = line::render(&hostile, time, Style::Plain);
    assert_eq!(
        line,
        "2026-01-02T03:04:05.678Z INFO  a\\u{1b}[31mb\\nc\\u{202e}d\n"
    );
    let coloured = line::render(&entry("fine"), time, Style::Coloured);
    assert_eq!(
        coloured,
        "\x1b[2m2026-01-02T03:04:05.678Z\x1b[0m \x1b[32mINFO \x1b[0m fine\n"
    );
}

#[test]
fn level_names_are_parsed_and_others_named() {
    for name in Level::NAMES {
        assert!(name.parse::<Level>().is_ok());
    }
    assert_eq!("info".parse(), Ok(Level::Info));
    assert!(
        "verbose"
            .parse::<Level>()
            .unwrap_err()
            .contains("error, warn, info, debug, trace")
    );
}
