//! What HTTP and TLS say when they fail, in our words.

use std::io::{self, Read};

use rustls::CertificateError;
use windlass_wire::FailureClass;

use crate::failure::{Deadline, Failure};

/// A response body whose errors are ours.
pub(crate) struct HttpBody<R> {
    pub(crate) body: R,
    pub(crate) deadline: Deadline,
    /// As it may be shown.
    pub(crate) url: String,
}

impl<R: Read> Read for HttpBody<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.body
            .read(into)
            .map_err(|error| classify(ureq::Error::from(error), self.deadline, &self.url).into_io())
    }
}

pub(crate) fn classify(error: ureq::Error, deadline: Deadline, url: &str) -> Failure {
    use ureq::Error;
    match &error {
        Error::Timeout(ureq::Timeout::Connect) => Failure::new(
            FailureClass::Unreachable,
            format!("{url} does not answer; it is tried again"),
        ),
        Error::Timeout(_) => deadline.failure(),
        Error::HostNotFound => Failure::new(
            FailureClass::Unreachable,
            format!("the host of {url} is not found; check the URL and the node's DNS"),
        ),
        Error::Rustls(reason) => tls_failure(url, reason),
        Error::Tls(reason) => Failure::new(FailureClass::Tls, format!("{url}: {reason}")),
        Error::LargeResponseHeader(..) => {
            Failure::refused(format!("{url} sends a header of more than 64 KiB"))
        }
        Error::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(reason) => tls_failure(url, reason),
            None => io_failure(url, io),
        },
        Error::Protocol(reason) => {
            Failure::protocol(format!("{url} does not speak HTTP properly: {reason}"))
        }
        other => Failure::new(FailureClass::Unreachable, format!("{url}: {other}")),
    }
}

fn io_failure(url: &str, error: &io::Error) -> Failure {
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            format!("{url} closed the connection before the answer was complete; it is tried again")
        }
        io::ErrorKind::ConnectionRefused => {
            format!("{url} refuses connections; check the URL and that the server runs")
        }
        _ => format!("{url} cannot be reached: {error}"),
    };
    Failure::new(FailureClass::Unreachable, message)
}

fn tls_failure(url: &str, reason: &rustls::Error) -> Failure {
    let advice = match reason {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::Expired
            | CertificateError::ExpiredContext { .. },
        ) => "; is the clock of this node right? By it the certificate is not of this time",
        rustls::Error::InvalidCertificate(_) => {
            "; if its certificate is signed by your own CA, give that as ca.crt"
        }
        _ => "; check that the server speaks TLS 1.2 or 1.3 on this port",
    };
    Failure::new(
        FailureClass::Tls,
        format!("TLS with {url} failed: {reason}{advice}"),
    )
}
