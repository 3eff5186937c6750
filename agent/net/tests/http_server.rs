//! `git http-backend` behind a small HTTP/1.1 server that counts, and that misbehaves when told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub authorization: Option<String>,
    pub body: Vec<u8>,
    pub sent: usize,
}

/// How the server answers.
#[derive(Debug, Clone)]
pub enum Behaviour {
    Normal,
    /// 401 unless the header is this one.
    Wants(String),
    /// Every request is answered with this status and Location.
    Redirect(u16, String),
    /// The request for a pack is answered one byte at a time.
    Drip,
    /// The connection is reset after this many bytes of the answer that holds the pack.
    Reset(usize),
    /// The headers are never finished.
    EndlessHeader,
    /// `Git-Protocol` is ignored.
    OldProtocol,
    Status(u16),
    /// This body, with the right content type, for a POST.
    Body(Vec<u8>),
    /// Reads the request and never answers.
    Silent,
    /// Reads the request for a pack and never answers it.
    SilentPack,
    /// The request for a pack is answered with this.
    Pack(Vec<u8>),
    /// The answer to the request for a pack is progress, for ever.
    Chatter,
}

pub struct HttpServer {
    pub port: u16,
    tls: bool,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    behaviour: Mutex<Behaviour>,
    seen: Mutex<Vec<Seen>>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl HttpServer {
    pub fn start(root: &Path) -> Self {
        Self::start_with(root, None)
    }

    pub fn start_tls(root: &Path, config: rustls::ServerConfig) -> Self {
        Self::start_with(root, Some(Arc::new(config)))
    }

    fn start_with(root: &Path, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_tls = tls.is_some();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            behaviour: Mutex::new(Behaviour::Normal),
            seen: Mutex::default(),
            tls,
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self {
            port,
            tls: is_tls,
            shared,
        }
    }

    pub fn url(&self) -> String {
        self.url_at("127.0.0.1")
    }

    pub fn url_at(&self, host: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}:{}/fleet.git", self.port)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// The requests since this was last asked.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }
}

impl Shared {
    fn serve(&self, tcp: TcpStream) {
        let closing = tcp.try_clone().unwrap();
        let mut stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some(config) => {
                let connection = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
                Box::new(rustls::StreamOwned::new(connection, tcp))
            }
        };
        let Some(mut request) = read_request(&mut stream) else {
            return;
        };
        let behaviour = self.behaviour.lock().unwrap().clone();
        let is_post = request.method == "POST";
        let is_pack = is_pack(&request);
        let answer = self.answer(&behaviour, &request, is_post);
        let answer = match answer {
            Some(answer) => answer,
            None => {
                self.seen.lock().unwrap().push(request);
                std::thread::sleep(Duration::from_secs(60));
                return;
            }
        };
        request.sent = answer.len();
        self.seen.lock().unwrap().push(request);
        send(stream.as_mut(), &closing, &answer, &behaviour, is_pack);
    }

    fn answer(&self, behaviour: &Behaviour, request: &Seen, is_post: bool) -> Option<Vec<u8>> {
        Some(match behaviour {
            Behaviour::Wants(header) if request.authorization.as_ref() != Some(header) => plain(
                "401 Unauthorized",
                "WWW-Authenticate: Basic realm=\"git\"\r\n",
            ),
            Behaviour::Redirect(status, to) => {
                let path = to.replace("{target}", &request.target);
                plain(&format!("{status} Moved"), &format!("Location: {path}\r\n"))
            }
            Behaviour::EndlessHeader => {
                let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
                answer.extend(
                    "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
                        .repeat(10_000)
                        .bytes(),
                );
                answer
            }
            Behaviour::Status(status) => plain(&format!("{status} Because"), ""),
            Behaviour::Body(body) if is_post => {
                let mut answer = plain("200 OK", "").split_off(0);
                answer = String::from_utf8(answer)
                    .unwrap()
                    .replace("Content-Length: 0\r\n", "")
                    .replace(
                        "200 OK\r\n",
                        "200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n",
                    )
                    .into_bytes();
                answer.extend(body);
                answer
            }
            Behaviour::Silent => return None,
            Behaviour::SilentPack if is_pack(request) => return None,
            Behaviour::Pack(pack) if is_pack(request) => {
                let mut body = b"000dpackfile\n".to_vec();
                for piece in pack.chunks(65_000) {
                    body.extend(format!("{:04x}\x01", piece.len() + 5).bytes());
                    body.extend(piece);
                }
                body.extend(b"0000");
                framed("200 OK", RESULT, &body, true)
            }
            Behaviour::Chatter if is_pack(request) => {
                let mut answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{RESULT}\r\n");
                answer.push_str("000dpackfile\n");
                answer.into_bytes()
            }
            Behaviour::OldProtocol => self.backend(request, None),
            _ => self.backend(request, Some("version=2")),
        })
    }

