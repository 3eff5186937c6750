//! An admission webhook that says no to everything, as policy engines do.

use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::certificates::Authority;
use crate::http;

/// A webhook on loopback; its thread ends with the test process.
#[derive(Debug)]
pub struct DenyingWebhook {
    port: u16,
    authority: String,
}

impl DenyingWebhook {
    /// Starts to listen; every review is answered with `allowed: false` and `message`.
    ///
    /// # Panics
    /// When there is no port to be had.
    #[must_use]
    pub fn start(message: &'static str) -> Self {
        let authority = Authority::new();
        let config = authority.tls_config();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                std::thread::spawn(move || serve(&config, stream, message));
            }
        });
        Self {
            port,
            authority: authority.certificate(),
        }
    }

    /// The `clientConfig` by which the API server finds and trusts it.
    #[must_use]
    pub fn client_config(&self) -> Value {
        json!({
            "url": format!("https://127.0.0.1:{}/validate", self.port),
            "caBundle": STANDARD.encode(&self.authority),
        })
    }
}

/// Answers until the client leaves, which is its right.
fn serve(config: &Arc<ServerConfig>, stream: TcpStream, message: &str) {
    if let Ok(connection) = ServerConnection::new(Arc::clone(config)) {
        let mut wire = BufReader::new(StreamOwned::new(connection, stream));
        while matches!(answer(&mut wire, message), Ok(true)) {}
    }
}

type Wire = BufReader<StreamOwned<ServerConnection, TcpStream>>;

fn answer(wire: &mut Wire, message: &str) -> io::Result<bool> {
    let Some(head) = http::read_head(wire)? else {
        return Ok(false);
    };
    let review: Value = serde_json::from_slice(&http::read_body(wire, &head)?)?;
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {
            "uid": review["request"]["uid"], "allowed": false,
            "status": {"code": 403, "message": message},
        },
    });
    let body = answer.to_string();
    let length = body.len().to_string();
    let fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", &*length),
    ];
    http::write_head(wire.get_mut(), "HTTP/1.1 200 OK", &fields)?;
    wire.get_mut().write_all(body.as_bytes())?;
    wire.get_mut().flush()?;
    Ok(!head.closes())
}
