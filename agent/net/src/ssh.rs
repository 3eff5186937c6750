//! Git over SSH, in process: one channel that runs `git-upload-pack` on the server.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle, Msg};
use russh::keys::key::PrivateKeyWithHashAlg;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKeyBase64 as _, decode_secret_key};
use russh::{Channel, ChannelMsg, Disconnect, Preferred};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use windlass_wire::{Credentials, DisplayUrl, FailureClass, FetchRequest, Secret};

use crate::failure::{Deadline, Failure, server_text};
use crate::host_key::{HostKeyCheck, host_key_algorithms};
use crate::known_hosts::{KnownHosts, fingerprint};
use crate::limits::CONNECT_TIMEOUT;
use crate::origin::SshOrigin;

/// One fetch's conversation with one server.
pub(crate) struct SshSession {
    /// Runs only while something is awaited; taken when the session ends.
    runtime: Option<Runtime>,
    channel: Channel<Msg>,
    handle: Handle<HostKeyCheck>,
    deadline: Deadline,
    url: String,
    incoming: Vec<u8>,
    position: usize,
    /// What the server's program printed for people.
    messages: Vec<u8>,
    exit_status: Option<u32>,
    is_over: bool,
}

/// Bytes kept of what the server prints for people.
const MESSAGE_BYTES: usize = 4096;

/// Messages and bytes that may wait before the server is slowed down: together at most a megabyte.
const WAITING_MESSAGES: usize = 8;
const WINDOW_BYTES: u32 = 512 * 1024;

impl SshSession {
    /// Connects, checks the host key, authenticates, and starts the service.
    pub(crate) fn open(
        origin: &SshOrigin,
        request: &FetchRequest,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let Credentials::Ssh {
            identity,
            passphrase,
            known_hosts,
        } = &request.credentials
        else {
            return Err(Failure::invalid_request(
                "an ssh URL needs a secretRef with identity and known_hosts",
            ));
        };
        let known_hosts = KnownHosts::parse(known_hosts)
            .map_err(|error| Failure::invalid_request(error.to_string()))?;
        let key = private_key(identity, passphrase.as_ref())?;
        let url = DisplayUrl(&request.url).to_string();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::cache(format!("no runtime for ssh: {error}")))?;
        let connected = runtime.block_on(within(deadline, async {
            let handle = connect(origin, known_hosts, &url).await?;
            start(handle, origin, key, &url).await
        }));
        let (handle, channel) = match connected {
            Ok(connected) => connected,
            Err(failure) => {
                // A name lookup that hangs must not keep this thread.
                runtime.shutdown_background();
                return Err(failure);
            }
        };
        Ok(Self {
            runtime: Some(runtime),
            channel,
            handle,
            deadline,
            url,
            incoming: Vec::new(),
            position: 0,
            messages: Vec::new(),
            exit_status: None,
            is_over: false,
        })
    }

    /// Sends bytes to the service.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(runtime) = &self.runtime else {
            return Err(self.ended());
        };
        let sent = runtime.block_on(within(self.deadline, async {
            self.channel
                .data(bytes)
                .await
                .map_err(|error| ssh_failure(&self.url, &error))
        }));
        sent.map_err(|failure| match self.exit_status {
            Some(_) => self.ended(),
            None => failure,
        })
    }

    /// Waits for the next message of the channel.
    fn wait(&mut self) -> Result<(), Failure> {
        let Some(runtime) = &self.runtime else {
            return Err(self.ended());
        };
        let message = runtime.block_on(within(self.deadline, async {
            Ok(self.channel.wait().await)
        }))?;
        match message {
            Some(ChannelMsg::Data { data }) => {
                self.incoming.clear();
                self.incoming.extend_from_slice(&data);
                self.position = 0;
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = MESSAGE_BYTES.saturating_sub(self.messages.len());
                self.messages.extend(data.iter().take(room));
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => self.exit_status = Some(exit_status),
            Some(ChannelMsg::Failure) => {
                self.is_over = true;
                return Err(Failure::protocol(format!(
                    "{} does not run git-upload-pack for this user",
                    self.url
                )));
            }
            None | Some(ChannelMsg::Close) => self.is_over = true,
            Some(_) => {}
        }
        Ok(())
    }

    /// Why the service ended before it was told to.
    fn ended(&self) -> Failure {
        let said = server_text(&self.messages);
        let lower = said.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let class = if says(&[
            "permission denied",
            "access denied",
            "not allowed",
            "denied to",
        ]) {
            FailureClass::Authentication
        } else if says(&[
            "not found",
            "does not appear to be a git repository",
            "does not exist",
        ]) {
            FailureClass::NotFound
        } else {
            FailureClass::Unreachable
        };
        let said = if said.is_empty() {
            "nothing".to_owned()
        } else {
            format!("{said:?}")
        };
        Failure::new(
            class,
            format!(
                "{} ended the connection and said {said}; check the path and the key",
                self.url
            ),
        )
    }
}

