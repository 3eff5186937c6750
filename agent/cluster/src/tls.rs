//! The TLS settings of a connection to the API server.

mod pinned;

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use self::pinned::Pinned;
use crate::connect::ConnectError;
use crate::kubeconfig::{Access, Identity, Trust};
use crate::transport::chain;

/// Takes what the kubeconfig says and gives the settings: HTTP/2 where the server has it (every API
/// server does), so that all watches share one connection; HTTP/1.1 for a proxy in front that has
/// not.
pub(crate) fn client_config(access: &Access) -> Result<ClientConfig, ConnectError> {
    let refused = |message: String| ConnectError::Tls {
        path: access.file.clone(),
        message,
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?;
    let builder = match &access.trust {
        Trust::Anybody => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAnybody { provider })),
        Trust::Authority(pem) => {
            let authority = authority(pem).map_err(refused)?;
            let pinned = Pinned::new(authority, Arc::clone(&provider)).map_err(refused)?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(pinned))
        }
        Trust::System => builder.with_root_certificates(system().map_err(refused)?),
    };
    let mut config = match &access.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = pair(identity).map_err(refused)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| refused(format!("client certificate: {error}")))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn authority(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("certificate-authority: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("certificate-authority: {error}"))?;
    }
    if roots.is_empty() {
        Err("certificate-authority holds no certificate".to_owned())
    } else {
        Ok(roots)
    }
}

fn system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("it names no certificate-authority and this system trusts none".to_owned());
    }
    Ok(roots)
}

fn pair(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = CertificateDer::pem_slice_iter(&identity.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("client-certificate: {error}"))?;
    if chain.is_empty() {
        return Err("client-certificate holds no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes())
        .map_err(|error| format!("client-key: {error}"))?;
    Ok((chain, key))
}

/// Whether the server is vouched for by an authority that is not known here: it has another one now.
pub(crate) fn is_untrusted(error: &std::io::Error) -> bool {
    matches!(
        judged(error),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        ))
    )
}

fn judged(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Why no connection came about, and that the clock may be why.
pub(crate) fn explain(error: &std::io::Error) -> String {
    let inner = judged(error);
    let untimely = matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
        ))
    );
    let advice = if untimely {
        "; is the clock of this node right? By it the certificate of the API server is not of this time"
    } else {
        ""
    };
    chain(error) + advice
}

/// Believes any server certificate; only built when the caller allowed `insecure-skip-tls-verify`.
#[derive(Debug)]
struct TrustAnybody {
    provider: Arc<CryptoProvider>,
}

// === impl TrustAnybody ===

impl ServerCertVerifier for TrustAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
