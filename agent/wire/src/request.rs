//! What the agent asks for.

use std::fmt;
use std::io::{Read, Write};

use zeroize::Zeroizing;

use crate::bucket::{TAG_BUCKET, decode_bucket};
use crate::bundle::{TAG_BUNDLE, decode_bundle};
use crate::download::{TAG_DOWNLOAD, decode_download};
use crate::frame::{Decoder, Encoder, check_oid, read_bytes, read_length};
use crate::peer::{TAG_ADMIT, TAG_COPY, decode_admit, decode_copy};
use crate::post::{TAG_POST, decode_post};
use crate::registry::{TAG_REGISTRY, decode_registry};
use crate::serve::{TAG_SERVE, decode_routes};
use crate::{
    AdmitRequest, BucketRequest, BundleRequest, CopyRequest, DisplayUrl, DownloadRequest,
    PostRequest, Range, RegistryRequest, Routes, Secret, WireError, limits, parse_tag,
};

/// What one connection asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Objects of a Git repository.
    Fetch(FetchRequest),
    /// The bytes behind a URL.
    Download(DownloadRequest),
    /// Something that a registry has.
    Registry(RegistryRequest),
    /// Something that a bucket has.
    Bucket(BucketRequest),
    /// Something that somebody is to be told.
    Post(PostRequest),
    /// Requests of others, on a socket that is handed over.
    Serve(Routes),
    /// What a bundle holds, which comes from a descriptor that is handed over.
    Bundle(BundleRequest),
    /// What another node has.
    Copy(CopyRequest),
    /// What another node asks, on a connection that is handed over.
    Admit(AdmitRequest),
}

/// Asks for everything one reference reaches and the agent does not have.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// `https://`, `http://` or `ssh://` URL, or `file:` URL or absolute path of a repository on the node.
    pub url: String,
    /// Which commit is wanted.
    pub reference: Reference,
    /// Commits (hex) the agent keeps with everything they reach; unknown ones are ignored.
    pub have: Vec<String>,
    /// How to prove who asks.
    pub credentials: Credentials,
    /// PEM certificates trusted in addition to those of the node.
    pub ca_bundle: Option<String>,
    /// The whole fetch ends after this long.
    pub timeout_seconds: u64,
    /// The answer is [`crate::Answer::Unchanged`] when the reference still is this one and names the same object.
    pub known: Option<Known>,
    /// How far back the history has to go.
    pub history: History,
}

/// How far back the history of what is fetched has to go. More may come: it is what spares a first fetch the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum History {
    /// To its beginning.
    All,
    /// To this commit (hex), on every way that leads there.
    Since(String),
    /// The commit alone.
    Head,
}

/// What a reference named when it was asked for last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its full name: within a range of versions another tag may name the same object.
    pub reference_name: String,
    /// The object (hex): a commit, or an annotated tag, which may be made anew over the same commit.
    pub target: String,
}

/// Which commit is wanted; the kinds of Flux's `spec.ref` (source-controller, `GitRepositoryRef`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The short name of a branch.
    Branch(String),
    /// The short name of a tag.
    Tag(String),
    /// The highest tag within a semver range.
    Semver(String),
    /// A full reference name, such as `refs/pull/7/head`.
    Name(String),
    /// A commit (hex).
    Commit(String),
}

/// How to prove who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing is sent.
    None,
    /// HTTP basic authentication.
    Basic {
        /// The user name.
        username: String,
        /// The password or access token.
        password: Secret,
    },
    /// HTTP bearer token.
    Bearer(Secret),
    /// SSH public key authentication; the user name stands in the URL.
    Ssh {
        /// The private key, OpenSSH or PKCS#8 PEM.
        identity: Secret,
        /// The passphrase of the key.
        passphrase: Option<Secret>,
        /// The host keys that are accepted, in the format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
        known_hosts: String,
    },
}

impl Reference {
    /// Whether a reference of this full name can be the answer. Whoever asked checks the answer by it: a name that
    /// was not asked for would be judged under the wrong rule.
    #[must_use]
    pub fn allows(&self, full_name: &str) -> bool {
        let tag = full_name.strip_prefix("refs/tags/");
        match self {
            Self::Branch(name) => full_name.strip_prefix("refs/heads/") == Some(name),
            Self::Tag(name) => tag == Some(name),
            Self::Name(name) => full_name == name,
            Self::Commit(oid) => full_name.eq_ignore_ascii_case(oid),
            Self::Semver(range) => {
                let version = tag.and_then(parse_tag);
                let range = Range::parse(range).ok();
                range
                    .zip(version)
                    .is_some_and(|(range, version)| range.matches(&version))
            }
        }
    }
}

