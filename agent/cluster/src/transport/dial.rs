//! Opens one connection: TCP, TLS, HTTP.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::kubeconfig::Access;
use crate::transport::{Body, TransportError, chain};

/// Longest time to open a connection: the API server is on this machine or next to it.
const DIAL: Duration = Duration::from_secs(5);
/// The same where another server can be tried.
const DIAL_ONE: Duration = Duration::from_secs(2);
/// Sent data that stays unacknowledged this long ends the connection (tcp(7), TCP_USER_TIMEOUT).
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Quiet time before the kernel probes the other side, and between probes.
const PROBE: Duration = Duration::from_secs(5);
/// Quiet time before an HTTP/2 PING, and how long its answer may take: a server that hangs is
/// noticed within ten seconds though its kernel still answers.
const PING: Duration = Duration::from_secs(4);
const PONG: Duration = Duration::from_secs(6);
/// What the server may send ahead on one stream: a page of objects in a few turns.
const STREAM_WINDOW: u32 = 256 << 10;
/// And on all streams: a watch nobody reads for a while must not stop the others, so it is room for
/// 256 of them.
const CONNECTION_WINDOW: u32 = 64 << 20;
/// Largest head of an answer.
const HEADERS: u32 = 64 << 10;

/// An open connection of one of the two protocols.
pub(super) enum Dialled {
    Http2(http2::SendRequest<Body>),
    Http1(http1::SendRequest<Body>),
}

/// Takes what the kubeconfig says and gives an open connection whose driver runs as a task that
/// ends with it.
pub(super) async fn dial(access: &Access) -> Result<Dialled, TransportError> {
    let server = &access.server;
    let limit = if access.others.is_empty() {
        DIAL
    } else {
        DIAL_ONE
    };
    let failed = |why: &str| format!("cannot connect to {server}: {why}");
    match tokio::time::timeout(limit, connect(access)).await {
        Ok(Ok(sender)) => Ok(sender),
        Ok(Err(Failure::Untrusted(why))) => Err(TransportError::Untrusted(failed(&why))),
        Ok(Err(Failure::Other(why))) => Err(TransportError::Connect(failed(&why))),
        Err(_) => {
            let why = format!("no answer in {} s", limit.as_secs());
            Err(TransportError::Connect(failed(&why)))
        }
    }
}

/// Why no connection came about.
enum Failure {
    /// Nobody whom the access says to believe vouches for the server.
    Untrusted(String),
    Other(String),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Other(message)
    }
}

async fn connect(access: &Access) -> Result<Dialled, Failure> {
    let https = access.server.scheme_str() == Some("https");
    let (host, port) = host_and_port(&access.server, https)?;
    let tcp = TcpStream::connect((host, port))
        .await
        .map_err(|error| error.to_string())?;
    tune(&tcp).map_err(|error| error.to_string())?;
    if !https {
        return Ok(http1_over(tcp).await?);
    }
    let config = crate::tls::client_config(access).map_err(|error| error.to_string())?;
    let name = access.server_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(Arc::new(config));
    let tls = connector.connect(name, tcp).await.map_err(|error| {
        let why = crate::tls::explain(&error);
        if crate::tls::is_untrusted(&error) {
            Failure::Untrusted(why)
        } else {
            Failure::Other(why)
        }
    })?;
    let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(if is_http2 {
        http2_over(tls).await?
    } else {
        http1_over(tls).await?
    })
}

fn host_and_port(server: &Uri, https: bool) -> Result<(&str, u16), String> {
    let host = server.host().ok_or_else(|| "no host".to_owned())?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Ok((
        bare,
        server.port_u16().unwrap_or(if https { 443 } else { 80 }),
    ))
}

fn tune(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE).with_interval(PROBE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

async fn http2_over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
) -> Result<Dialled, String> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .keep_alive_while_idle(true)
        .handshake::<_, Body>(TokioIo::new(stream))
        .await
        .map_err(|error| chain(&error))?;
    tokio::spawn(drive(connection));
    Ok(Dialled::Http2(sender))
}

async fn http1_over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
) -> Result<Dialled, String> {
    let (sender, connection) = http1::Builder::new()
        .handshake::<_, Body>(TokioIo::new(stream))
        .await
        .map_err(|error| chain(&error))?;
    tokio::spawn(drive(connection));
    Ok(Dialled::Http1(sender))
}

/// Runs a connection to its end; whoever waits for an answer on it is told of the error, so here it
/// is only traced.
async fn drive(connection: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = connection.await {
        tracing::debug!(
            error = chain(&error),
            "a connection to the API server ended"
        );
    }
}
