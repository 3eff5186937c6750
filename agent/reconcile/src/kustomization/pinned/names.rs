//! How what is in other places is called in the tree of a build: much as a person wrote it.

use std::collections::BTreeMap;

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
        self.0.insert(url.to_owned(), name.clone());
        name
    }
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
    }
}
