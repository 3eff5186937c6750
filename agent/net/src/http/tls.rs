//! Whom we trust in TLS, and who we say we are.

use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use windlass_wire::ClientIdentity;

use crate::failure::Failure;

/// Trusts the node's certificates and those of the bundle, as Flux does (go-git appends to the system pool).
pub(crate) fn tls_config(
    ca_bundle: Option<&str>,
    identity: Option<&ClientIdentity>,
) -> Result<TlsConfig, Failure> {
    // A certificate of the node that cannot be read is one server less that is trusted; the others stay.
    let native = rustls_native_certs::load_native_certs().certs;
    let mut certificates: Vec<Certificate<'static>> = native
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    if let Some(bundle) = ca_bundle {
        certificates.extend(bundle_certificates(bundle)?);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .client_cert(identity.map(client_certificate).transpose()?)
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn bundle_certificates(bundle: &str) -> Result<Vec<Certificate<'static>>, Failure> {
    let unreadable = || {
        Failure::invalid_request(
            "the CA bundle holds no PEM certificate that can be read; check ca.crt",
        )
    };
    let mut certificates = Vec::new();
    for item in parse_pem(bundle.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| unreadable())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        Err(unreadable())
    } else {
        Ok(certificates)
    }
}

fn client_certificate(identity: &ClientIdentity) -> Result<ClientCert, Failure> {
    let unreadable =
        |what: &str| Failure::invalid_request(format!("{what} is no PEM that can be read"));
    let chain: Result<Vec<_>, _> = parse_pem(identity.certificate.as_bytes()).collect();
    let chain = chain.map_err(|_| unreadable("tls.crt"))?;
    let chain = chain.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let chain: Vec<_> = chain.collect();
    if chain.is_empty() {
        return Err(unreadable("tls.crt"));
    }
    let key = PrivateKey::from_pem(identity.key.expose().as_bytes())
        .map_err(|_| unreadable("tls.key"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}
