//! Versions, digests and images: whether one may take the place of another without a person.

use std::cmp::Ordering;

use semver::{BuildMetadata, Prerelease};

/// A version as charts and image tags have it: numbers with dots, perhaps a `v` before them and a pre-release behind.
#[derive(Debug, PartialEq, Eq)]
struct Version<'t> {
    prefix: &'t str,
    numbers: Vec<u64>,
    pre: Prerelease,
}

/// `repository[:tag][@digest]`, as the OCI distribution specification has references.
struct Image<'t> {
    repository: &'t str,
    tag: Option<&'t str>,
    digest: Option<&'t str>,
}

/// More numbers than any version has.
const MAX_NUMBERS: usize = 8;

/// Whether `new` is a higher version than `old`, by semver; a missing number counts as zero.
///
/// # Errors
/// Why it is not, in a person's words.
pub(super) fn version_rises(old: &str, new: &str) -> Result<(), String> {
    let parsed = |text| Version::parse(text).ok_or_else(|| format!("{text:?} is no version"));
    let (before, now) = (parsed(old)?, parsed(new)?);
    if before.prefix != now.prefix {
        return Err(format!(
            "{old:?} became {new:?}, which is written otherwise"
        ));
    }
    match now.precedence(&before) {
        Ordering::Greater => Ok(()),
        Ordering::Equal | Ordering::Less => Err(format!("{new:?} is not higher than {old:?}")),
    }
}

/// Whether both are digests of the same kind. What a digest stands for has no order.
///
/// # Errors
/// Why they are not.
pub(super) fn digest_changes(old: &str, new: &str) -> Result<(), String> {
    for text in [old, new] {
        if !is_digest(text) {
            return Err(format!("{text:?} is no digest"));
        }
    }
    if old.len() != new.len() {
        return Err(format!(
            "{new:?} is a digest of another algorithm than {old:?}"
        ));
    }
    Ok(())
}

/// Whether both are ids of commits.
///
/// # Errors
/// Why they are not.
pub(super) fn commit_changes(old: &str, new: &str) -> Result<(), String> {
    for text in [old, new] {
        if !(text.len() == 40 && is_hex(text)) {
            return Err(format!("{text:?} is no commit id"));
        }
    }
    Ok(())
}

/// Whether an image of the same repository takes the place of another: a higher tag, or other content of the same tag.
///
/// # Errors
/// Why it does not.
pub(super) fn image_rises(old: &str, new: &str) -> Result<(), String> {
    let parsed = |text| Image::parse(text).ok_or_else(|| format!("{text:?} is no image"));
    let (before, now) = (parsed(old)?, parsed(new)?);
    if before.repository != now.repository {
        return Err(format!("{new:?} is of another repository than {old:?}"));
    }
    if let Some(digest) = before.digest {
        let now = now
            .digest
            .ok_or_else(|| format!("{new:?} has no digest any more"))?;
        digest_changes(digest, now)?;
    } else if let Some(digest) = now.digest {
        digest_changes(digest, digest)?;
    }
    match (before.tag, now.tag) {
        (before, now) if before == now => Ok(()),
        (Some(before), Some(now)) => version_rises(before, now),
        _ => Err(format!("{old:?} became {new:?}: a tag came or went")),
    }
}

fn is_digest(text: &str) -> bool {
    let hex = |algorithm: &str| text.strip_prefix(algorithm).filter(|hex| is_hex(hex));
    hex("sha256:").is_some_and(|hex| hex.len() == 64)
        || hex("sha512:").is_some_and(|hex| hex.len() == 128)
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

// === impl Version ===

impl<'t> Version<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (prefix, rest) = match text.strip_prefix('v') {
            Some(rest) => ("v", rest),
            None => ("", text),
        };
        // What a build adds says nothing of the order (semver.org, 10), and is no room for a path all the same.
        let rest = match rest.split_once('+') {
            Some((_, "")) => return None,
            Some((rest, build)) => BuildMetadata::new(build).map(|_| rest).ok()?,
            None => rest,
        };
        let (numbers, pre) = match rest.split_once('-') {
            Some((_, "")) => return None,
            Some((numbers, pre)) => (numbers, Prerelease::new(pre).ok()?),
            None => (rest, Prerelease::EMPTY),
        };
        let numbers = numbers.split('.').map(number).collect::<Option<Vec<_>>>()?;
        (numbers.len() <= MAX_NUMBERS).then_some(Self {
            prefix,
            numbers,
            pre,
        })
    }

    fn precedence(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let padded = |numbers: &[u64]| {
            let zeros = std::iter::repeat(0);
            numbers
                .iter()
                .copied()
                .chain(zeros)
                .take(length)
                .collect::<Vec<_>>()
        };
        let numbers = padded(&self.numbers).cmp(&padded(&other.numbers));
        numbers.then_with(|| self.pre.cmp(&other.pre))
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

// === impl Image ===

impl<'t> Image<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash is a port.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let colon = name.get(last..)?.find(':').map(|colon| last + colon);
        let (repository, tag) = match colon {
            Some(colon) => (name.get(..colon)?, Some(name.get(colon + 1..)?)),
            None => (name, None),
        };
        (!repository.is_empty()).then_some(Self {
            repository,
            tag,
            digest,
        })
    }
}

#[cfg(test)]
mod tests;
