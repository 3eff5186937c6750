//! The room's parsers by themselves, for `tests/fuzz`: each takes any bytes and comes back.

use std::io::Read as _;

use gix_zlib::Decompress;
use windlass_wire::Reference;

use crate::bundle;
use crate::cache::Cache;
use crate::incoming;
use crate::known_hosts::KnownHosts;
use crate::limits::Limits;
use crate::origin::Origin;
use crate::packet::{DataBand, Lines};
use crate::protocol::{Version, read_greeting, read_list, read_pack_header};
use crate::reference::{Selection, Wanted};
use crate::{delta, zlib};

/// References and objects of one input: a few show what many do.
const FEW: u32 = 1000;

/// What a Git server says first: packet lines, capabilities, and with version 0 every reference.
pub fn greeting(bytes: &[u8]) {
    with_selections(|selection| {
        let _ = read_greeting(&mut Lines::new(bytes), selection, FEW.into());
    });
}

/// The answer to `ls-refs`.
pub fn list(bytes: &[u8]) {
    with_selections(|selection| {
        let _ = read_list(&mut Lines::new(bytes), selection, FEW.into());
    });
}

/// The answer to the request for a pack, up to the bytes of the pack: acknowledgements, sections, side bands.
pub fn side_band(bytes: &[u8]) {
    let zero = Version::Zero {
        any_commit: false,
        ofs_delta: true,
        thin_pack: true,
    };
    for version in [Version::Two, zero] {
        if let Ok(answer) = read_pack_header(Lines::new(bytes), version) {
            read_to_end(answer.pack);
        }
    }
    read_to_end(DataBand::new(Lines::new(bytes)));
}

/// A delta against a base: the first byte says how many of the next ones are the base.
///
/// # Panics
/// When the result has another size than the delta announced.
pub fn delta(bytes: &[u8]) {
    let Some((&length, rest)) = bytes.split_first() else {
        return;
    };
    let Some((base, delta)) = rest.split_at_checked(length.into()) else {
        return;
    };
    let Some((_, announced, instructions)) = delta::sizes(delta) else {
        return;
    };
    let size = usize::try_from(announced).unwrap_or(usize::MAX);
    let result = delta::apply(base, instructions, size);
    assert!(result.is_none_or(|result| result.len() == size));
}

/// A zlib stream that should inflate to as many bytes as the first two say.
///
/// # Panics
/// When it came to another size, or was read beyond its end.
pub fn zlib(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_at_checked(2) else {
        return;
    };
    let size = size
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let mut rest = stream;
    let inflated = zlib::inflate_from(&mut rest, &mut Decompress::new(), size);
    assert!(inflated.is_err() || inflated.is_ok_and(|inflated| inflated.len() == size));
}

/// A pack, unpacked into a cache of its own in `directory`, which is empty.
///
/// # Panics
/// When the cache cannot be used, which is no fault of the input.
#[expect(clippy::expect_used, reason = "a disk that fails is no finding")]
pub fn pack(directory: &std::path::Path, bytes: &[u8]) {
    let limits = Limits {
        objects: FEW,
        object_bytes: 1 << 20,
        inflated_bytes: 4 << 20,
        ..Limits::DEFAULT
    };
    let mut cache = Cache::open(directory, &limits).expect("an empty directory takes a cache");
    let mut receiving = cache.receive().expect("a new cache takes objects");
    let _ = crate::unpack::unpack(bytes, &mut receiving, &limits);
}

/// A `known_hosts` file and what it says of a host.
pub fn known_hosts(text: &str) {
    let Ok(known_hosts) = KnownHosts::parse(text) else {
        return;
    };
    for (host, port) in [
        ("git.example.com", 22),
        ("192.0.2.1", 2222),
        ("", 0),
        ("*", 22),
    ] {
        let _ = known_hosts.judge(host, port, text.as_bytes());
        let _ = known_hosts.algorithms(host, port);
    }
    let _ = known_hosts.unreadable_line();
}

/// The head of a request, as somebody on the network sends it.
pub fn head(bytes: &[u8]) {
    incoming::parse_head(bytes);
}

/// What stands in front of the pack of a bundle.
pub fn bundle(bytes: &[u8]) {
    bundle::parse_header(bytes);
}

/// A URL as an object of the cluster gives it.
pub fn url(text: &str) {
    let _ = Origin::parse(text);
}

/// What is asked for, in each of the ways that choose from what a server lists.
fn with_selections(read: impl Fn(&mut Selection<'_>)) {
    for reference in [
        Reference::Branch("main".to_owned()),
        Reference::Semver(">=0.0.0-0".to_owned()),
        Reference::Name("refs/pull/1/head".to_owned()),
    ] {
        if let Ok(wanted) = Wanted::parse(&reference) {
            let mut selection = Selection::new(&wanted);
            read(&mut selection);
            let _ = selection.finish("https://git.example.com/house.git");
        }
    }
}

fn read_to_end(mut band: DataBand<&[u8]>) {
    let _ = band.read_to_end(&mut Vec::new());
}
