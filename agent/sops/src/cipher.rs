//! One encrypted value: `ENC[AES256_GCM,data:..,iv:..,tag:..,type:..]`.

use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{Aes256Gcm, AesGcm};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::plain::Plain;
use crate::tree::{Comment, Node, Text};

/// How every encrypted value begins.
pub(crate) const PREFIX: &str = "ENC[AES256_GCM,data:";

/// The length of AES-GCM's tag in bytes.
const TAG: usize = 16;

/// The data key of one document, ready to decrypt its values.
pub(crate) struct Cipher {
    usual: AesGcm<Aes256, U32>,
    short: AesGcm<Aes256, U16>,
    shortest: Aes256Gcm,
}

struct Encrypted<'a> {
    data: Vec<u8>,
    nonce: Vec<u8>,
    kind: &'a str,
}

// === impl Cipher ===

impl Cipher {
    /// Takes a data key of 32 bytes.
    pub(crate) fn new(key: &Plain) -> Option<Self> {
        Some(Self {
            usual: AesGcm::new_from_slice(key).ok()?,
            short: AesGcm::new_from_slice(key).ok()?,
            shortest: Aes256Gcm::new_from_slice(key).ok()?,
        })
    }

    /// Decrypts a value that was encrypted together with `bound`. Empty text stands for itself.
    pub(crate) fn decrypt(&self, text: &[u8], bound: &str) -> Result<Node, &'static str> {
        if text.is_empty() {
            return Ok(Node::text([]));
        }
        let text = std::str::from_utf8(text).ok().and_then(parse);
        let encrypted = text.ok_or("the value does not match sops' data format")?;
        let plain = self
            .open(&encrypted, bound.as_bytes())
            .ok_or("the value was changed, comes from another place, or has another key")?;
        typed(plain, encrypted.kind)
    }

    fn open(&self, encrypted: &Encrypted<'_>, aad: &[u8]) -> Option<Text> {
        let Encrypted { data, nonce, .. } = encrypted;
        let payload = Payload { msg: data, aad };
        // SOPS writes 32 bytes; other programs that write its format use the usual lengths of GCM.
        let opened = match nonce.len() {
            32 => self.usual.decrypt(
                &Nonce::<AesGcm<Aes256, U32>>::try_from(&nonce[..]).ok()?,
                payload,
            ),
            16 => self.short.decrypt(
                &Nonce::<AesGcm<Aes256, U16>>::try_from(&nonce[..]).ok()?,
                payload,
            ),
            12 => self.shortest.decrypt(
                &Nonce::<AesGcm<Aes256, U12>>::try_from(&nonce[..]).ok()?,
                payload,
            ),
            _ => return None,
        };
        opened.ok().map(Zeroizing::new)
    }
}

/// Reads the parts, as SOPS' greedy pattern finds them: from behind.
fn parse(text: &str) -> Option<Encrypted<'_>> {
    let rest = text.strip_prefix(PREFIX)?;
    let (rest, _) = rest.rsplit_once(']')?;
    let (rest, kind) = rest.rsplit_once(",type:")?;
    let (rest, tag) = rest.rsplit_once(",tag:")?;
    let (data, nonce) = rest.rsplit_once(",iv:")?;
    let (mut data, tag) = (STANDARD.decode(data).ok()?, STANDARD.decode(tag).ok()?);
    if tag.len() != TAG {
        return None;
    }
    data.extend(tag);
    Some(Encrypted {
        data,
        nonce: STANDARD.decode(nonce).ok()?,
        kind,
    })
}

fn typed(plain: Text, kind: &str) -> Result<Node, &'static str> {
    let text = std::str::from_utf8(&plain).ok();
    let node = match kind {
        "str" | "bytes" => Some(Node::Text(plain)),
        "comment" => Some(Node::Comment(Comment {
            text: plain,
            inline: false,
        })),
        "int" => text.and_then(|text| text.parse().ok()).map(Node::Int),
        "float" => text.and_then(|text| text.parse().ok()).map(Node::Float),
        "bool" => text.and_then(flag).map(Node::Bool),
        "time" => text.map(|text| Node::Time(text.to_owned())),
        _ => return Err("the value has a type that sops does not write"),
    };
    node.ok_or("the decrypted value is not of the type it says")
}

/// What Go reads as a truth value.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
