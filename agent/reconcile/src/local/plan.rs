//! From the files and the inventory to what is applied, what is kept, and what goes. Touches nothing.

use std::collections::{BTreeMap, BTreeSet};

use windlass_api::inventory::Entry;
use windlass_object::{Object, ObjectKey};

use super::inventory::ByFile;

/// The objects of each file, or why the file does not count.
pub(super) type Files = BTreeMap<String, Result<Vec<Object>, String>>;

/// Whether what is not in the folder any more may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// Files were seen in this very folder, or are there now: what is missing was removed.
    Counts,
    /// The folder is empty, and never was anything else to this process: it may be a disk that is not mounted.
    InDoubt,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What is applied, with its file.
    pub(super) wanted: Vec<(String, Object)>,
    /// What the inventory holds and no file any more.
    pub(super) stale: Vec<Entry>,
    /// Entries of files that cannot be read now: neither applied nor pruned.
    pub(super) kept: ByFile,
    /// What is wrong, for a person.
    pub(super) complaints: Vec<String>,
}

/// Plans a pass.
pub(super) fn plan(files: Files, inventory: &ByFile, removal: Removal) -> Plan {
    let mut plan = Plan::default();
    let unreadable: BTreeSet<String> = unreadable(&files, &mut plan);
    let objects: Vec<(String, Object)> = files
        .into_iter()
        .filter_map(|(file, objects)| Some((file, objects.ok()?)))
        .flat_map(|(file, objects)| {
            objects
                .into_iter()
                .map(move |object| (file.clone(), object))
        })
        .collect();
    let homes = homes(&objects, inventory, &unreadable);
    for (file, object) in objects {
        match homes.get(&object.key()) {
            Some(home) if *home != file => plan.complaints.push(format!(
                "{file}: {} is in {home} too, which keeps it",
                object.key()
            )),
            _ if plan
                .wanted
                .iter()
                .any(|(_, known)| known.key() == object.key()) =>
            {
                let complaint =
                    format!("{file}: {} is in it twice; the first counts", object.key());
                plan.complaints.push(complaint);
            }
            _ => plan.wanted.push((file, object)),
        }
    }
    let wanted: BTreeSet<String> = plan
        .wanted
        .iter()
        .map(|(_, object)| windlass_api::inventory::id(&object.key()))
        .collect();
    for (file, entry) in inventory.entries() {
        if wanted.contains(&entry.id) {
            continue;
        }
        if unreadable.contains(file) || removal == Removal::InDoubt {
            plan.kept.add(file, entry.clone());
        } else {
            plan.stale.push(entry.clone());
        }
    }
    if removal == Removal::InDoubt && !plan.kept.is_empty() {
        let count = plan.kept.entries().count();
        plan.complaints.push(format!(
            "the folder is empty, and {count} objects of it are in the cluster: they stay, as a disk may not be mounted; \
             if they are to go, put a file there and take it away again"
        ));
    }
    plan
}

fn unreadable(files: &Files, plan: &mut Plan) -> BTreeSet<String> {
    let mut unreadable = BTreeSet::new();
    for (file, objects) in files {
        if let Err(why) = objects {
            plan.complaints.push(format!("{file}: {why}"));
            unreadable.insert(file.clone());
        }
    }
    unreadable
}

