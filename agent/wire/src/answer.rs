//! What windlass-net answers.

use std::fmt;
use std::io::{Read, Write};

use crate::frame::{Decoder, Encoder, check_oid, read_bytes, read_length, write_length};
use crate::{WireError, limits};

/// One answer. A fetch is `Head`, then `Object`s (commits first), then `Done`; or `Unchanged`; a `Failed`
/// may come at any point and ends the connection.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// What the reference points at; comes before the objects.
    Head {
        /// The commit (hex); an annotated tag is peeled.
        oid: String,
        /// The full name of the reference, or the object id when a commit was asked for.
        reference_name: String,
        /// What the reference itself names (hex): that commit, or the annotated tag over it.
        target: String,
    },
    /// One object nobody has checked yet: the receiver hashes it.
    Object {
        /// Git's pack codes: 1 commit, 2 tree, 3 blob, 4 tag (gitformat-pack(5)).
        kind: u8,
        /// The id it is said to have.
        oid: [u8; 20],
        /// The content, without the loose object header.
        bytes: Vec<u8>,
    },
    /// The reference still names what it named when it was known.
    Unchanged {
        /// That object (hex).
        oid: String,
    },
    /// Everything was sent.
    Done {
        /// How many objects were sent.
        objects: u64,
        /// Bytes that came over the network, HTTP headers not counted.
        wire_bytes: u64,
    },
    /// The fetch failed.
    Failed {
        /// What kind of failure.
        class: FailureClass,
        /// What went wrong and what to do next; URLs masked.
        message: String,
    },
}

impl Answer {
    /// True for the answers after which nothing follows.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Unchanged { .. } | Self::Done { .. } | Self::Failed { .. }
        )
    }
}

