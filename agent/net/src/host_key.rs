//! The check of a server's host key while SSH connects.

use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{Algorithm, PublicKeyBase64 as _, PublicKeyOrCertificate};
use russh::{Preferred, client};
use windlass_wire::FailureClass;

use crate::failure::Failure;
use crate::known_hosts::{KnownHosts, Verdict, fingerprint};

/// Key types the server is asked for: those known for the host first and only, in our order of preference;
/// all when none is known, so that the failure can show a fingerprint. SHA-1 signatures are never taken.
pub(crate) fn host_key_algorithms(
    known_hosts: &KnownHosts,
    host: &str,
    port: u16,
) -> Vec<Algorithm> {
    let known = known_hosts.algorithms(host, port);
    let all = Preferred::DEFAULT
        .key
        .iter()
        .filter(|algorithm| !is_sha1(algorithm));
    let wanted: Vec<Algorithm> = all
        .clone()
        .filter(|algorithm| known.contains(&key_type(algorithm)))
        .cloned()
        .collect();
    if wanted.is_empty() {
        all.cloned().collect()
    } else {
        wanted
    }
}

fn is_sha1(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { hash: None })
}

/// The name of the key's type; for RSA that is not the name of the signature algorithm (RFC 8332, 3).
fn key_type(algorithm: &Algorithm) -> &str {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa",
        other => other.as_str(),
    }
}

/// Judges the host key; the reason of a rejection is left where the caller finds it.
pub(crate) struct HostKeyCheck {
    known_hosts: KnownHosts,
    host: String,
    port: u16,
    rejection: Rejection,
}

/// Why a host key was refused, for the caller that only hears that it was.
#[derive(Clone, Default)]
pub(crate) struct Rejection(Arc<Mutex<Option<Failure>>>);

impl Rejection {
    pub(crate) fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, failure: Failure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

impl HostKeyCheck {
    pub(crate) fn new(known_hosts: KnownHosts, host: &str, port: u16) -> (Self, Rejection) {
        let rejection = Rejection::default();
        let host = host.to_owned();
        let check = Self {
            known_hosts,
            host,
            port,
            rejection: rejection.clone(),
        };
        (check, rejection)
    }

    fn judge(&self, key: &[u8]) -> Result<(), Failure> {
        let Self {
            known_hosts,
            host,
            port,
            ..
        } = self;
        let fingerprint = fingerprint(key);
        let why = match known_hosts.judge(host, *port, key) {
            Verdict::Trusted => return Ok(()),
            Verdict::Revoked => format!("known_hosts revokes the host key {fingerprint} of {host}"),
            Verdict::Mismatch => format!(
                "{host} shows the host key {fingerprint}, which is not one of those in known_hosts: \
                 the server was changed, or somebody is in between; compare with its operator"
            ),
            Verdict::OnlyAuthority => format!(
                "known_hosts trusts a @cert-authority for {host}, which is not supported; add the \
                 host's own key ({fingerprint} is shown, compare it with its operator)"
            ),
            Verdict::Unknown => {
                let hint = match known_hosts.unreadable_line() {
                    Some(line) => format!("; its line {line} cannot be read"),
                    None => String::new(),
                };
                format!(
                    "known_hosts has no entry for {host} port {port}{hint}; compare the host key \
                     {fingerprint} with the server's operator and add it"
                )
            }
        };
        Err(Failure::new(FailureClass::HostKey, why))
    }
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        server_key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let judged = match server_key {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.judge(&key.public_key_bytes()),
            PublicKeyOrCertificate::Certificate(_) => Err(Failure::new(
                FailureClass::HostKey,
                format!(
                    "{} shows a host certificate, which is not supported",
                    self.host
                ),
            )),
        };
        match judged {
            Ok(()) => Ok(true),
            Err(failure) => {
                self.rejection.put(failure);
                Ok(false)
            }
        }
    }
}
