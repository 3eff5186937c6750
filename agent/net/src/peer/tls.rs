//! TLS between nodes: version 1.3 with bare public keys (RFC 7250), of which each end knows the other's. There is no authority, no
//! name and no date, so a clock that is wrong shuts nobody out.

use std::sync::Arc;

use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};

use crate::failure::Failure;

/// What stands before the 32 bytes of a private key of Ed25519 in PKCS #8 (RFC 8410, 7).
const PRIVATE: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What stands before the 32 bytes of a public one (RFC 8410, 4).
const PUBLIC: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The other end is whoever proves one of these keys.
#[derive(Debug)]
struct Pinned {
    keys: Vec<Vec<u8>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// What a node that is asked goes by.
pub(super) fn server(identity: &str, peers: &[String]) -> Result<Arc<ServerConfig>, Failure> {
    let resolver = AlwaysResolvesServerRawPublicKeys::new(own(identity)?);
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(Pinned::new(peers)?)
        .with_cert_resolver(Arc::new(resolver));
    Ok(Arc::new(config))
}

/// What a node that asks goes by.
pub(super) fn client(identity: &str, peer: &str) -> Result<Arc<ClientConfig>, Failure> {
    let resolver = AlwaysResolvesClientRawPublicKeys::new(own(identity)?);
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Pinned::new(&[peer.to_owned()])?)
        .with_client_cert_resolver(Arc::new(resolver));
    Ok(Arc::new(config))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unusable(error: Error) -> Failure {
    Failure::invalid_request(format!("the key of a node cannot be used: {error}"))
}

fn own(identity: &str) -> Result<Arc<CertifiedKey>, Failure> {
    let key = PrivatePkcs8KeyDer::from(prefixed(&PRIVATE, identity)?);
    let key = rustls::crypto::ring::sign::any_eddsa_type(&key).map_err(unusable)?;
    let public = key
        .public_key()
        .ok_or_else(|| Failure::invalid_request("the key of a node has no public half"))?;
    let certificate = CertificateDer::from(public.to_vec());
    Ok(Arc::new(CertifiedKey::new(vec![certificate], key)))
}

fn prefixed(prefix: &[u8], hex_key: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex_key, &mut bytes)
        .map_err(|_| Failure::invalid_request("the key of a node is not 64 hex digits"))?;
    Ok([prefix, &bytes].concat())
}

// === impl Pinned ===

impl Pinned {
    fn new(keys: &[String]) -> Result<Arc<Self>, Failure> {
        let keys = keys.iter().map(|key| prefixed(&PUBLIC, key));
        Ok(Arc::new(Self {
            keys: keys.collect::<Result<_, _>>()?,
            algorithms: provider().signature_verification_algorithms,
        }))
    }

    fn judge(&self, presented: &CertificateDer<'_>) -> Result<(), Error> {
        let is_known = self.keys.iter().any(|key| key == presented.as_ref());
        let refused = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        is_known.then_some(()).ok_or(refused)
    }

    fn proves(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(presented.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }
}

/// Version 1.2 is not spoken.
fn too_old() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.3 is spoken between nodes".to_owned()))
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(presented)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        too_old()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proves(message, presented, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(presented)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        too_old()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proves(message, presented, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
