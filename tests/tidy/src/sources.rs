//! The Rust files of the repository, apart from their tests.

use std::path::{Path, PathBuf};

/// One file that is compiled into something other than a test.
#[derive(Clone, Debug)]
pub struct Source {
    /// From the workspace's folder on.
    pub path: String,
    /// Up to the test module at its end.
    pub text: String,
}

/// Every `.rs` file below `folder` (such as `agent`), tests left out: files and folders named `tests`,
/// and what follows `#[cfg(test)]` at the start of a line.
#[must_use]
pub fn below(root: &Path, folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root.join(folder), &["tests", "target"], &mut paths);
    paths.sort();
    let sources = paths.into_iter().map(|path| {
        let text = read(&path);
        let end = text.find("\n#[cfg(test)]").map_or(text.len(), |at| at + 1);
        let path = path
            .strip_prefix(root)
            .expect("it was found below the root");
        Source {
            path: path.display().to_string(),
            text: text.get(..end).unwrap_or_default().to_owned(),
        }
    });
    sources.collect()
}

/// The names of the functions below `folder` that take and give nothing, as tests do.
#[must_use]
pub fn tests_below(root: &Path, folder: &str) -> Vec<String> {
    let mut paths = Vec::new();
    collect(&root.join(folder), &["target"], &mut paths);
    let name = |line: &str| {
        let name = line
            .trim()
            .trim_start_matches("async ")
            .strip_prefix("fn ")?;
        name.strip_suffix("() {").map(str::to_owned)
    };
    let texts = paths.iter().map(|path| read(path));
    texts
        .flat_map(|text| text.lines().filter_map(name).collect::<Vec<_>>())
        .collect()
}

/// Reads a text file.
///
/// # Panics
/// With the path, when it cannot be read.
#[must_use]
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn collect(folder: &Path, without: &[&str], paths: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder);
    for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder that opens can be read").path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if without.contains(&name) {
            continue;
        }
        if path.is_dir() {
            collect(&path, without, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}
