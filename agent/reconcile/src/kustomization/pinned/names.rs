//! How what is in other places is called in the tree of a build: much as a person wrote it.

use std::collections::BTreeMap;

use windlass_trust::Oid;

/// As many digits as are told apart.
const SHORT_COMMIT: usize = 12;

/// Names that were given, by reference.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

// === impl Names ===

impl Names {
    /// The path that a reference led to before.
    pub(super) fn known(&self, reference: &str) -> Option<String> {
        self.0.get(reference).cloned()
    }

    /// A path of its own for the file behind a URL: the URL itself, as far as it is a path (`https:/host/file.yaml`).
    pub(super) fn of_file(&mut self, url: &str) -> String {
        let mut name = as_path(url);
        while self.0.values().any(|given| *given == name) {
            name.push('_');
        }
        self.note(url, &name);
        name
    }

    /// The path of the root of a repository at a commit, the same for every reference to it
    /// (`git:/host/org/repo@89e6c98d9288`).
    pub(super) fn of_base(repository: &str, commit: Oid) -> String {
        let place = repository
            .split_once("://")
            .map_or(repository, |(_, rest)| rest);
        let commit = commit.to_string();
        let short = commit.get(..SHORT_COMMIT).unwrap_or(&commit);
        format!("git:/{}@{short}", as_path(place))
    }

    /// Notes where a reference leads.
    pub(super) fn note(&mut self, reference: &str, path: &str) {
        self.0.insert(reference.to_owned(), path.to_owned());
    }
}

/// A path below another one.
pub(super) fn join(root: &str, below: &str) -> String {
    let mut segments: Vec<&str> = root.split('/').collect();
    for segment in below.split('/') {
        match segment {
            "" | "." => {}
            // What leads out of the repository was refused when it was read.
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.join("/")
}

/// A text without what a path of a tree cannot have.
fn as_path(text: &str) -> String {
    let segments = text.split('/');
    let named = segments.filter(|segment| !matches!(*segment, "" | "." | ".."));
    named.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn every_url_has_a_path_of_its_own() {
        let mut names = Names::default();
        let path = names.of_file("https://h.test/a/b.yaml?v=1");
        assert_eq!(path, "https:/h.test/a/b.yaml?v=1");
        assert_eq!(names.known("https://h.test/a/b.yaml?v=1"), Some(path));
        assert_eq!(names.known("https://h.test/a/b.yaml"), None);
        let one = names.of_file("https://h.test/../x.yaml");
        let other = names.of_file("https://h.test//x.yaml");
        assert_eq!(one, "https:/h.test/x.yaml");
        assert_eq!(other, "https:/h.test/x.yaml_");
        let commit = "89e6c98d92887913cadf06b2adb97f26cde4849b".parse().unwrap();
        let root = Names::of_base("https://h.test/org/repo", commit);
        assert_eq!(root, "git:/h.test/org/repo@89e6c98d9288");
    }
}