    /// Runs `git http-backend` as a CGI program (git-http-backend(1)).
    fn backend(&self, request: &Seen, protocol: Option<&str>) -> Vec<u8> {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", "application/x-git-upload-pack-request")
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(protocol) = protocol {
            command.env("GIT_PROTOCOL", protocol);
        }
        let mut child = command.spawn().expect("git http-backend runs");
        let mut stdin = child.stdin.take().unwrap();
        let body = request.body.clone();
        let writer = std::thread::spawn(move || {
            // The program may end before it read everything, when it refuses.
            let _ = stdin.write_all(&body);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let end = output
            .stdout
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        let (header, body) = (&output.stdout[..end], &output.stdout[end + 4..]);
        let header = String::from_utf8(header.to_vec()).unwrap();
        let mut status = "200 OK".to_owned();
        let mut lines = String::new();
        for line in header.lines() {
            match line.strip_prefix("Status: ") {
                Some(text) => text.clone_into(&mut status),
                None => lines.push_str(&format!("{line}\r\n")),
            }
        }
        framed(&status, &lines, body, request.method == "POST")
    }
}

/// Answers, or misbehaves.
fn send(
    stream: &mut dyn Stream,
    closing: &TcpStream,
    answer: &[u8],
    behaviour: &Behaviour,
    is_pack: bool,
) {
    // The other side may go away at any time; that is what some tests are about.
    match behaviour {
        Behaviour::Drip if is_pack => {
            for byte in answer {
                if stream
                    .write_all(&[*byte])
                    .and_then(|()| stream.flush())
                    .is_err()
                {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Behaviour::Chatter if is_pack => {
            let mut sent = stream.write_all(answer);
            let line = format!("03ed\x02{}", "x".repeat(1000));
            while sent.is_ok() {
                sent = stream
                    .write_all(line.as_bytes())
                    .and_then(|()| stream.flush());
            }
        }
        Behaviour::Reset(after) if is_pack => {
            let _ = stream.write_all(&answer[..(*after).min(answer.len())]);
            let _ = stream.flush();
            // Closing with unread data or with a zero linger time sends RST.
            let _ = nix::sys::socket::setsockopt(
                closing,
                nix::sys::socket::sockopt::Linger,
                &nix::libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                },
            );
        }
        _ => {
            let _ = stream.write_all(answer);
            let _ = stream.flush();
        }
    }
}

const RESULT: &str = "Content-Type: application/x-git-upload-pack-result\r\n";

fn is_pack(request: &Seen) -> bool {
    request.body.windows(5).any(|window| window == b"want ")
}

/// Packs come in chunks, as from most servers; the rest comes with its length.
fn framed(status: &str, lines: &str, body: &[u8], in_chunks: bool) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let framing = if in_chunks {
        "Transfer-Encoding: chunked"
    } else {
        &length
    };
    let header = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{framing}\r\n{lines}\r\n");
    let mut answer = header.into_bytes();
    if !in_chunks {
        answer.extend(body);
        return answer;
    }
    for chunk in body.chunks(7000) {
        answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
        answer.extend(chunk);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    answer
}

fn plain(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n")
        .into_bytes()
}

fn read_request(stream: &mut dyn Stream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen {
        method,
        target,
        authorization,
        body,
        sent: 0,
    })
}
