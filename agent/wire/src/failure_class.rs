//! Kinds of failures.

use std::fmt;

/// What kind of failure ended a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FailureClass {
    /// Credentials are missing, wrong or not enough.
    Authentication,
    /// The server has no such repository.
    NotFound,
    /// No connection, or the server says it cannot answer now.
    Unreachable,
    /// The time given for the fetch ran out.
    Timeout,
    /// The server's certificate is not trusted, or TLS failed.
    Tls,
    /// The server's SSH host key is not trusted.
    HostKey,
    /// A limit was reached; the message names it.
    Refused,
    /// The server sent something that is not Git's protocol, or that we do not speak.
    Protocol,
    /// The URL cannot be used.
    InvalidUrl,
    /// The repository has no such branch, tag, reference or commit.
    NoSuchReference,
    /// The request itself cannot be used: a credential, range or name in it is malformed.
    InvalidRequest,
    /// The cache of windlass-net cannot be read or written.
    Cache,
    /// The server sent an object that is part of an attack on SHA-1.
    HashCollision,
}

const CLASSES: [(FailureClass, u8, &str); 13] = [
    (FailureClass::Authentication, 1, "Authentication"),
    (FailureClass::NotFound, 2, "NotFound"),
    (FailureClass::Unreachable, 3, "Unreachable"),
    (FailureClass::Timeout, 4, "Timeout"),
    (FailureClass::Tls, 5, "Tls"),
    (FailureClass::HostKey, 6, "HostKey"),
    (FailureClass::Refused, 7, "Refused"),
    (FailureClass::Protocol, 8, "Protocol"),
    (FailureClass::InvalidUrl, 9, "InvalidUrl"),
    (FailureClass::NoSuchReference, 10, "NoSuchReference"),
    (FailureClass::InvalidRequest, 11, "InvalidRequest"),
    (FailureClass::Cache, 12, "Cache"),
    (FailureClass::HashCollision, 13, "HashCollision"),
];

impl FailureClass {
    /// The name, in CamelCase.
    pub fn as_str(self) -> &'static str {
        CLASSES
            .iter()
            .find(|(class, ..)| *class == self)
            .map_or("Unknown", |(_, _, name)| name)
    }

    /// True when only a person can change the outcome: a retry soon is no use.
    pub fn needs_a_person(self) -> bool {
        !matches!(self, Self::Unreachable | Self::Timeout | Self::Cache)
    }

    pub(crate) fn code(self) -> u8 {
        CLASSES
            .iter()
            .find(|(class, ..)| *class == self)
            .map_or(0, |(_, code, _)| *code)
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        CLASSES
            .iter()
            .find(|(_, known, _)| *known == code)
            .map(|(class, ..)| *class)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
