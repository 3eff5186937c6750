//! `windlass.lock`: what somebody looked at and signed for, by its content.
//!
//! The file is at the root of a repository. Whoever signs the commit vouches for what the file pins, so what the
//! repository names of other places may come from where nobody we know signs. docs/lock.md describes it.

use serde::{Deserialize, Serialize};

use crate::{ContentDigest, Oid};

/// The file's name.
pub const LOCK_FILE: &str = "windlass.lock";

/// The version of the format that is read.
pub const LOCK_VERSION: u64 = 1;

/// A thousand pins are a large cluster; each takes some two hundred bytes.
const BYTE_LIMIT: usize = 1024 * 1024;

/// What the file pins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    git: Vec<GitPin>,
    bases: Vec<GitPin>,
    files: Vec<FilePin>,
    artifacts: Vec<ArtifactPin>,
    buckets: Vec<BucketPin>,
    charts: Vec<RepositoryPin>,
}

/// One `[[git]]` or `[[base]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct GitPin {
    url: String,
    /// As it is asked for: branch, tag, range of versions or full name; for a base empty where none is named.
    #[serde(rename = "ref")]
    reference: String,
    commit: Oid,
}

/// One `[[file]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePin {
    url: String,
    digest: ContentDigest,
}

/// One `[[oci]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArtifactPin {
    url: String,
    /// As it is asked for: tag or range of versions.
    #[serde(rename = "ref")]
    reference: String,
    digest: ContentDigest,
}

/// One `[[bucket]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BucketPin {
    /// `https://endpoint/bucket`
    url: String,
    #[serde(default)]
    prefix: String,
    /// Of the archive, as in `status.artifact.digest`.
    digest: ContentDigest,
}

/// A version of a chart, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChartPin {
    /// The chart's name in its repository.
    pub name: String,
    /// The version, written out.
    pub version: String,
    /// The digest of the package.
    pub digest: ContentDigest,
}

/// One `[[chart]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RepositoryPin {
    repository: String,
    name: String,
    version: String,
    digest: ContentDigest,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LockError {
    /// It is no such file.
    #[error("{LOCK_FILE}: {0}")]
    Syntax(String),
    /// A later format.
    #[error("{LOCK_FILE}: version {0} is not known, only {LOCK_VERSION}; install a newer windlass")]
    Version(u64),
    /// More than is read.
    #[error("{LOCK_FILE}: larger than {BYTE_LIMIT} bytes")]
    TooLarge,
    /// Two pins contradict each other.
    #[error("{LOCK_FILE}: {url} with ref {reference:?} is pinned to two commits; keep one of them")]
    Twice {
        /// The repository.
        url: String,
        /// What is asked for.
        reference: String,
    },
    /// Two pins of an artifact contradict each other.
    #[error("{LOCK_FILE}: {url} with ref {reference:?} is pinned to two digests; keep one of them")]
    ArtifactTwice {
        /// The repository of the registry.
        url: String,
        /// What is asked for.
        reference: String,
    },
    /// Two pins of a chart contradict each other.
    #[error(
        "{LOCK_FILE}: chart {name} {version} of {repository} is pinned to two digests; keep one of them"
    )]
    ChartTwice {
        /// The repository.
        repository: String,
        /// The chart.
        name: String,
        /// The version.
        version: String,
    },
    /// Two pins of a file or a bucket contradict each other.
    #[error("{LOCK_FILE}: {url} is pinned to two digests; keep one of them")]
    FileTwice {
        /// The file.
        url: String,
    },
}

/// What may stand in the file; sections of other rooms are theirs to read.
#[derive(Deserialize)]
struct Document {
    version: u64,
    #[serde(default)]
    git: Vec<GitPin>,
    #[serde(default)]
    base: Vec<GitPin>,
    #[serde(default)]
    file: Vec<FilePin>,
    #[serde(default)]
    oci: Vec<ArtifactPin>,
    #[serde(default)]
    bucket: Vec<BucketPin>,
    #[serde(default)]
    chart: Vec<RepositoryPin>,
}

// === impl LockFile ===

