//! A small server in front of the API server that passes requests on or goes wrong on purpose.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use windlass_kit::api::Client;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) at: Instant,
    content_type: String,
    body: Vec<u8>,
}

/// What becomes of it.
pub(crate) enum Fate {
    /// The real API server answers; a watch is opened and tells nothing.
    Pass,
    /// This whole answer: status line, headers, body.
    Answer(String),
    /// These bytes, then the connection is closed.
    Cut(String),
    /// Nothing, ever.
    Hang,
}

type Rule = dyn Fn(&Asked, usize) -> Fate + Send + Sync;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    /// Listens; the rule gets each request and how many of its kind (method and path without query)
    /// came before.
    pub(crate) async fn start(
        client: Client,
        rule: impl Fn(&Asked, usize) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, rule): (_, Arc<Rule>) = (Arc::clone(&asked), Arc::new(rule));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(
                    stream,
                    client.clone(),
                    Arc::clone(&rule),
                    Arc::clone(&seen),
                ));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no holder panics").clone()
    }
}

impl Asked {
    pub(crate) fn is_watch(&self) -> bool {
        self.path.contains("watch=true")
    }

    fn bare(&self) -> (&str, &str, bool) {
        (
            &self.method,
            self.path.split('?').next().unwrap_or_default(),
            self.is_watch(),
        )
    }
}

/// An answer with a `metav1.Status`-like JSON body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Fate {
    let length = body.len();
    Fate::Answer(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    ))
}

async fn serve(
    mut stream: TcpStream,
    client: Client,
    rule: Arc<Rule>,
    seen: Arc<Mutex<Vec<Asked>>>,
) {
    let mut buffer = Vec::new();
    while let Some(asked) = request(&mut stream, &mut buffer).await {
        let before = {
            let mut seen = seen.lock().expect("no holder panics");
            let before = seen
                .iter()
                .filter(|earlier| earlier.bare() == asked.bare())
                .count();
            seen.push(asked.clone());
            before
        };
        let text = match rule(&asked, before) {
            Fate::Answer(text) => text,
            Fate::Cut(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            Fate::Pass if asked.is_watch() => {
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
            }
            Fate::Pass => pass(client.clone(), asked).await,
            Fate::Hang => return std::future::pending().await,
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn pass(client: Client, asked: Asked) -> String {
    let passed = tokio::task::spawn_blocking(move || {
        client.try_request(&asked.method, &asked.path, &asked.content_type, &asked.body)
    });
    let response = passed
        .await
        .expect("it does not panic")
        .expect("the API server answers");
    let body = response.body.to_string();
    format!(
        "HTTP/1.1 {} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        response.status,
        body.len()
    )
}

/// Reads one request; `None` when the other side has closed.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).ok()?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix(name)
                .map(|value| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length:")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    while buffer.len() < length {
        stream.read_buf(buffer).await.ok()?;
    }
    let mut line = head.lines().next()?.split(' ');
    Some(Asked {
        method: line.next()?.to_owned(),
        path: line.next()?.to_owned(),
        at: Instant::now(),
        content_type: header("content-type:").unwrap_or_default(),
        body: buffer.drain(..length).collect(),
    })
}
