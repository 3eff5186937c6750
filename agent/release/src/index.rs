//! One chart's entry of an index, found line by line: an index of sixty megabytes is never in memory as a whole tree.

use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::Value;
use windlass_object::yaml::{self, Dialect, Limits};

/// Lines that are longer are no index: the longest are pictures within descriptions.
const LINE_LIMIT: u64 = 4 * 1024 * 1024;

/// One chart's versions: the largest known have some three megabytes.
const ENTRY_LIMITS: Limits = Limits {
    bytes: 16 * 1024 * 1024,
    depth: 32,
    nodes: 2_000_000,
};

/// One version of a chart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChartVersion {
    /// As the index writes it.
    pub version: String,
    /// SHA-256 of the package in hex, where the index has it; some name the algorithm before it.
    #[serde(default)]
    pub digest: Option<String>,
    /// Where the package is, by itself or relative to the repository.
    #[serde(default)]
    pub urls: Vec<String>,
}

/// Why an index says nothing.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The bytes cannot be read.
    #[error("the index cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is none.
    #[error("the index has no entries; check that the URL is a chart repository")]
    NoEntries,
    /// It is JSON, or YAML in one line.
    #[error(
        "the index is not laid out in blocks of lines (line {line}); make it with `helm repo index`"
    )]
    Layout {
        /// Where, from 1.
        line: usize,
    },
    /// A line has more bytes than any index needs.
    #[error("line {line} of the index is longer than {LINE_LIMIT} bytes")]
    LongLine {
        /// Which, from 1.
        line: usize,
    },
    /// An entry has more bytes than any chart needs.
    #[error("the entry of chart {chart} has more than {} bytes", ENTRY_LIMITS.bytes)]
    TooLarge {
        /// Of which chart.
        chart: String,
    },
    /// An entry is no YAML.
    #[error("the entry of chart {chart} cannot be read: {message}")]
    Entry {
        /// Of which chart.
        chart: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Whether this is an index at all.
///
/// # Errors
/// It is none.
pub fn check(index: &mut impl BufRead) -> Result<(), IndexError> {
    let mut lines = Lines::new(index);
    lines.skip_to_entries()
}

/// The versions of a chart, in the order of the index; `None` when it has no such chart. Memory is taken for the chart's own
/// lines only.
///
/// # Errors
/// It is no index, or the chart's entry cannot be read.
pub fn versions(
    index: &mut impl BufRead,
    chart: &str,
) -> Result<Option<Vec<ChartVersion>>, IndexError> {
    let mut lines = Lines::new(index);
    lines.skip_to_entries()?;
    let Some(block) = lines.block_of(chart)? else {
        return Ok(None);
    };
    let fail = |message: String| IndexError::Entry {
        chart: chart.to_owned(),
        message,
    };
    let mut documents = yaml::parse_documents_as(Dialect::Lenient, &block, &ENTRY_LIMITS)
        .map_err(|error| fail(error.to_string()))?;
    let value = documents.pop().map(|document| document.value);
    let versions = value
        .as_ref()
        .and_then(Value::as_object)
        .and_then(|fields| fields.values().next());
    let versions = versions
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    // Helm passes over what it cannot read, too.
    let readable = versions
        .into_iter()
        .filter_map(|version| serde_json::from_value(version).ok());
    Ok(Some(readable.collect()))
}

struct Lines<'r, R> {
    reader: &'r mut R,
    line: Vec<u8>,
    number: usize,
}

impl<'r, R: BufRead> Lines<'r, R> {
    fn new(reader: &'r mut R) -> Self {
        Lines {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Reads the next line that says anything; false at the end.
    fn next(&mut self) -> Result<bool, IndexError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = io::Read::take(&mut *self.reader, LINE_LIMIT + 1);
            if limited.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(false);
            }
            if self.line.len() as u64 > LINE_LIMIT {
                return Err(IndexError::LongLine { line: self.number });
            }
            let text = self.line.trim_ascii();
            if !text.is_empty() && !text.starts_with(b"#") {
                return Ok(true);
            }
        }
    }

    fn indent(&self) -> usize {
        self.line.iter().take_while(|byte| **byte == b' ').count()
    }

    fn text(&self) -> &[u8] {
        self.line.trim_ascii()
    }

    fn skip_to_entries(&mut self) -> Result<(), IndexError> {
        while self.next()? {
            if self.line.starts_with(b"{") {
                return Err(IndexError::Layout { line: self.number });
            }
            if self.line.starts_with(b"entries:") {
                return match self.text() {
                    b"entries:" | b"entries: {}" => Ok(()),
                    _ => Err(IndexError::Layout { line: self.number }),
                };
            }
        }
        Err(IndexError::NoEntries)
    }

    /// The lines of one chart, with the key first.
    fn block_of(&mut self, chart: &str) -> Result<Option<Vec<u8>>, IndexError> {
        let mut keys_at = None;
        let mut block: Option<Vec<u8>> = None;
        while self.next()? {
            let indent = self.indent();
            let is_item = self.text().starts_with(b"- ") || self.text() == b"-";
            if indent == 0 {
                break;
            }
            let at = *keys_at.get_or_insert(indent);
            if indent < at || self.line.get(indent) == Some(&b'\t') {
                return Err(IndexError::Layout { line: self.number });
            }
            if indent == at && !is_item {
                if block.is_some() {
                    break;
                }
                let key = self.text().strip_suffix(b":").map(unquoted);
                block = (key == Some(chart.as_bytes())).then(Vec::new);
            }
            if let Some(block) = &mut block {
                block.extend(self.line.get(at..).unwrap_or_default());
                if block.len() > ENTRY_LIMITS.bytes {
                    let chart = chart.to_owned();
                    return Err(IndexError::TooLarge { chart });
                }
            }
        }
        Ok(block)
    }
}

