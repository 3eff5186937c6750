//! SSH public keys and the signatures that they verify (RFC 4253, 5656, 8332, 8709; OpenSSH, PROTOCOL.u2f).

use p256::ecdsa::signature::Verifier as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey, pkcs1v15};
use sha2::{Digest as _, Sha256, Sha512};

use crate::text;
use crate::wire::WireReader;

/// The shortest RSA key that counts; shorter ones can be broken with money.
const MIN_RSA_BITS: usize = 2048;

/// The longest RSA key that OpenSSH itself takes (sshkey.h, SSHBUF_MAX_BIGNUM).
const MAX_RSA_BITS: usize = 16_384;

/// Bit of a security key's flags: somebody touched it.
const TOUCHED: u8 = 0x01;
/// Bit of a security key's flags: somebody gave the PIN or a finger print.
const USER_VERIFIED: u8 = 0x04;

/// A public key that can verify, decompressed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshKey {
    /// The key's type in SSH.
    kind: Kind,
    point: Point,
    /// Of a security key: the SHA-256 of the application that it signs for.
    application: Option<[u8; 32]>,
}

/// The types of keys, each with its name in SSH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ed25519,
    P256,
    P384,
    P521,
    Rsa,
    SkEd25519,
    SkP256,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Point {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<P521Key>),
    Rsa(Box<RsaPublicKey>),
}

/// p521's key, which has no `Debug` and no equality of its own.
#[derive(Clone)]
struct P521Key(p521::ecdsa::VerifyingKey);

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnusableKey {
    /// Its type is not known here.
    Type(String),
    /// It is too weak; says how.
    Weak(String),
    /// It is broken; says how.
    Broken(String),
}

/// What a security key says about the person before it; other keys say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) touched: bool,
    pub(crate) user_verified: bool,
}

/// Why a signature does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// It cannot be read; says what is wrong.
    Malformed(&'static str),
    /// It is of another algorithm than its key allows; names it.
    Algorithm(String),
    /// It is a signature of other bytes or by another key.
    Bad,
}

// === impl Kind ===

impl Kind {
    const ALL: [Self; 7] = [
        Self::Ed25519,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Rsa,
        Self::SkEd25519,
        Self::SkP256,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
            Self::Rsa => "ssh-rsa",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }
}

// === impl SshKey ===

impl SshKey {
    /// Reads a key in SSH wire format.
    ///
    /// # Errors
    /// The key is of another type, too weak or broken.
    pub(crate) fn parse(wire: &[u8]) -> Result<Self, UnusableKey> {
        let mut reader = WireReader::new(wire);
        let name = reader.string().ok_or_else(cut_short)?;
        let kind = Kind::parse(name).ok_or_else(|| UnusableKey::Type(text::shown(name)))?;
        let point = match kind {
            Kind::Ed25519 | Kind::SkEd25519 => ed25519(&mut reader)?,
            Kind::P256 | Kind::SkP256 => {
                Point::P256(Box::new(ecdsa(&mut reader, b"nistp256", |point| {
                    p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()
                })?))
            }
            Kind::P384 => Point::P384(Box::new(ecdsa(&mut reader, b"nistp384", |point| {
                p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()
            })?)),
            Kind::P521 => Point::P521(Box::new(ecdsa(&mut reader, b"nistp521", |point| {
                p521::ecdsa::VerifyingKey::from_sec1_bytes(point)
                    .ok()
                    .map(P521Key)
            })?)),
            Kind::Rsa => rsa(&mut reader)?,
        };
        let application = match kind {
            Kind::SkEd25519 | Kind::SkP256 => {
                Some(Sha256::digest(reader.string().ok_or_else(cut_short)?).into())
            }
            _ => None,
        };
        if reader.is_empty() {
            Ok(Self {
                kind,
                point,
                application,
            })
        } else {
            Err(UnusableKey::Broken("bytes follow the key".to_owned()))
        }
    }

    /// Gives the type's name as it stands before the key in a file.
    pub(crate) fn type_name(&self) -> &'static str {
        self.kind.name()
    }

    /// Verifies a signature in SSH wire format; a security key also says who was there.
    ///
    /// # Errors
    /// The signature cannot be read, is of another algorithm, or is not of this key and message.
    pub(crate) fn verify(
        &self,
        signature: &[u8],
        message: &[u8],
    ) -> Result<Option<Presence>, SignatureFault> {
        let mut reader = WireReader::new(signature);
        let algorithm = reader.string().ok_or(CUT_SHORT)?;
        self.check_algorithm(algorithm)?;
        let raw = reader.string().ok_or(CUT_SHORT)?;
        let Some(application) = self.application else {
            at_its_end(&reader)?;
            self.point.verify(algorithm, raw, message)?;
            return Ok(None);
        };
        let flags = reader.byte().ok_or(CUT_SHORT)?;
        let counter = reader.number().ok_or(CUT_SHORT)?;
        at_its_end(&reader)?;
        let mut signed = application.to_vec();
        signed.push(flags);
        signed.extend_from_slice(&counter.to_be_bytes());
        signed.extend_from_slice(&Sha256::digest(message));
        self.point.verify(algorithm, raw, &signed)?;
        Ok(Some(Presence {
            touched: flags & TOUCHED != 0,
            user_verified: flags & USER_VERIFIED != 0,
        }))
    }

    fn check_algorithm(&self, algorithm: &[u8]) -> Result<(), SignatureFault> {
        let fits = match self.kind {
            Kind::Rsa => matches!(algorithm, b"rsa-sha2-256" | b"rsa-sha2-512"),
            other => algorithm == other.name().as_bytes(),
        };
        if fits {
            Ok(())
        } else {
            Err(SignatureFault::Algorithm(text::shown(algorithm)))
        }
    }
}

