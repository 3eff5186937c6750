//! The files of the page; together they are the bundle that the binary carries.

/// One of the page's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Where a browser asks for it.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What is in it.
    pub body: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal, $name:literal, $content_type:expr;)*) => {
        &[$(File {
            path: $path,
            content_type: $content_type,
            body: include_bytes!(concat!("../page/", $name)),
        }),*]
    };
}

const FILES: &[File] = files![
    "/", "index.html", HTML;
    "/page.css", "page.css", CSS;
    "/icon.svg", "icon.svg", SVG;
    "/page.js", "page.js", SCRIPT;
    "/dom.js", "dom.js", SCRIPT;
    "/words.js", "words.js", SCRIPT;
    "/state.js", "state.js", SCRIPT;
    "/graph.js", "graph.js", SCRIPT;
    "/parts.js", "parts.js", SCRIPT;
    "/overview.js", "overview.js", SCRIPT;
    "/tree.js", "tree.js", SCRIPT;
    "/object.js", "object.js", SCRIPT;
    "/events.js", "events.js", SCRIPT;
    "/commits.js", "commits.js", SCRIPT;
];

/// The file at a path.
#[must_use]
pub fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Every path at which there is a file.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser would ask elsewhere for.
    const ELSEWHERE: [&str; 4] = ["http://", "https://", "url(", "@import"];

    #[test]
    fn nothing_is_asked_for_elsewhere() {
        for file in FILES {
            let text = std::str::from_utf8(file.body).unwrap();
            // The name of SVG's namespace is no address.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for address in ELSEWHERE {
                assert!(!text.contains(address), "{}: {address}", file.path);
            }
        }
    }

    #[test]
    fn every_script_that_is_imported_is_there() {
        for script in FILES.iter().filter(|file| file.content_type == SCRIPT) {
            let text = std::str::from_utf8(script.body).unwrap();
            let imports = text.lines().filter(|line| line.starts_with("import "));
            for line in imports {
                let name = line.split('"').nth(1).unwrap();
                let path = name.strip_prefix('.').unwrap();
                assert!(file(path).is_some(), "{}: {line}", script.path);
            }
        }
    }

    #[test]
    fn the_whole_is_small() {
        let bytes: usize = FILES.iter().map(|file| file.body.len()).sum();
        assert!(bytes < 64 * 1024, "{bytes} bytes");
    }
}
