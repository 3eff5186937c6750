//! SSHSIG: the armour and the signature inside (OpenSSH, PROTOCOL.sshsig).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

use crate::wire::WireReader;

/// What is signed; a signature made for one counts for no other (`ssh-keygen -Y sign -n`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// Commits and tags (gpg-interface.c, sign_buffer_ssh).
    Git,
    /// The policy file itself.
    Policy,
}

/// Longest armour that is looked at: an RSA-16384 signature with its key needs 6 KiB.
const MAX_ARMOUR_BYTES: usize = 16 * 1024;

const BEGIN: &[u8] = b"-----BEGIN SSH SIGNATURE-----\n";
const END: &[u8] = b"\n-----END SSH SIGNATURE-----";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// A signature as parsed; nothing in it is verified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SshSignature {
    /// The public key in SSH wire format.
    pub(crate) public_key: Vec<u8>,
    /// What the signature is for.
    pub(crate) namespace: Vec<u8>,
    /// How the message was hashed before it was signed.
    pub(crate) hash_algorithm: Vec<u8>,
    /// The signature in SSH wire format.
    pub(crate) signature: Vec<u8>,
}

/// The hashes that SSHSIG allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageHash {
    Sha256,
    Sha512,
}

// === impl SshSignature ===

impl SshSignature {
    /// Says whether the text claims to be an SSH signature.
    pub(crate) fn is_armour(text: &[u8]) -> bool {
        text.starts_with(b"-----BEGIN SSH SIGNATURE-----")
    }

    /// Reads the armour and the signature in it; the error says what is wrong.
    pub(crate) fn parse(armour: &[u8]) -> Result<Self, &'static str> {
        let bytes = dearmour(armour)?;
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or("it does not begin with SSHSIG")?;
        let mut reader = WireReader::new(rest);
        if reader.number().ok_or("it is cut short")? != VERSION {
            return Err("its version is not 1");
        }
        let public_key = reader
            .string()
            .ok_or("its public key is cut short")?
            .to_vec();
        let namespace = reader
            .string()
            .ok_or("its namespace is cut short")?
            .to_vec();
        let reserved = reader.string().ok_or("its reserved field is cut short")?;
        if !reserved.is_empty() {
            return Err("its reserved field is not empty");
        }
        let hash_algorithm = reader
            .string()
            .ok_or("its hash name is cut short")?
            .to_vec();
        let signature = reader
            .string()
            .ok_or("its signature is cut short")?
            .to_vec();
        if !reader.is_empty() {
            return Err("bytes follow the signature");
        }
        Ok(Self {
            public_key,
            namespace,
            hash_algorithm,
            signature,
        })
    }
}

// === impl Namespace ===

impl Namespace {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Policy => "windlass-policy",
        }
    }
}

// === impl MessageHash ===

impl MessageHash {
    /// Reads the name that SSHSIG uses.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        match name {
            b"sha256" => Some(Self::Sha256),
            b"sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    const fn name(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"sha256",
            Self::Sha512 => b"sha512",
        }
    }

    /// Hashes a message given in two pieces.
    fn digest(self, message: (&[u8], &[u8])) -> Vec<u8> {
        fn of<D: Digest>(message: (&[u8], &[u8])) -> Vec<u8> {
            D::new()
                .chain_update(message.0)
                .chain_update(message.1)
                .finalize()
                .to_vec()
        }
        match self {
            Self::Sha256 => of::<Sha256>(message),
            Self::Sha512 => of::<Sha512>(message),
        }
    }
}

/// Builds the bytes that are really signed: everything but the message itself in the clear.
pub(crate) fn signed_bytes(
    namespace: Namespace,
    hash: MessageHash,
    message: (&[u8], &[u8]),
) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for string in [
        namespace.name().as_bytes(),
        b"",
        hash.name(),
        &hash.digest(message),
    ] {
        let length = u32::try_from(string.len()).expect("names and digests are short");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(string);
    }
    out
}

fn dearmour(armour: &[u8]) -> Result<Vec<u8>, &'static str> {
    if armour.len() > MAX_ARMOUR_BYTES {
        return Err("it is longer than any SSH signature");
    }
    let body = armour
        .strip_prefix(BEGIN)
        .ok_or("its first line is broken")?;
    let end = body.windows(END.len()).position(|window| window == END);
    let (body, after) = end
        .and_then(|at| body.split_at_checked(at))
        .ok_or("its last line is missing")?;
    let after = after.strip_prefix(END).unwrap_or_default();
    if !after.iter().all(|byte| *byte == b'\n') {
        return Err("text follows its last line");
    }
    let digits: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\n').collect();
    STANDARD.decode(digits).map_err(|_| "it is not base64")
}

#[cfg(test)]
mod tests;