impl Read for SshSession {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.position >= self.incoming.len() {
            if self.is_over {
                return Err(self.ended().into_io());
            }
            self.wait().map_err(Failure::into_io)?;
        }
        let mut available = self.incoming.get(self.position..).unwrap_or_default();
        let read = available.read(into)?;
        self.position += read;
        Ok(read)
    }
}

impl Drop for SshSession {
    fn drop(&mut self) {
        /// For a polite goodbye; the server notices a closed connection as well.
        const GOODBYE: Duration = Duration::from_millis(200);
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(async {
                let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "en");
                // Nothing is left to be done when it is not taken.
                let _ = tokio::time::timeout(GOODBYE, goodbye).await;
            });
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for SshSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SshSession({})", self.url)
    }
}

async fn within<T>(
    deadline: Deadline,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let left = deadline.remaining()?;
    tokio::time::timeout(left, work)
        .await
        .unwrap_or_else(|_| Err(deadline.failure()))
}

async fn connect(
    origin: &SshOrigin,
    known_hosts: KnownHosts,
    url: &str,
) -> Result<Handle<HostKeyCheck>, Failure> {
    let host = origin.host.trim_start_matches('[').trim_end_matches(']');
    let unreachable = |why: String| Failure::new(FailureClass::Unreachable, why);
    let connecting = TcpStream::connect((host, origin.port));
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Err(_) => {
            return Err(unreachable(format!(
                "{url} does not answer; it is tried again"
            )));
        }
        Ok(Err(error)) => return Err(unreachable(format!("{url} cannot be reached: {error}"))),
        Ok(Ok(stream)) => stream,
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small packets are sent late");
    }
    let config = client::Config {
        preferred: Preferred {
            key: Cow::Owned(host_key_algorithms(&known_hosts, host, origin.port)),
            ..Preferred::DEFAULT
        },
        window_size: WINDOW_BYTES,
        channel_buffer_size: WAITING_MESSAGES,
        ..client::Config::default()
    };
    let (check, rejection) = HostKeyCheck::new(known_hosts, host, origin.port);
    client::connect_stream(Arc::new(config), stream, check)
        .await
        .map_err(|error| rejection.take().unwrap_or_else(|| ssh_failure(url, &error)))
}

async fn start(
    mut handle: Handle<HostKeyCheck>,
    origin: &SshOrigin,
    key: PrivateKey,
    url: &str,
) -> Result<(Handle<HostKeyCheck>, Channel<Msg>), Failure> {
    let failed = |error: russh::Error| ssh_failure(url, &error);
    let hash = if matches!(key.algorithm(), Algorithm::Rsa { .. }) {
        let supported = handle.best_supported_rsa_hash().await.map_err(failed)?;
        // A server that does not say, or that offers only SHA-1, is tried with SHA-512.
        supported.flatten().or(Some(HashAlg::Sha512))
    } else {
        None
    };
    let public = fingerprint(&key.public_key_bytes());
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    let result = handle
        .authenticate_publickey(origin.user.as_str(), key)
        .await
        .map_err(failed)?;
    if !result.success() {
        return Err(Failure::new(
            FailureClass::Authentication,
            format!("{url} refuses the key {public}; register it there, or check the user name"),
        ));
    }
    let channel = handle.channel_open_session().await.map_err(failed)?;
    // A server that does not accept the variable answers with protocol version 0.
    channel
        .set_env(false, "GIT_PROTOCOL", "version=2")
        .await
        .map_err(failed)?;
    // The path was checked when the URL was read: it holds no quote.
    let command = format!("git-upload-pack '{}'", origin.path);
    channel.exec(false, command).await.map_err(failed)?;
    Ok((handle, channel))
}

fn private_key(identity: &Secret, passphrase: Option<&Secret>) -> Result<PrivateKey, Failure> {
    decode_secret_key(identity.expose(), passphrase.map(Secret::expose)).map_err(|error| {
        let what = match (&error, passphrase) {
            (russh::keys::Error::KeyIsEncrypted, _) => "is encrypted; give its password too",
            (_, Some(_)) => "cannot be read; check the key and its password",
            (_, None) => "cannot be read; give an OpenSSH or PKCS#8 private key",
        };
        Failure::invalid_request(format!("the ssh identity {what}"))
    })
}

fn ssh_failure(url: &str, error: &russh::Error) -> Failure {
    let class = match error {
        russh::Error::NoCommonAlgo { .. }
        | russh::Error::Version
        | russh::Error::Inconsistent
        | russh::Error::WrongServerSig
        | russh::Error::KexInit => FailureClass::Protocol,
        _ => FailureClass::Unreachable,
    };
    Failure::new(class, format!("ssh with {url} failed: {error}"))
}
