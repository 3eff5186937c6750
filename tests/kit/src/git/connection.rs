//! One connection of the Git server: requests in, `git http-backend` between, answers out.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use rustls::{ServerConnection, StreamOwned};

use super::{Fault, GitRequest, Shared, git_command, lock};
use crate::http::{self, Head};

/// How often a hanging answer looks whether it is still to hang, and a slow one sends a piece.
const PACE: Duration = Duration::from_millis(20);

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Serves requests until the client leaves, the server stops, or a fault closes the connection.
pub(super) fn serve(shared: &Shared, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let (Ok(known), Ok(closing)) = (stream.try_clone(), stream.try_clone()) else {
        return;
    };
    lock(&shared.connections).push(known);
    let wire: Box<dyn Wire> = match &shared.tls {
        None => Box::new(stream),
        Some(config) => match ServerConnection::new(Arc::clone(config)) {
            Ok(connection) => Box::new(StreamOwned::new(connection, stream)),
            Err(_) => return,
        },
    };
    let mut wire = BufReader::new(wire);
    // An error here is the client leaving, which is its right.
    while matches!(serve_one(shared, &mut wire), Ok(true)) {}
    // The list holds the socket open, so dropping ours would not tell the client.
    let _ = closing.shutdown(Shutdown::Both);
}

/// Answers one request; false when the connection is over.
fn serve_one(shared: &Shared, wire: &mut BufReader<Box<dyn Wire>>) -> io::Result<bool> {
    let Some(head) = http::read_head(wire)? else {
        return Ok(false);
    };
    if head.field("expect").is_some() {
        wire.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = http::read_body(wire, &head)?;
    if lock(&shared.cut_off).contains(&user(&head)) {
        return Ok(false);
    }
    let fault = *lock(&shared.fault);
    if fault == Fault::Hang {
        shared.hanging.fetch_add(1, Ordering::SeqCst);
        while *lock(&shared.fault) == Fault::Hang && !shared.stopping.load(Ordering::SeqCst) {
            std::thread::sleep(PACE);
        }
        shared.hanging.fetch_sub(1, Ordering::SeqCst);
        note(shared, &head, body, 0, 0);
        return Ok(false);
    }
    let answer = answer(shared, &head, &body, fault);
    note(shared, &head, body, answer.status, answer.body.len());
    send(wire.get_mut(), &answer, fault, head.word(0) == "HEAD")?;
    Ok(!head.closes() && fault != Fault::Cut)
}

fn note(shared: &Shared, head: &Head, body: Vec<u8>, status: u16, answer_bytes: usize) {
    let (path, query) = target(head);
    lock(&shared.requests).push(GitRequest {
        method: head.word(0).to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        protocol: head.field("git-protocol").unwrap_or_default().to_owned(),
        user: user(head),
        body,
        status,
        answer_bytes,
    });
}

/// Who asks, by basic authentication.
fn user(head: &Head) -> String {
    let given = head.field("authorization").unwrap_or_default();
    let given = given.strip_prefix("Basic ").unwrap_or_default();
    let login = base64::engine::general_purpose::STANDARD.decode(given);
    let login = String::from_utf8(login.unwrap_or_default()).unwrap_or_default();
    let user = login.split_once(':').map(|(user, _)| user.to_owned());
    user.unwrap_or_default()
}

fn target(head: &Head) -> (&str, &str) {
    head.word(1).split_once('?').unwrap_or((head.word(1), ""))
}

fn answer(shared: &Shared, head: &Head, body: &[u8], fault: Fault) -> Answer {
    match fault {
        Fault::Status(status) => return text(status, "the test asked for this"),
        Fault::Redirect(prefix) if !head.word(1).starts_with(prefix) => {
            let mut answer = text(302, "elsewhere");
            answer
                .fields
                .push(("Location".to_owned(), format!("{prefix}{}", head.word(1))));
            return answer;
        }
        _ => {}
    }
    if !admitted(shared, head) {
        let mut answer = text(401, "who are you?");
        let field = (
            "WWW-Authenticate".to_owned(),
            "Basic realm=\"windlass test\"".to_owned(),
        );
        answer.fields.push(field);
        return answer;
    }
    backend(shared, head, body).unwrap_or_else(|error| text(500, &error.to_string()))
}

fn admitted(shared: &Shared, head: &Head) -> bool {
    let Some((user, password)) = &shared.credentials else {
        return true;
    };
    let expected = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let given = head.field("authorization").unwrap_or_default();
    given
        .strip_prefix("Basic ")
        .is_some_and(|given| given == expected)
}

fn text(status: u16, words: &str) -> Answer {
    let fields = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
    Answer {
        status,
        fields,
        body: format!("{words}\n").into_bytes(),
    }
}

/// Runs `git http-backend` as its CGI contract says (git-http-backend(1)).
fn backend(shared: &Shared, head: &Head, body: &[u8]) -> io::Result<Answer> {
    let (path, query) = target(head);
    let path = match *lock(&shared.fault) {
        Fault::Redirect(prefix) => path.strip_prefix(prefix).unwrap_or(path),
        _ => path,
    };
    let mut git = git_command(&shared.root);
    git.arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "test")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REQUEST_METHOD", head.word(0))
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env(
            "CONTENT_TYPE",
            head.field("content-type").unwrap_or_default(),
        )
        .env("CONTENT_LENGTH", body.len().to_string())
        .env(
            "HTTP_CONTENT_ENCODING",
            head.field("content-encoding").unwrap_or_default(),
        )
        .env(
            "GIT_PROTOCOL",
            head.field("git-protocol").unwrap_or_default(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = git.spawn()?;
    let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let output = std::thread::scope(|scope| {
        // A program that has read enough closes its input, which is no error.
        scope.spawn(move || input.write_all(body));
        child.wait_with_output()
    })?;
    let mut output = output.stdout.as_slice();
    parse(&mut output)
}

fn parse(output: &mut &[u8]) -> io::Result<Answer> {
    // A CGI answer has no first line: give it one, so that it reads like any head.
    let mut with_start = b"CGI\r\n".chain(&mut *output);
    let mut reader = BufReader::new(&mut with_start);
    let head = http::read_head(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    let status = head
        .field("status")
        .and_then(|status| status.split(' ').next()?.parse().ok());
    let fields = head
        .fields
        .into_iter()
        .filter(|(name, _)| name != "status")
        .collect();
    Ok(Answer {
        status: status.unwrap_or(200),
        fields,
        body,
    })
}

fn send(wire: &mut dyn Write, answer: &Answer, fault: Fault, head_only: bool) -> io::Result<()> {
    let length = answer.body.len().to_string();
    let mut fields = vec![("Content-Length", length.as_str())];
    fields.extend(
        answer
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let mut wire = wire;
    http::write_head(
        &mut wire,
        &format!("HTTP/1.1 {} Test", answer.status),
        &fields,
    )?;
    if head_only {
        return wire.flush();
    }
    match fault {
        Fault::Drip(bytes_per_second) => {
            let pieces_per_second = u64::try_from(1000 / PACE.as_millis()).unwrap_or(1);
            let size = usize::try_from(bytes_per_second / pieces_per_second)
                .unwrap_or(1)
                .max(1);
            for piece in answer.body.chunks(size) {
                wire.write_all(piece)?;
                wire.flush()?;
                std::thread::sleep(PACE);
            }
        }
        Fault::Cut => wire.write_all(&answer.body[..answer.body.len() / 2])?,
        _ => wire.write_all(&answer.body)?,
    }
    wire.flush()
}
