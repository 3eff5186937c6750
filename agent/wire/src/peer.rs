//! What nodes copy from each other: the asking agent's request, the serving agent's, and the question that goes over the
//! network between them.
//!
//! A copy is one [`CopyRequest`] and then [`crate::Answer`]s, of which the first is [`crate::Answer::Asked`]. To serve, the agent
//! sends an [`AdmitRequest`], reads one [`crate::Answer::Ready`], and sends the descriptor of a connection that it accepted; then it
//! reads a [`PeerQuestion`] and writes `Answer`s. Over the network go, inside TLS, the same question and the same answers. The
//! two ends may be of different versions there: the tag of the question says which protocol is spoken.

use std::fmt;
use std::io::{Read, Write};

use crate::download::REQUEST;
use crate::frame::{Decoder, Encoder, read_bytes, read_length};
use crate::request::{decode_have, decode_known, encode_have, encode_known};
use crate::{Known, Secret, WireError, limits};

/// Asks another node for everything its line reaches and the agent does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRequest {
    /// IP address and port.
    pub address: String,
    /// The node's own private key: the 32 bytes of Ed25519 (RFC 8032), in hex.
    pub identity: Secret,
    /// The public key that the other node has to prove, in hex.
    pub peer: String,
    /// What is asked.
    pub question: PeerQuestion,
    /// The whole copy ends after this long.
    pub timeout_seconds: u64,
}

/// Asks for a connection of another node to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmitRequest {
    /// The node's own private key, as above.
    pub identity: Secret,
    /// The public keys of which the other node has to prove one, in hex.
    pub peers: Vec<String>,
}

/// What a node asks another one.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerQuestion {
    /// The line: a digest, in hex, that only who follows it can name.
    pub line: String,
    /// Commits (hex) that the asking node keeps with everything they reach.
    pub have: Vec<String>,
    /// The answer is [`crate::Answer::Unchanged`] when the line still is there.
    pub known: Option<Known>,
}

impl fmt::Debug for PeerQuestion {
    /// How much: the line's digest is for whoever follows it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PeerQuestion")
            .field("have", &self.have)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

pub(crate) const TAG_COPY: u8 = 9;
pub(crate) const TAG_ADMIT: u8 = 10;
/// The first version of what goes over the network.
const QUESTION: u8 = 1;
const WHAT: &str = "question of a node";

/// Writes one request as one frame. Fails when a field is over its bound, or the writer fails.
pub fn write_copy(writer: &mut impl Write, request: &CopyRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_COPY);
    encoder.text("address", &request.address, limits::NAME_BYTES)?;
    encoder.text("identity", request.identity.expose(), limits::KEY_HEX_BYTES)?;
    encoder.text("peer", &request.peer, limits::KEY_HEX_BYTES)?;
    encode_question(&mut encoder, &request.question)?;
    encoder.number(request.timeout_seconds);
    encoder.write(writer, REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

/// Writes one request as one frame. Fails when a field is over its bound, or the writer fails.
pub fn write_admit(writer: &mut impl Write, request: &AdmitRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_ADMIT);
    encoder.text("identity", request.identity.expose(), limits::KEY_HEX_BYTES)?;
    encoder.count("peers", request.peers.len(), limits::PEERS)?;
    for peer in &request.peers {
        encoder.text("peer", peer, limits::KEY_HEX_BYTES)?;
    }
    encoder.write(writer, REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

/// Writes one question. Fails when a field is over its bound, or the writer fails.
pub fn write_question(writer: &mut impl Write, question: &PeerQuestion) -> Result<(), WireError> {
    let mut encoder = Encoder::new(QUESTION);
    encode_question(&mut encoder, question)?;
    encoder.write(writer, WHAT, limits::QUESTION_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

/// Reads one question. Fails on anything [`write_question`] would not have written; [`WireError::Closed`] when nothing comes.
pub fn read_question(reader: &mut impl Read) -> Result<PeerQuestion, WireError> {
    let length = read_length(reader, WHAT, limits::QUESTION_BYTES)?;
    let body = read_bytes(reader, length)?;
    let mut decoder = Decoder::new(&body);
    match decoder.byte(WHAT)? {
        QUESTION => {}
        tag => return Err(WireError::UnknownTag { what: WHAT, tag }),
    }
    let question = decode_question(&mut decoder)?;
    decoder.finish()?;
    Ok(question)
}

fn encode_question(encoder: &mut Encoder, question: &PeerQuestion) -> Result<(), WireError> {
    encoder.text("line", &question.line, limits::KEY_HEX_BYTES)?;
    encode_have(encoder, &question.have)?;
    encode_known(encoder, question.known.as_ref())
}

fn decode_question(decoder: &mut Decoder<'_>) -> Result<PeerQuestion, WireError> {
    Ok(PeerQuestion {
        line: decoder.text("line", limits::KEY_HEX_BYTES)?,
        have: decode_have(decoder)?,
        known: decode_known(decoder)?,
    })
}

pub(crate) fn decode_copy(decoder: &mut Decoder<'_>) -> Result<CopyRequest, WireError> {
    Ok(CopyRequest {
        address: decoder.text("address", limits::NAME_BYTES)?,
        identity: decoder.text("identity", limits::KEY_HEX_BYTES)?.into(),
        peer: decoder.text("peer", limits::KEY_HEX_BYTES)?,
        question: decode_question(decoder)?,
        timeout_seconds: decoder.number("timeout")?,
    })
}

pub(crate) fn decode_admit(decoder: &mut Decoder<'_>) -> Result<AdmitRequest, WireError> {
    let identity = decoder.text("identity", limits::KEY_HEX_BYTES)?.into();
    let count = decoder.count("peers", limits::PEERS)?;
    let peers = (0..count).map(|_| decoder.text("peer", limits::KEY_HEX_BYTES));
    let peers = peers.collect::<Result<_, _>>()?;
    Ok(AdmitRequest { identity, peers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, read_request};

    fn question() -> PeerQuestion {
        PeerQuestion {
            line: "ab".repeat(32),
            have: vec!["1".repeat(40)],
            known: Some(Known {
                reference_name: "refs/heads/main".to_owned(),
                target: "2".repeat(40),
            }),
        }
    }

    #[test]
    fn what_nodes_ask_arrives_as_it_was_written() {
        let copy = CopyRequest {
            address: "192.0.2.1:9294".to_owned(),
            identity: Secret::from("cd".repeat(32)),
            peer: "ef".repeat(32),
            question: question(),
            timeout_seconds: 60,
        };
        let mut bytes = Vec::new();
        write_copy(&mut bytes, &copy).unwrap();
        assert_eq!(
            read_request(&mut bytes.as_slice()).unwrap(),
            Request::Copy(copy.clone())
        );
        let admit = AdmitRequest {
            identity: copy.identity,
            peers: vec!["ef".repeat(32), "01".repeat(32)],
        };
        bytes.clear();
        write_admit(&mut bytes, &admit).unwrap();
        assert_eq!(
            read_request(&mut bytes.as_slice()).unwrap(),
            Request::Admit(admit)
        );
        bytes.clear();
        write_question(&mut bytes, &question()).unwrap();
        assert_eq!(read_question(&mut bytes.as_slice()).unwrap(), question());
        for end in 0..bytes.len() {
            assert!(read_question(&mut &bytes[..end]).is_err(), "{end}");
        }
        // Of a later version nothing is guessed.
        bytes[4] = 2;
        assert!(matches!(
            read_question(&mut bytes.as_slice()),
            Err(WireError::UnknownTag { tag: 2, .. })
        ));
    }
}
