//! A certificate authority of the test's own, and server certificates from it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority made for one test.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate of a server or a client, and its private key, both PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its PKCS #8 key.
    pub key: String,
}

impl Authority {
    /// A new authority with a key of its own.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names, no bad name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "windlass test authority");
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a key signs its own name");
        Self { issuer }
    }

    /// Its certificate, PEM: what a client is told to trust.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// What a server on loopback needs to speak TLS with a certificate of this authority.
    pub(crate) fn tls_config(&self) -> Arc<ServerConfig> {
        let server = self.server(&["127.0.0.1", "localhost"]);
        let certificate = CertificateDer::from_pem_slice(server.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("rcgen writes PEM")],
                key.expect("rcgen writes PEM"),
            );
        Arc::new(config.expect("the key belongs to the certificate"))
    }

    /// A certificate for servers reached as `names` (DNS names or addresses).
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("test names are plain");
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "windlass test server");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate for a client whom Kubernetes knows as `user`, good for a while.
    #[must_use]
    pub fn client(&self, user: &str, good_for: Duration) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).expect("no names, no bad name");
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, user);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = (SystemTime::now() + good_for).into();
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the authority can sign");
        Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
