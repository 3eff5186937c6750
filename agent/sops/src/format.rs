//! The file formats of SOPS, and how Flux tells them.

use std::fmt;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Any bytes; encrypted, they are text in a JSON envelope.
    Binary,
    /// Lines of `NAME=value`.
    Dotenv,
    /// Sections of keys.
    Ini,
    /// One JSON object.
    Json,
    /// YAML documents.
    Yaml,
}

/// What each encrypted format has in it. JSON stands for binary too, whose envelope it is.
const MARKERS: [(Format, &[u8]); 4] = [
    (Format::Json, b"\"mac\": \"ENC["),
    (Format::Dotenv, b"sops_mac=ENC["),
    (Format::Ini, b"[sops]"),
    (Format::Yaml, b"mac: ENC["),
];

// === impl Format ===

impl Format {
    /// The format of a file by its name, as SOPS and Flux tell it: unknown endings are binary.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let ends = |ending: &str| path.ends_with(ending);
        if ends(".yaml") || ends(".yml") {
            Self::Yaml
        } else if ends(".json") || ends(".dockerconfigjson") {
            Self::Json
        } else if ends(".env") {
            Self::Dotenv
        } else if ends(".ini") {
            Self::Ini
        } else {
            Self::Binary
        }
    }

    /// The format of an encrypted document of unknown name, by what Flux looks for in it.
    #[must_use]
    pub fn of_content(bytes: &[u8]) -> Option<Self> {
        let found = MARKERS.iter().find(|(_, marker)| contains(bytes, marker));
        found.map(|(format, _)| *format)
    }

    /// Whether the bytes have what an encrypted document of this format has.
    #[must_use]
    pub fn marks(self, bytes: &[u8]) -> bool {
        let envelope = if self == Self::Binary {
            Self::Json
        } else {
            self
        };
        MARKERS
            .iter()
            .any(|(format, marker)| *format == envelope && contains(bytes, marker))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Binary => "binary",
            Self::Dotenv => "dotenv",
            Self::Ini => "INI",
            Self::Json => "JSON",
            Self::Yaml => "YAML",
        })
    }
}

fn contains(bytes: &[u8], marker: &[u8]) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_format() {
        for (path, format) in [
            ("a/b.yaml", Format::Yaml),
            ("b.yml", Format::Yaml),
            ("b.json", Format::Json),
            (".dockerconfigjson", Format::Json),
            ("prod.env", Format::Dotenv),
            ("x.ini", Format::Ini),
            ("x.txt", Format::Binary),
            ("", Format::Binary),
        ] {
            assert_eq!(Format::of_path(path), format, "{path}");
        }
    }

    #[test]
    fn content_tells_the_format() {
        assert_eq!(
            Format::of_content(b"sops:\n    mac: ENC[A]"),
            Some(Format::Yaml)
        );
        assert_eq!(
            Format::of_content(b"\"mac\": \"ENC[A\""),
            Some(Format::Json)
        );
        assert_eq!(Format::of_content(b"mac = ENC["), None);
        assert!(Format::Binary.marks(b"{\"mac\": \"ENC[\"}"));
        assert!(!Format::Yaml.marks(b"[sops]"));
    }
}