impl LockFile {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be used; says why.
    pub fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        if bytes.len() > BYTE_LIMIT {
            return Err(LockError::TooLarge);
        }
        let text =
            std::str::from_utf8(bytes).map_err(|error| LockError::Syntax(error.to_string()))?;
        let document: Document = toml::from_str(text)
            .map_err(|error| LockError::Syntax(error.to_string().trim_end().to_owned()))?;
        if document.version != LOCK_VERSION {
            return Err(LockError::Version(document.version));
        }
        check_commits(&document.git)?;
        check_commits(&document.base)?;
        check_artifacts(&document.oci)?;
        check_buckets(&document.bucket)?;
        check_charts(&document.chart)?;
        check_files(&document.file)?;
        Ok(LockFile {
            git: document.git,
            bases: document.base,
            files: document.file,
            artifacts: document.oci,
            buckets: document.bucket,
            charts: document.chart,
        })
    }

    /// The commit that is pinned for a source, if one is.
    pub fn git(&self, url: &str, reference: &str) -> Option<Oid> {
        commit(&self.git, url, reference)
    }

    /// The commit that is pinned for a repository in which a kustomization names a directory.
    pub fn base(&self, url: &str, reference: &str) -> Option<Oid> {
        commit(&self.bases, url, reference)
    }

    /// The digest of the manifest that is pinned for an artifact of a registry.
    pub fn artifact(&self, url: &str, reference: &str) -> Option<ContentDigest> {
        let mut pins = self.artifacts.iter();
        let found = pins.find(|pin| pin.url == url && pin.reference == reference)?;
        Some(found.digest)
    }

    /// The digest that is pinned for what a bucket holds.
    pub fn bucket(&self, url: &str, prefix: &str) -> Option<ContentDigest> {
        let mut pins = self.buckets.iter();
        let found = pins.find(|pin| pin.url == url && pin.prefix == prefix)?;
        Some(found.digest)
    }

    /// The versions of charts that are pinned for a repository.
    pub fn charts(&self, repository: &str) -> Vec<ChartPin> {
        let plain = |url: &str| url.trim_end_matches('/').to_owned();
        let pins = self.charts.iter();
        let of_this = pins.filter(|pin| plain(&pin.repository) == plain(repository));
        let pins = of_this.map(|pin| ChartPin {
            name: pin.name.clone(),
            version: pin.version.clone(),
            digest: pin.digest,
        });
        pins.collect()
    }

    /// The digest that is pinned for the file behind a URL.
    pub fn file(&self, url: &str) -> Option<ContentDigest> {
        let found = self.files.iter().find(|pin| pin.url == url)?;
        Some(found.digest)
    }
}

fn commit(pins: &[GitPin], url: &str, reference: &str) -> Option<Oid> {
    let mut pins = pins.iter();
    let found = pins.find(|pin| pin.url == url && pin.reference == reference)?;
    Some(found.commit)
}

fn check_commits(pins: &[GitPin]) -> Result<(), LockError> {
    let twice = contradicted(pins, |one, other| {
        (&one.url, &one.reference) == (&other.url, &other.reference) && one.commit != other.commit
    });
    match twice.cloned() {
        None => Ok(()),
        Some(GitPin { url, reference, .. }) => Err(LockError::Twice { url, reference }),
    }
}

/// The first pin that says of something what a later one says otherwise.
fn contradicted<P>(pins: &[P], contradict: impl Fn(&P, &P) -> bool) -> Option<&P> {
    let mut all = pins.iter().enumerate();
    let found = all.find(|(index, pin)| {
        let mut later = pins.iter().skip(*index);
        later.any(|other| contradict(pin, other))
    });
    found.map(|(_, pin)| pin)
}

fn check_charts(pins: &[RepositoryPin]) -> Result<(), LockError> {
    let what = |pin: &RepositoryPin| {
        let repository = pin.repository.trim_end_matches('/').to_owned();
        (repository, pin.name.clone(), pin.version.clone())
    };
    let twice = contradicted(pins, |one, other| {
        what(one) == what(other) && one.digest != other.digest
    });
    match twice.map(what) {
        None => Ok(()),
        Some((repository, name, version)) => Err(LockError::ChartTwice {
            repository,
            name,
            version,
        }),
    }
}

fn check_artifacts(pins: &[ArtifactPin]) -> Result<(), LockError> {
    let twice = contradicted(pins, |one, other| {
        (&one.url, &one.reference) == (&other.url, &other.reference) && one.digest != other.digest
    });
    match twice.cloned() {
        None => Ok(()),
        Some(ArtifactPin { url, reference, .. }) => {
            Err(LockError::ArtifactTwice { url, reference })
        }
    }
}

fn check_buckets(pins: &[BucketPin]) -> Result<(), LockError> {
    let twice = contradicted(pins, |one, other| {
        (&one.url, &one.prefix) == (&other.url, &other.prefix) && one.digest != other.digest
    });
    match twice.cloned() {
        None => Ok(()),
        Some(BucketPin { url, .. }) => Err(LockError::FileTwice { url }),
    }
}

