//! A process that is started as systemd starts one: with sockets and variables.
//!
//! Variables are the process's own, so each case runs in a child: this test binary again.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use windlass_host::{log, systemd};

const CASE: &str = "WINDLASS_HOST_TEST_CASE";

fn child(case: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "service_manager::does_what_its_parent_asks",
        "--nocapture",
    ]);
    command.env(CASE, case);
    for name in [
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "LISTEN_FDS",
        "LISTEN_PID",
        "JOURNAL_STREAM",
    ] {
        command.env_remove(name);
    }
    command
}

#[test]
fn does_what_its_parent_asks() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    match case.as_str() {
        "notify" => {
            systemd::ready().unwrap();
            systemd::status(&format!(
                "applied main@sha1:abc\nREADY=0 {}",
                "x".repeat(1000)
            ))
            .unwrap();
            if let Some(watchdog) = systemd::watchdog() {
                println!("\nevery {:?}", watchdog.interval());
                watchdog.ping().unwrap();
            }
            systemd::stopping().unwrap();
        }
        "notify refused" => println!("\n{}", systemd::ready().unwrap_err()),
        "listen" => match systemd::listener() {
            Ok(None) => println!("\nno socket"),
            Ok(Some(listener)) => {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(b"hello").unwrap();
            }
            Err(error) => println!("\n{error}"),
        },
        "directories" => {
            let directories = (
                systemd::credentials_directory(),
                systemd::state_directory(),
                systemd::cache_directory(),
            );
            println!("\n{directories:?}");
        }
        "log" => {
            let logging = log::init().unwrap();
            assert!(log::init().is_err());
            println!("\n{:?}", logging.destination());
            let _span =
                tracing::info_span!("reconcile", kind = "Kustomization", name = "apps").entered();
            tracing::warn!(target: "windlass_test", revision = "main@sha1:abc", "Applied {} objects", 3);
            tracing::debug!(target: "windlass_test", "not shown");
        }
        other => panic!("{other}"),
    }
}

fn received(socket: &UnixDatagram) -> Vec<String> {
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 8192];
    let mut messages = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        messages.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    messages
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn the_service_manager_hears_of_readiness_status_life_and_end() {
    let place = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(place.path().join("notify")).unwrap();
    let text = output(
        child("notify")
            .env("NOTIFY_SOCKET", place.path().join("notify"))
            .env("WATCHDOG_USEC", "60000000"),
    );
    assert!(text.contains("every 30s"), "{text}");
    let messages = received(&socket);
    let [ready, status, ping, stopping] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(
        (ready.as_str(), ping.as_str(), stopping.as_str()),
        ("READY=1\n", "WATCHDOG=1\n", "STOPPING=1\n")
    );
    assert!(
        status.starts_with("STATUS=applied main@sha1:abc READY=0 x"),
        "{status}"
    );
    assert_eq!(
        (status.lines().count(), status.len()),
        (1, "STATUS=\n".len() + 200)
    );
}

#[test]
fn without_a_service_manager_nothing_is_said_and_nothing_fails() {
    assert!(!output(&mut child("notify")).contains("every"));
    assert!(output(&mut child("listen")).contains("no socket"));
    assert!(output(&mut child("directories")).contains("(None, None, None)"));
    let gone = output(child("notify refused").env("NOTIFY_SOCKET", "/nowhere/notify"));
    assert!(gone.contains("cannot notify systemd"), "{gone}");
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let text = output(
        child("notify")
            .env("WATCHDOG_USEC", "60000000")
            .env("WATCHDOG_PID", "1"),
    );
    assert!(!text.contains("every"), "{text}");
}

#[test]
fn directories_come_from_the_unit() {
    let mut command = child("directories");
    command.env("CREDENTIALS_DIRECTORY", "/run/credentials/windlass.service");
    command
        .env("STATE_DIRECTORY", "/var/lib/windlass:/var/lib/other")
        .env("CACHE_DIRECTORY", "");
    let text = output(&mut command);
    let expected =
        r#"(Some("/run/credentials/windlass.service"), Some("/var/lib/windlass"), None)"#;
    assert!(text.contains(expected), "{text}");
}

/// The child with sockets as its descriptors 3, 4, …, as a service manager passes them. A shell moves them there
/// and then becomes the child, so that `$$` is the process that LISTEN_PID names.
fn with_sockets(path: &Path, count: usize) -> (Command, UnixListener) {
    let listener = UnixListener::bind(path).unwrap();
    let program = std::env::current_exe().unwrap();
    let copies = match count {
        1 => "3<&0",
        _ => "3<&0 4<&0",
    };
    let script = format!(
        "LISTEN_PID=$$ LISTEN_FDS={count} exec {} --exact service_manager::does_what_its_parent_asks --nocapture {copies}",
        program.display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env(CASE, "listen");
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    (command, listener)
}

#[test]
fn a_socket_that_was_handed_over_is_served() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("net.sock");
    let (mut command, _listener) = with_sockets(&path, 1);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert!(child.wait().unwrap().success());
}

#[test]
fn two_sockets_are_a_mistake_in_the_unit() {
    let place = tempfile::tempdir().unwrap();
    let (mut command, _listener) = with_sockets(&place.path().join("net.sock"), 2);
    let text = output(&mut command);
    assert!(text.contains("handed over 2 sockets"), "{text}");
}

#[test]
fn a_pipe_gets_plain_lines() {
    let run = child("log").output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(stdout.contains("Stream"), "{stdout}");
    let line = stderr
        .lines()
        .find(|line| line.contains("Applied"))
        .unwrap_or_else(|| panic!("{stderr}"));
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(
        rest,
        "WARN  Applied 3 objects kind=Kustomization name=apps revision=main@sha1:abc"
    );
    assert_eq!((time.len(), &time[10..11], &time[23..]), (24, "T", "Z"));
    assert!(!stderr.contains("not shown") && !stderr.contains('\x1b'));
}

#[test]
fn a_journal_stream_that_is_not_ours_is_not_believed() {
    let run = child("log").env("JOURNAL_STREAM", "1:1").output().unwrap();
    assert!(String::from_utf8_lossy(&run.stdout).contains("Stream"));
    assert!(String::from_utf8_lossy(&run.stderr).contains("Applied 3 objects"));
}