// === impl Point ===

impl Point {
    fn verify(&self, algorithm: &[u8], raw: &[u8], message: &[u8]) -> Result<(), SignatureFault> {
        let verified = match self {
            Self::Ed25519(key) => {
                let raw: &[u8; 64] = raw.try_into().map_err(|_| NOT_A_SIGNATURE)?;
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(raw))
                    .is_ok()
            }
            Self::P256(key) => {
                let signature = p256::ecdsa::Signature::from_slice(&scalars::<64>(raw)?);
                key.verify(message, &signature.map_err(|_| NOT_A_SIGNATURE)?)
                    .is_ok()
            }
            Self::P384(key) => {
                let signature = p384::ecdsa::Signature::from_slice(&scalars::<96>(raw)?);
                key.verify(message, &signature.map_err(|_| NOT_A_SIGNATURE)?)
                    .is_ok()
            }
            Self::P521(key) => {
                let signature = p521::ecdsa::Signature::from_slice(&scalars::<132>(raw)?);
                key.0
                    .verify(message, &signature.map_err(|_| NOT_A_SIGNATURE)?)
                    .is_ok()
            }
            Self::Rsa(key) => {
                let signature = rsa_signature(key, raw)?;
                let key = RsaPublicKey::clone(key);
                if algorithm == b"rsa-sha2-256" {
                    pkcs1v15::VerifyingKey::<Sha256>::new(key)
                        .verify(message, &signature)
                        .is_ok()
                } else {
                    pkcs1v15::VerifyingKey::<Sha512>::new(key)
                        .verify(message, &signature)
                        .is_ok()
                }
            }
        };
        verified.then_some(()).ok_or(SignatureFault::Bad)
    }
}

// === impl P521Key ===

impl std::fmt::Debug for P521Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("P521Key")
    }
}

impl PartialEq for P521Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_encoded_point(false) == other.0.to_encoded_point(false)
    }
}

impl Eq for P521Key {}

const CUT_SHORT: SignatureFault = SignatureFault::Malformed("it is cut short");
const NOT_A_SIGNATURE: SignatureFault =
    SignatureFault::Malformed("its numbers are out of range for its key");

fn at_its_end(reader: &WireReader<'_>) -> Result<(), SignatureFault> {
    reader
        .is_empty()
        .then_some(())
        .ok_or(SignatureFault::Malformed("bytes follow the signature"))
}

fn cut_short() -> UnusableKey {
    UnusableKey::Broken("the key is cut short".to_owned())
}

fn ed25519(reader: &mut WireReader<'_>) -> Result<Point, UnusableKey> {
    let raw = reader.string().ok_or_else(cut_short)?;
    <&[u8; 32]>::try_from(raw)
        .ok()
        .and_then(|raw| ed25519_dalek::VerifyingKey::from_bytes(raw).ok())
        .filter(|key| !key.is_weak())
        .map(Point::Ed25519)
        .ok_or_else(not_on_the_curve)
}

/// Reads the curve's name and the point, which SSH writes uncompressed.
fn ecdsa<K>(
    reader: &mut WireReader<'_>,
    curve: &[u8],
    key: impl FnOnce(&[u8]) -> Option<K>,
) -> Result<K, UnusableKey> {
    if reader.string().ok_or_else(cut_short)? != curve {
        return Err(UnusableKey::Broken(
            "the key names another curve than its type".to_owned(),
        ));
    }
    let point = reader.string().ok_or_else(cut_short)?;
    if point.first() != Some(&4) {
        return Err(not_on_the_curve());
    }
    key(point).ok_or_else(not_on_the_curve)
}

fn not_on_the_curve() -> UnusableKey {
    UnusableKey::Broken("the key is not a usable point on the curve; make a new key".to_owned())
}

fn rsa(reader: &mut WireReader<'_>) -> Result<Point, UnusableKey> {
    let exponent = BigUint::from_bytes_be(reader.positive().ok_or_else(cut_short)?);
    let modulus = BigUint::from_bytes_be(reader.positive().ok_or_else(cut_short)?);
    let bits = modulus.bits();
    if bits < MIN_RSA_BITS {
        return Err(UnusableKey::Weak(format!(
            "the RSA key has {bits} bits, fewer than {MIN_RSA_BITS}; make a new key"
        )));
    }
    RsaPublicKey::new_with_max_size(modulus, exponent, MAX_RSA_BITS)
        .map(|key| Point::Rsa(Box::new(key)))
        .map_err(|error| UnusableKey::Broken(format!("the RSA key is not usable: {error}")))
}

/// Reads r and s and gives them side by side, each at full length.
fn scalars<const LENGTH: usize>(raw: &[u8]) -> Result<[u8; LENGTH], SignatureFault> {
    let mut reader = WireReader::new(raw);
    let mut out = [0; LENGTH];
    for half in out.chunks_exact_mut(LENGTH / 2) {
        let digits = reader.positive().ok_or(NOT_A_SIGNATURE)?;
        let at = half
            .len()
            .checked_sub(digits.len())
            .ok_or(NOT_A_SIGNATURE)?;
        half.split_at_mut(at).1.copy_from_slice(digits);
    }
    at_its_end(&reader)?;
    Ok(out)
}

/// Fills a signature up to the key's length: OpenSSH allows its leading zeros to be left out
/// (ssh-rsa.c, ssh_rsa_verify).
fn rsa_signature(key: &RsaPublicKey, raw: &[u8]) -> Result<pkcs1v15::Signature, SignatureFault> {
    let missing = key.size().checked_sub(raw.len()).ok_or(NOT_A_SIGNATURE)?;
    let full = [vec![0; missing].as_slice(), raw].concat();
    pkcs1v15::Signature::try_from(full.as_slice()).map_err(|_| NOT_A_SIGNATURE)
}