impl fmt::Debug for FetchRequest {
    /// The URL is masked: people put tokens into it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FetchRequest")
            .field("url", &DisplayUrl(&self.url))
            .field("reference", &self.reference)
            .field("have", &self.have)
            .field("credentials", &self.credentials)
            .field("ca_bundle", &self.ca_bundle.as_ref().map(String::len))
            .field("timeout_seconds", &self.timeout_seconds)
            .field("known", &self.known)
            .field("history", &self.history)
            .finish()
    }
}

const TAG_REQUEST: u8 = 1;
const WHAT: &str = "request";

/// Writes one request as one frame. Fails when a field is over its bound, an object id is not one, or the
/// writer fails.
pub fn write_request(writer: &mut impl Write, request: &FetchRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_REQUEST);
    encoder.text("url", &request.url, limits::URL_BYTES)?;
    encode_reference(&mut encoder, &request.reference)?;
    encode_have(&mut encoder, &request.have)?;
    encode_credentials(&mut encoder, &request.credentials)?;
    encoder.optional_text(
        "ca bundle",
        request.ca_bundle.as_deref(),
        limits::CA_BUNDLE_BYTES,
    )?;
    encoder.number(request.timeout_seconds);
    encode_known(&mut encoder, request.known.as_ref())?;
    encode_history(&mut encoder, &request.history)?;
    encoder.write(writer, WHAT, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

/// Reads one request. Fails on anything [`write_request`], [`crate::write_download`], [`crate::write_registry`],
/// [`crate::write_bucket`], [`crate::write_post`] and [`crate::write_serve`] would not have written; never allocates more
/// than has arrived.
pub fn read_request(reader: &mut impl Read) -> Result<Request, WireError> {
    let length = read_length(reader, WHAT, limits::REQUEST_BYTES)?;
    let body = Zeroizing::new(read_bytes(reader, length)?);
    let mut decoder = Decoder::new(&body);
    let request = match decoder.byte(WHAT)? {
        TAG_REQUEST => Request::Fetch(decode_fetch(&mut decoder)?),
        TAG_DOWNLOAD => Request::Download(decode_download(&mut decoder)?),
        TAG_REGISTRY => Request::Registry(decode_registry(&mut decoder)?),
        TAG_BUCKET => Request::Bucket(decode_bucket(&mut decoder)?),
        TAG_POST => Request::Post(decode_post(&mut decoder)?),
        TAG_SERVE => Request::Serve(decode_routes(&mut decoder)?),
        TAG_BUNDLE => Request::Bundle(decode_bundle(&mut decoder)?),
        TAG_COPY => Request::Copy(decode_copy(&mut decoder)?),
        TAG_ADMIT => Request::Admit(decode_admit(&mut decoder)?),
        tag => return Err(WireError::UnknownTag { what: WHAT, tag }),
    };
    decoder.finish()?;
    Ok(request)
}

fn decode_fetch(decoder: &mut Decoder<'_>) -> Result<FetchRequest, WireError> {
    Ok(FetchRequest {
        url: decoder.text("url", limits::URL_BYTES)?,
        reference: decode_reference(decoder)?,
        have: decode_have(decoder)?,
        credentials: decode_credentials(decoder)?,
        ca_bundle: decoder.optional_text("ca bundle", limits::CA_BUNDLE_BYTES)?,
        timeout_seconds: decoder.number("timeout")?,
        known: decode_known(decoder)?,
        history: decode_history(decoder)?,
    })
}

fn encode_reference(encoder: &mut Encoder, reference: &Reference) -> Result<(), WireError> {
    let (tag, text) = match reference {
        Reference::Branch(name) => (1, name),
        Reference::Tag(name) => (2, name),
        Reference::Semver(range) => (3, range),
        Reference::Name(name) => (4, name),
        Reference::Commit(oid) => (5, oid),
    };
    encoder.byte(tag);
    encoder.text("reference", text, limits::NAME_BYTES)
}

fn decode_reference(decoder: &mut Decoder<'_>) -> Result<Reference, WireError> {
    let tag = decoder.byte("reference")?;
    let text = decoder.text("reference", limits::NAME_BYTES)?;
    Ok(match tag {
        1 => Reference::Branch(text),
        2 => Reference::Tag(text),
        3 => Reference::Semver(text),
        4 => Reference::Name(text),
        5 => Reference::Commit(text),
        tag => {
            return Err(WireError::UnknownTag {
                what: "reference",
                tag,
            });
        }
    })
}

pub(crate) fn encode_known(encoder: &mut Encoder, known: Option<&Known>) -> Result<(), WireError> {
    let target = known.map(|known| known.target.as_str());
    if let Some(oid) = target {
        check_oid("known target", oid)?;
    }
    encoder.optional_text("known target", target, limits::OID_HEX_BYTES)?;
    let name = known.map_or("", |known| known.reference_name.as_str());
    encoder.text("known reference", name, limits::NAME_BYTES)
}

pub(crate) fn decode_known(decoder: &mut Decoder<'_>) -> Result<Option<Known>, WireError> {
    let target = decoder.optional_text("known target", limits::OID_HEX_BYTES)?;
    let reference_name = decoder.text("known reference", limits::NAME_BYTES)?;
    let Some(target) = target else {
        // A name without what it names is nothing that was written.
        return match reference_name.is_empty() {
            true => Ok(None),
            false => Err(WireError::Malformed {
                what: "known reference",
            }),
        };
    };
    check_oid("known target", &target)?;
    Ok(Some(Known {
        reference_name,
        target,
    }))
}

fn encode_history(encoder: &mut Encoder, history: &History) -> Result<(), WireError> {
    match history {
        History::All => encoder.byte(0),
        History::Since(oid) => {
            check_oid("history object id", oid)?;
            encoder.byte(1);
            encoder.text("history object id", oid, limits::OID_HEX_BYTES)?;
        }
        History::Head => encoder.byte(2),
    }
    Ok(())
}

fn decode_history(decoder: &mut Decoder<'_>) -> Result<History, WireError> {
    Ok(match decoder.byte("history")? {
        0 => History::All,
        1 => History::Since(decoder.oid("history object id")?),
        2 => History::Head,
        tag => {
            return Err(WireError::UnknownTag {
                what: "history",
                tag,
            });
        }
    })
}

pub(crate) fn encode_have(encoder: &mut Encoder, have: &[String]) -> Result<(), WireError> {
    encoder.count("have list", have.len(), limits::HAVE_OIDS)?;
    for oid in have {
        check_oid("have object id", oid)?;
        encoder.text("have object id", oid, limits::OID_HEX_BYTES)?;
    }
    Ok(())
}

pub(crate) fn decode_have(decoder: &mut Decoder<'_>) -> Result<Vec<String>, WireError> {
    let count = decoder.count("have list", limits::HAVE_OIDS)?;
    (0..count).map(|_| decoder.oid("have object id")).collect()
}

pub(crate) fn encode_credentials(
    encoder: &mut Encoder,
    credentials: &Credentials,
) -> Result<(), WireError> {
    let limit = limits::CREDENTIAL_BYTES;
    match credentials {
        Credentials::None => encoder.byte(0),
        Credentials::Basic { username, password } => {
            encoder.byte(1);
            encoder.text("user name", username, limit)?;
            encoder.text("password", password.expose(), limit)?;
        }
        Credentials::Bearer(token) => {
            encoder.byte(2);
            encoder.text("token", token.expose(), limit)?;
        }
        Credentials::Ssh {
            identity,
            passphrase,
            known_hosts,
        } => {
            encoder.byte(3);
            encoder.text("identity", identity.expose(), limit)?;
            encoder.optional_text("passphrase", passphrase.as_ref().map(Secret::expose), limit)?;
            encoder.text("known_hosts", known_hosts, limit)?;
        }
    }
    Ok(())
}

pub(crate) fn decode_credentials(decoder: &mut Decoder<'_>) -> Result<Credentials, WireError> {
    let limit = limits::CREDENTIAL_BYTES;
    Ok(match decoder.byte("credentials")? {
        0 => Credentials::None,
        1 => Credentials::Basic {
            username: decoder.text("user name", limit)?,
            password: decoder.text("password", limit)?.into(),
        },
        2 => Credentials::Bearer(decoder.text("token", limit)?.into()),
        3 => Credentials::Ssh {
            identity: decoder.text("identity", limit)?.into(),
            passphrase: decoder
                .optional_text("passphrase", limit)?
                .map(Secret::from),
            known_hosts: decoder.text("known_hosts", limit)?,
        },
        tag => {
            return Err(WireError::UnknownTag {
                what: "credentials",
                tag,
            });
        }
    })
}
