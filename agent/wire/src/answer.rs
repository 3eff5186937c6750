//! What windlass-net answers.

use std::fmt;
use std::io::{Read, Write};

use crate::frame::{Decoder, Encoder, check_oid, read_bytes, read_length, write_length};
use crate::{FailureClass, WireError, limits};

/// One answer. A fetch is `Head`, then `Object`s (commits first), then `Done`; or `Unchanged`; a `Failed`
/// may come at any point and ends the connection. A bundle is `Ready`, then `Prerequisite`s and `Reference`s, then `Base`s,
/// then `Object`s in any order, then `Done`. A copy from another node is `Asked`, and then as a fetch.
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
    /// It waits for the descriptor of a bundle.
    Ready,
    /// A commit that a bundle builds on and does not hold.
    Prerequisite {
        /// The commit.
        oid: [u8; 20],
    },
    /// A reference that a bundle holds.
    Reference {
        /// Its full name.
        name: String,
        /// What it names.
        oid: [u8; 20],
    },
    /// An object that a bundle builds on is asked for.
    Base {
        /// The object.
        oid: [u8; 20],
    },
    /// What another node says of its source, before what it has of it.
    Asked {
        /// How long ago the server of the source answered it; nothing where that is not known, or it failed since.
        seconds_ago: Option<u64>,
        /// Whether that server has what follows.
        shown: bool,
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
                let (oid, length) = (Hex(oid), bytes.len());
                write!(formatter, "Object(kind {kind}, {oid}, {length} bytes)")
            }
            Self::Ready => write!(formatter, "Ready"),
            Self::Prerequisite { oid } => write!(formatter, "Prerequisite({})", Hex(oid)),
            Self::Reference { name, oid } => {
                write!(formatter, "Reference({name:?} {})", Hex(oid))
            }
            Self::Base { oid } => write!(formatter, "Base({})", Hex(oid)),
            Self::Asked { seconds_ago, shown } => {
                write!(formatter, "Asked({seconds_ago:?} s ago, shown: {shown})")
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

struct Hex<'a>(&'a [u8; 20]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter();
        bytes.try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

const TAG_HEAD: u8 = 1;
const TAG_OBJECT: u8 = 2;
const TAG_UNCHANGED: u8 = 3;
const TAG_DONE: u8 = 4;
pub(crate) const TAG_FAILED: u8 = 5;
const TAG_READY: u8 = 6;
const TAG_PREREQUISITE: u8 = 7;
const TAG_REFERENCE: u8 = 8;
const TAG_BASE: u8 = 9;
const TAG_ASKED: u8 = 10;
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
        Answer::Ready => Encoder::new(TAG_READY),
        Answer::Prerequisite { oid } => encode_named(TAG_PREREQUISITE, oid, "")?,
        Answer::Reference { name, oid } => encode_named(TAG_REFERENCE, oid, name)?,
        Answer::Base { oid } => encode_named(TAG_BASE, oid, "")?,
        Answer::Asked { seconds_ago, shown } => {
            let mut encoder = Encoder::new(TAG_ASKED);
            encoder.byte(u8::from(seconds_ago.is_some()));
            encoder.number(seconds_ago.unwrap_or_default());
            encoder.byte(u8::from(*shown));
            encoder
        }
        Answer::Failed { class, message } => encode_failed(*class, message)?,
    };
    encoder.write(writer, WHAT, limits::ANSWER_BYTES)
}

fn encode_named(tag: u8, oid: &[u8; 20], name: &str) -> Result<Encoder, WireError> {
    let mut encoder = Encoder::new(tag);
    encoder.bytes("object id", oid, oid.len())?;
    encoder.text("reference name", name, limits::NAME_BYTES)?;
    Ok(encoder)
}

fn decode_named(decoder: &mut Decoder<'_>) -> Result<([u8; 20], String), WireError> {
    let oid = decoder.bytes("object id", 20)?;
    let oid = oid.try_into();
    let oid = oid.map_err(|_| WireError::Malformed { what: "object id" })?;
    Ok((oid, decoder.text("reference name", limits::NAME_BYTES)?))
}

fn decode_flag(decoder: &mut Decoder<'_>) -> Result<bool, WireError> {
    match decoder.byte("flag")? {
        0 => Ok(false),
        1 => Ok(true),
        tag => Err(WireError::UnknownTag { what: "flag", tag }),
    }
}

fn decode_nameless(decoder: &mut Decoder<'_>) -> Result<[u8; 20], WireError> {
    let (oid, name) = decode_named(decoder)?;
    let malformed = || WireError::Malformed { what: "object id" };
    name.is_empty().then_some(oid).ok_or_else(malformed)
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
        TAG_READY => Answer::Ready,
        TAG_PREREQUISITE => Answer::Prerequisite {
            oid: decode_nameless(decoder)?,
        },
        TAG_REFERENCE => {
            let (oid, name) = decode_named(decoder)?;
            Answer::Reference { name, oid }
        }
        TAG_BASE => Answer::Base {
            oid: decode_nameless(decoder)?,
        },
        TAG_ASKED => {
            let (is_known, seconds) = (decode_flag(decoder)?, decoder.number("seconds")?);
            if !is_known && seconds != 0 {
                return Err(WireError::Malformed { what: "seconds" });
            }
            Answer::Asked {
                seconds_ago: is_known.then_some(seconds),
                shown: decode_flag(decoder)?,
            }
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