fn unquoted(key: &[u8]) -> &[u8] {
    let inner = |quote: &[u8]| key.strip_prefix(quote)?.strip_suffix(quote);
    inner(b"\"").or_else(|| inner(b"'")).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `helm repo index` writes it.
    const INDEX: &str = "\
apiVersion: v1
entries:
  alpine:
  - created: \"2026-01-01T00:00:00Z\"
    description: |
      entries:
        web:
    digest: 515c58e5f79d8b2913a10cb400ebb6fa9c77fe813287afbacf1a0b897cd78727
    urls:
    - https://h/alpine-0.2.0.tgz
    version: 0.2.0
  web:
  - digest: aaaa
    name: web
    urls:
    - charts/web-1.10.0.tgz
    version: 1.10.0
  - name: web
    version: 1.9.0

  - version: [no]
  zoo:
  - version: 1.0.0
generated: \"2026-01-01T00:00:00Z\"
";

    fn found(index: &str, chart: &str) -> Option<Vec<String>> {
        let versions = versions(&mut index.as_bytes(), chart).unwrap()?;
        Some(versions.into_iter().map(|one| one.version).collect())
    }

    #[test]
    fn one_chart_is_found_among_the_others_whatever_their_texts_say() {
        assert_eq!(found(INDEX, "web").unwrap(), ["1.10.0", "1.9.0"]);
        assert_eq!(found(INDEX, "zoo").unwrap(), ["1.0.0"]);
        assert_eq!(found(INDEX, "none"), None);
        assert_eq!(found(INDEX, "generated"), None);
        let deeper = INDEX
            .replace("\n  ", "\n      ")
            .replace("      web:\n", "      \"web\":\n");
        assert_eq!(found(&deeper, "zoo").unwrap(), ["1.0.0"]);
        let all = versions(&mut INDEX.as_bytes(), "web").unwrap().unwrap();
        assert_eq!(all[0].digest.as_deref(), Some("aaaa"));
        assert_eq!(all[0].urls, ["charts/web-1.10.0.tgz"]);
    }

    #[test]
    fn an_index_of_sixty_megabytes_is_searched_to_its_end() {
        use std::io::{BufReader, Read};
        let filler =
            "  other:\n  - description: something long that nobody asked for\n    version: 1.0.0\n";
        let head = b"apiVersion: v1\nentries:\n".as_slice();
        let middle = io::repeat(0).take(0).chain(Repeat::of(filler, 60 << 20));
        let mut index = BufReader::new(
            head.chain(middle)
                .chain("  web:\n  - version: 2.0.0\n".as_bytes()),
        );
        let found = versions(&mut index, "web").unwrap().unwrap();
        assert_eq!(found[0].version, "2.0.0");
    }

    /// A text over and over, so many bytes at least.
    struct Repeat<'t> {
        text: &'t [u8],
        at: usize,
        left: usize,
    }

    impl<'t> Repeat<'t> {
        fn of(text: &'t str, bytes: usize) -> Self {
            let times = bytes / text.len();
            Repeat {
                text: text.as_bytes(),
                at: 0,
                left: times * text.len(),
            }
        }
    }

    impl io::Read for Repeat<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let rest = &self.text[self.at..];
            let length = rest.len().min(into.len()).min(self.left);
            into[..length].copy_from_slice(&rest[..length]);
            self.left -= length;
            self.at = (self.at + length) % self.text.len();
            Ok(length)
        }
    }

    #[test]
    fn what_is_no_index_is_said_to_be_none() {
        let error = |text: &str| versions(&mut text.as_bytes(), "web").unwrap_err();
        assert!(matches!(error("<html></html>\n"), IndexError::NoEntries));
        assert!(matches!(error(""), IndexError::NoEntries));
        assert!(matches!(
            error("{\"entries\": {}}"),
            IndexError::Layout { line: 1 }
        ));
        assert!(matches!(
            error("entries: {web: []}\n"),
            IndexError::Layout { .. }
        ));
        assert!(matches!(
            error("entries:\n    a:\n  b:\n"),
            IndexError::Layout { line: 3 }
        ));
        assert!(matches!(
            error("entries:\n  web:\n  - {a: [}\n"),
            IndexError::Entry { .. }
        ));
        let long = format!("entries:\n  web: {}\n", "x".repeat(5 << 20));
        assert!(matches!(error(&long), IndexError::LongLine { line: 2 }));
        assert_eq!(found("entries: {}\n", "web"), None);
        assert_eq!(found("entries:\n  web: null\n", "web"), None);
        assert_eq!(found("entries:\n  web:\n", "web"), Some(Vec::new()));
    }
}
