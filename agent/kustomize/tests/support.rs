//! Trees for tests: a directory on disk, and files in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use windlass_kustomize::{Crew, DefaultOrder, Entry, EntryKind, Tree, TreeError, build_directory};
use windlass_object::yaml::to_string;

/// A directory of this machine.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Tree for Directory {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        fs::read(self.0.join(path)).map_err(|error| TreeError::new(path, error.to_string()))
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        let entries = fs::read_dir(self.0.join(directory))
            .map_err(|error| TreeError::new(directory, error.to_string()))?;
        let mut list: Vec<Entry> = entries
            .map(|entry| {
                let entry = entry.unwrap();
                let is_directory = entry.file_type().unwrap().is_dir();
                Entry {
                    name: entry.file_name().into_string().unwrap(),
                    kind: if is_directory {
                        EntryKind::Directory
                    } else {
                        EntryKind::File
                    },
                }
            })
            .collect();
        list.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(list)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        let path = self.0.join(path);
        Ok(match (path.is_dir(), path.exists()) {
            (true, _) => Some(EntryKind::Directory),
            (_, true) => Some(EntryKind::File),
            _ => None,
        })
    }
}

/// Files in memory.
#[derive(Default)]
pub(crate) struct Files(BTreeMap<String, String>);

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    pub(crate) fn add(&mut self, path: &str, text: &str) {
        self.0.insert(path.to_owned(), text.to_owned());
    }
}

impl Tree for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let text = self
            .0
            .get(path)
            .ok_or_else(|| TreeError::new(path, "no such file"))?;
        Ok(text.clone().into_bytes())
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        let prefix = if directory.is_empty() {
            String::new()
        } else {
            format!("{directory}/")
        };
        let mut entries: BTreeMap<String, EntryKind> = BTreeMap::new();
        for path in self.0.keys().filter_map(|path| path.strip_prefix(&prefix)) {
            match path.split_once('/') {
                Some((name, _)) => entries.insert(name.to_owned(), EntryKind::Directory),
                None => entries.insert(path.to_owned(), EntryKind::File),
            };
        }
        Ok(entries
            .into_iter()
            .map(|(name, kind)| Entry { name, kind })
            .collect())
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        if self.0.contains_key(path) {
            Ok(Some(EntryKind::File))
        } else if path.is_empty() || self.0.keys().any(|known| known.starts_with(&prefix)) {
            Ok(Some(EntryKind::Directory))
        } else {
            Ok(None)
        }
    }
}

/// What a build prints as `kustomize build` does, or its error; alone and with a crew.
pub(crate) fn built_text(tree: &(dyn Tree + Sync), path: &str) -> Result<String, String> {
    let alone = printed(tree, path, None);
    let together = printed(tree, path, Some(&crew));
    assert_eq!(alone, together, "a crew gives another result");
    alone
}

/// Eight threads, so that they overtake each other.
pub(crate) fn crew(work: &(dyn Fn() + Sync)) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(work);
        }
    });
}

fn printed(tree: &(dyn Tree + Sync), path: &str, crew: Option<&Crew>) -> Result<String, String> {
    let built = build_directory(tree, path, DefaultOrder::Kept, crew);
    let texts: Vec<String> = built
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|built| to_string(&built.object.into_value()))
        .collect();
    Ok(texts.join("---\n"))
}