/// The file that keeps each object: the one it was applied from, as long as that has it; else the first by name.
fn homes(
    objects: &[(String, Object)],
    inventory: &ByFile,
    unreadable: &BTreeSet<String>,
) -> BTreeMap<ObjectKey, String> {
    let mut homes: BTreeMap<ObjectKey, String> = BTreeMap::new();
    for (file, object) in objects {
        let key = object.key();
        let before = inventory.file_of(&key);
        let keeps = before.is_some_and(|before| {
            let has_it = |(file, object): &(String, Object)| file == before && object.key() == key;
            unreadable.contains(before) || objects.iter().any(has_it)
        });
        let home = match before.filter(|_| keeps) {
            Some(before) => before,
            None => file,
        };
        homes.entry(key).or_insert_with(|| home.to_owned());
    }
    homes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(name: &str) -> Object {
        let metadata = json!({"name": name, "namespace": "default"});
        Object::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
            .unwrap()
    }

    fn files(files: &[(&str, &[&str])]) -> Files {
        let read = |(file, names): &(&str, &[&str])| {
            (
                (*file).to_owned(),
                Ok(names.iter().map(|name| map(name)).collect()),
            )
        };
        files.iter().map(read).collect()
    }

    fn inventory(files: &[(&str, &[&str])]) -> ByFile {
        let mut by_file = ByFile::default();
        for (file, names) in files {
            names
                .iter()
                .for_each(|name| by_file.add(file, Entry::new(&map(name).key(), "v1")));
        }
        by_file
    }

    fn wanted(plan: &Plan) -> Vec<(&str, &str)> {
        let wanted = plan.wanted.iter();
        wanted
            .map(|(file, object)| (file.as_str(), object.name()))
            .collect()
    }

    fn stale(plan: &Plan) -> Vec<String> {
        plan.stale
            .iter()
            .map(|entry| entry.key().unwrap().name)
            .collect()
    }

    #[test]
    fn what_left_a_file_or_went_with_it_goes_and_what_moved_to_another_stays() {
        let before = inventory(&[("a.yaml", &["one", "two"]), ("b.yaml", &["three", "four"])]);
        let now = files(&[("a.yaml", &["one"]), ("c.yaml", &["four"])]);
        let plan = plan(now, &before, Removal::Counts);
        assert_eq!(wanted(&plan), [("a.yaml", "one"), ("c.yaml", "four")]);
        assert_eq!(stale(&plan), ["two", "three"]);
        assert!(plan.complaints.is_empty(), "{:?}", plan.complaints);
    }

    #[test]
    fn an_empty_folder_of_which_nothing_else_was_seen_takes_nothing_away() {
        let before = inventory(&[("a.yaml", &["one"])]);
        let doubted = plan(Files::new(), &before, Removal::InDoubt);
        assert_eq!(stale(&doubted), [""; 0]);
        assert_eq!(doubted.kept, before);
        assert!(
            doubted.complaints[0].contains("1 objects of it"),
            "{:?}",
            doubted.complaints
        );
        assert_eq!(
            stale(&plan(Files::new(), &before, Removal::Counts)),
            ["one"]
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_takes_nothing_away_and_is_named() {
        let before = inventory(&[("a.yaml", &["one", "two"])]);
        let mut now = files(&[("b.yaml", &["two"])]);
        now.insert("a.yaml".to_owned(), Err("line 3: bad".to_owned()));
        let plan = plan(now, &before, Removal::Counts);
        assert_eq!(stale(&plan), [""; 0]);
        assert_eq!(plan.complaints[0], "a.yaml: line 3: bad");
        // Its objects are still its own.
        assert!(wanted(&plan).is_empty());
        assert!(
            plan.complaints[1].contains("ConfigMap/default/two is in a.yaml too"),
            "{:?}",
            plan.complaints
        );
        assert_eq!(plan.kept, before);
    }

    #[test]
    fn of_two_files_with_one_object_the_first_owner_keeps_it_whatever_they_are_called() {
        let before = inventory(&[("z.yaml", &["one"])]);
        let both = files(&[("a.yaml", &["one"]), ("z.yaml", &["one"])]);
        let plan_ = plan(both, &before, Removal::Counts);
        assert_eq!(wanted(&plan_), [("z.yaml", "one")]);
        assert_eq!(
            plan_.complaints,
            ["a.yaml: ConfigMap/default/one is in z.yaml too, which keeps it"]
        );
        let new = files(&[("a.yaml", &["one", "one"]), ("z.yaml", &["one"])]);
        let plan = plan(new, &ByFile::default(), Removal::Counts);
        assert_eq!(wanted(&plan), [("a.yaml", "one")]);
        assert_eq!(plan.complaints.len(), 2);
    }
}