fn check_files(pins: &[FilePin]) -> Result<(), LockError> {
    let twice = contradicted(pins, |one, other| {
        one.url == other.url && one.digest != other.digest
    });
    match twice.cloned() {
        None => Ok(()),
        Some(FilePin { url, .. }) => Err(LockError::FileTwice { url }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "89e6c98d92887913cadf06b2adb97f26cde4849b";

    #[test]
    fn a_pin_holds_for_what_it_names() {
        let digest = ContentDigest::of(b"hello");
        let text = format!(
            "version = 1\n\n[[git]]\nurl = \"https://h/r\"\nref = \"main\"\ncommit = \"{COMMIT}\"\n\n\
             [[image]]\nwhat = \"others read this\"\n\n\
             [[base]]\nurl = \"https://h/b\"\nref = \"\"\ncommit = \"{COMMIT}\"\n\n\
             [[file]]\nurl = \"https://h/f.yaml\"\ndigest = \"{digest}\"\n\n\
             [[oci]]\nurl = \"oci://h/a\"\nref = \"1.x\"\ndigest = \"{digest}\"\n\n\
             [[bucket]]\nurl = \"https://s3.h/apps\"\ndigest = \"{digest}\"\n\n\
             [[chart]]\nrepository = \"https://h/charts\"\nname = \"web\"\nversion = \"1.0.0\"\ndigest = \"{digest}\"\n"
        );
        let lock = LockFile::parse(text.as_bytes()).unwrap();
        let pinned = Some(COMMIT.parse().unwrap());
        assert_eq!(lock.git("https://h/r", "main"), pinned);
        assert_eq!(lock.git("https://h/r", "next"), None);
        assert_eq!(lock.git("https://h/b", ""), None, "a base is no source");
        assert_eq!(lock.base("https://h/b", ""), pinned);
        assert_eq!(lock.base("https://h/b", "main"), None);
        assert_eq!(lock.base("https://h/r", "main"), None);
        assert_eq!(lock.file("https://h/f.yaml"), Some(digest));
        assert_eq!(lock.file("https://h/f.yaml?v=2"), None);
        assert_eq!(lock.artifact("oci://h/a", "1.x"), Some(digest));
        assert_eq!(lock.artifact("oci://h/a", "latest"), None);
        assert_eq!(lock.artifact("oci://h/b", "1.x"), None);
        assert_eq!(lock.bucket("https://s3.h/apps", ""), Some(digest));
        assert_eq!(lock.bucket("https://s3.h/apps", "a/"), None);
        let pins = lock.charts("https://h/charts/");
        let (name, version) = ("web".to_owned(), "1.0.0".to_owned());
        assert_eq!(
            pins,
            [ChartPin {
                name,
                version,
                digest
            }]
        );
        assert_eq!(lock.charts("https://h/other"), []);
    }

    #[test]
    fn a_broken_file_says_where() {
        let pin =
            |commit: &str| format!("[[git]]\nurl = \"u\"\nref = \"r\"\ncommit = \"{commit}\"\n");
        let check = |text: &str, part: &str| {
            let error = LockFile::parse(text.as_bytes())
                .expect_err(text)
                .to_string();
            assert!(
                error.starts_with("windlass.lock: ") && error.contains(part),
                "{error}"
            );
        };
        check("", "version");
        check("version = 2\n", "version 2");
        check(&format!("version = 1\n{}", pin("main")), "line");
        check("version = 1\n[[git]]\nurl = \"u\"\n", "ref");
        let other = COMMIT.replace('8', "9");
        let twice = format!("version = 1\n{}{}", pin(COMMIT), pin(&other));
        check(&twice, "two commits");
        check(&twice.replace("[[git]]", "[[base]]"), "two commits");
        let file = |text: &[u8]| {
            let digest = ContentDigest::of(text);
            format!("[[file]]\nurl = \"u\"\ndigest = \"{digest}\"\n")
        };
        check(
            &format!("version = 1\n{}{}", file(b"a"), file(b"b")),
            "two digests",
        );
        let bucket = |text: &[u8]| file(text).replace("[[file]]", "[[bucket]]");
        check(
            &format!("version = 1\n{}{}", bucket(b"a"), bucket(b"b")),
            "two digests",
        );
        let artifact = |text: &[u8]| file(text).replace("[[file]]", "[[oci]]\nref = \"1\"");
        check(
            &format!("version = 1\n{}{}", artifact(b"a"), artifact(b"b")),
            "two digests",
        );
        let chart = "[[chart]]\nrepository = \"u\"\nname = \"n\"\nversion = \"1\"\ndigest";
        let charts = [file(b"a"), file(b"b")].concat();
        let charts = charts.replace("[[file]]\nurl = \"u\"\ndigest", chart);
        check(&format!("version = 1\n{charts}"), "chart n 1 of u");
        let old = file(b"a").replace("sha256:", "sha1:");
        check(&format!("version = 1\n{old}"), "no digest");
        assert!(LockFile::parse(&[0xff]).is_err());
        assert_eq!(
            LockFile::parse(&vec![b' '; BYTE_LIMIT + 1]),
            Err(LockError::TooLarge)
        );
    }
}
