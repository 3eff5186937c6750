//! Certificates of a pinned authority, judged also by a node whose clock is behind.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Certificates of one chain whose beginnings the clock may lag behind, one after the other.
const CHAIN_LIMIT: usize = 4;

/// Believes what the authority of the kubeconfig signed.
///
/// A certificate that it signed cannot be of the future. Where the clock says so it is the clock that is wrong: a board
/// without a battery boots in 1970, and the time comes from a network that the cluster may have to bring up first. Such a
/// certificate is judged at the time at which it begins. An end of validity counts as ever.
#[derive(Debug)]
pub(super) struct Pinned(Arc<WebPkiServerVerifier>);

// === impl Pinned ===

impl Pinned {
    pub(super) fn new(
        authority: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(authority), provider)
            .build()
            .map(Pinned)
            .map_err(|error| format!("certificate-authority: {error}"))
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        mut now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut left = CHAIN_LIMIT;
        loop {
            let verdict = self.0.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            match verdict {
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) if left > 0 && not_before > now => now = not_before,
                verdict => return verdict,
            }
            left -= 1;
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
