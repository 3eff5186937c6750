//! Requests over TLS to the API server, on connections that are kept.

use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::http;

/// A request that takes longer than this has failed; the slowest (an apply with a webhook) takes 10 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

type Connection = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// An answer of the API server.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The JSON body; a body that is not JSON is a string.
    pub body: Value,
}

impl Response {
    /// The body of a 2xx answer.
    ///
    /// # Panics
    /// With status and body of any other answer.
    #[track_caller]
    #[must_use]
    pub fn expect_success(self, what: &str) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{what}: {} {}",
            self.status,
            self.body
        );
        self.body
    }
}

pub(super) struct Request<'a> {
    pub(super) token: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) content_type: &'a str,
    pub(super) body: &'a [u8],
}

#[derive(Debug)]
pub(super) struct Transport {
    port: u16,
    tls: Arc<ClientConfig>,
    idle: Mutex<Vec<Connection>>,
}

impl Transport {
    pub(super) fn new(port: u16, authorities: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            roots
                .add(certificate.expect("the authority is PEM"))
                .expect("it is a certificate");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            port,
            tls: Arc::new(tls),
            idle: Mutex::default(),
        }
    }

    pub(super) fn send(&self, request: &Request<'_>) -> io::Result<Response> {
        let idle = self.idle.lock().expect("no holder panics").pop();
        // A kept connection may have been closed meanwhile; the server has not seen the request then.
        match idle.map(|connection| self.exchange(connection, request)) {
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Some(Ok(response)) => Ok(response),
            Some(Err(_)) | None => self.exchange(self.connect()?, request),
        }
    }

    fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
        stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
        let name = ServerName::try_from("127.0.0.1").expect("an address is a name");
        let tls = ClientConnection::new(Arc::clone(&self.tls), name);
        let tls = tls.map_err(io::Error::other)?;
        Ok(BufReader::new(StreamOwned::new(tls, stream)))
    }

    fn exchange(&self, mut connection: Connection, request: &Request<'_>) -> io::Result<Response> {
        let mut message = Vec::new();
        http::write_head(
            &mut message,
            &format!("{} {} HTTP/1.1", request.method, request.path),
            &[
                ("Host", "127.0.0.1"),
                ("Authorization", &format!("Bearer {}", request.token)),
                ("User-Agent", super::MANAGER),
                ("Accept", "application/json"),
                ("Content-Type", request.content_type),
                ("Content-Length", &request.body.len().to_string()),
            ],
        )?;
        message.extend_from_slice(request.body);
        connection.get_mut().write_all(&message)?;
        connection.get_mut().flush()?;
        let head = http::read_head(&mut connection)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = http::read_body(&mut connection, &head)?;
        if !head.closes() {
            self.idle.lock().expect("no holder panics").push(connection);
        }
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        let status = head.word(1).parse().map_err(io::Error::other)?;
        Ok(Response { status, body })
    }
}