impl fmt::Debug for Answer {
    /// Objects print as id and size: a Secret manifest may be inside.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head {
                oid,
                reference_name,
                target,
            } => {
                write!(formatter, "Head({oid} {reference_name:?} {target})")
            }
            Self::Object { kind, oid, bytes } => {
                write!(formatter, "Object(kind {kind}, ")?;
                for byte in oid {
                    write!(formatter, "{byte:02x}")?;
                }
                write!(formatter, ", {} bytes)", bytes.len())
            }
            Self::Unchanged { oid } => write!(formatter, "Unchanged({oid})"),
            Self::Done {
                objects,
                wire_bytes,
            } => {
                write!(
                    formatter,
                    "Done({objects} objects, {wire_bytes} wire bytes)"
                )
            }
            Self::Failed { class, message } => write!(formatter, "Failed({class}: {message})"),
        }
    }
}

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

    fn code(self) -> u8 {
        CLASSES
            .iter()
            .find(|(class, ..)| *class == self)
            .map_or(0, |(_, code, _)| *code)
    }

    fn from_code(code: u8) -> Option<Self> {
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

const TAG_HEAD: u8 = 1;
const TAG_OBJECT: u8 = 2;
const TAG_UNCHANGED: u8 = 3;
const TAG_DONE: u8 = 4;
pub(crate) const TAG_FAILED: u8 = 5;
/// Tag byte, kind and object id come before an object's bytes.
const OBJECT_HEADER_BYTES: usize = 1 + 1 + 20;
const WHAT: &str = "answer";

/// Writes one answer as one frame and does not flush: objects are many and small, so wrap the socket in a
/// `BufWriter` and flush after the last. Fails when a field is over its bound or the writer fails.
pub fn write_answer(writer: &mut impl Write, answer: &Answer) -> Result<(), WireError> {
    let encoder = match answer {
        Answer::Object { kind, oid, bytes } => return write_object(writer, *kind, oid, bytes),
        Answer::Head {
            oid,
            reference_name,
            target,
        } => {
            let mut encoder = Encoder::new(TAG_HEAD);
            check_oid("head", oid)?;
            check_oid("target", target)?;
            encoder.text("head", oid, limits::OID_HEX_BYTES)?;
            encoder.text("reference name", reference_name, limits::NAME_BYTES)?;
            encoder.text("target", target, limits::OID_HEX_BYTES)?;
            encoder
        }
        Answer::Unchanged { oid } => {
            let mut encoder = Encoder::new(TAG_UNCHANGED);
            check_oid("head", oid)?;
            encoder.text("head", oid, limits::OID_HEX_BYTES)?;
            encoder
        }
        Answer::Done {
            objects,
            wire_bytes,
        } => {
            let mut encoder = Encoder::new(TAG_DONE);
            encoder.number(*objects);
            encoder.number(*wire_bytes);
            encoder
        }
        Answer::Failed { class, message } => encode_failed(*class, message)?,
    };
    encoder.write(writer, WHAT, limits::ANSWER_BYTES)
}

/// Failures look the same whatever was asked for.
pub(crate) fn encode_failed(class: FailureClass, message: &str) -> Result<Encoder, WireError> {
    let mut encoder = Encoder::new(TAG_FAILED);
    encoder.byte(class.code());
    encoder.text("message", shortened(message), limits::MESSAGE_BYTES)?;
    Ok(encoder)
}

pub(crate) fn decode_failed(
    decoder: &mut Decoder<'_>,
) -> Result<(FailureClass, String), WireError> {
    let code = decoder.byte("failure class")?;
    let class = FailureClass::from_code(code).ok_or(WireError::UnknownTag {
        what: "failure class",
        tag: code,
    })?;
    Ok((class, decoder.text("message", limits::MESSAGE_BYTES)?))
}

/// A failure must always be told, so its message is cut rather than refused.
fn shortened(message: &str) -> &str {
    message
        .get(..message.floor_char_boundary(limits::MESSAGE_BYTES))
        .unwrap_or(message)
}

fn write_object(
    writer: &mut impl Write,
    kind: u8,
    oid: &[u8; 20],
    bytes: &[u8],
) -> Result<(), WireError> {
    check_kind(kind)?;
    let limit = OBJECT_HEADER_BYTES + limits::OBJECT_BYTES;
    write_length(writer, "object", OBJECT_HEADER_BYTES + bytes.len(), limit)?;
    for part in [&[TAG_OBJECT, kind], oid.as_slice(), bytes] {
        writer.write_all(part).map_err(WireError::Io)?;
    }
    Ok(())
}

fn check_kind(kind: u8) -> Result<(), WireError> {
    if (1..=4).contains(&kind) {
        Ok(())
    } else {
        Err(WireError::UnknownTag {
            what: "object kind",
            tag: kind,
        })
    }
}

/// Reads one answer. Fails on anything [`write_answer`] would not have written; [`WireError::Closed`] when
/// the stream ends between two answers; never allocates more than has arrived.
pub fn read_answer(reader: &mut impl Read) -> Result<Answer, WireError> {
    let limit = OBJECT_HEADER_BYTES + limits::OBJECT_BYTES;
    let length = read_length(reader, WHAT, limit)?;
    let mut tag = [0_u8; 1];
    reader.read_exact(&mut tag).map_err(WireError::Io)?;
    let [tag] = tag;
    if tag == TAG_OBJECT {
        return read_object(reader, length);
    }
    if length > limits::ANSWER_BYTES {
        let (length, limit) = (length as u64, limits::ANSWER_BYTES as u64);
        return Err(WireError::TooLarge {
            what: WHAT,
            length,
            limit,
        });
    }
    let body = read_bytes(reader, length - 1)?;
    let mut decoder = Decoder::new(&body);
    let answer = decode_answer(tag, &mut decoder)?;
    decoder.finish()?;
    Ok(answer)
}

fn decode_answer(tag: u8, decoder: &mut Decoder<'_>) -> Result<Answer, WireError> {
    Ok(match tag {
        TAG_HEAD => Answer::Head {
            oid: decoder.oid("head")?,
            reference_name: decoder.text("reference name", limits::NAME_BYTES)?,
            target: decoder.oid("target")?,
        },
        TAG_UNCHANGED => Answer::Unchanged {
            oid: decoder.oid("head")?,
        },
        TAG_DONE => Answer::Done {
            objects: decoder.number("objects")?,
            wire_bytes: decoder.number("wire bytes")?,
        },
        TAG_FAILED => {
            let (class, message) = decode_failed(decoder)?;
            Answer::Failed { class, message }
        }
        tag => return Err(WireError::UnknownTag { what: WHAT, tag }),
    })
}

fn read_object(reader: &mut impl Read, length: usize) -> Result<Answer, WireError> {
    let content = length
        .checked_sub(OBJECT_HEADER_BYTES)
        .ok_or(WireError::Malformed {
            what: "object header",
        })?;
    let mut kind = [0_u8; 1];
    reader.read_exact(&mut kind).map_err(WireError::Io)?;
    let [kind] = kind;
    check_kind(kind)?;
    let mut oid = [0_u8; 20];
    reader.read_exact(&mut oid).map_err(WireError::Io)?;
    Ok(Answer::Object {
        kind,
        oid,
        bytes: read_bytes(reader, content)?,
    })
}
