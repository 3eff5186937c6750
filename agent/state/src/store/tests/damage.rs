//! A database that was changed on the disk.

use std::io::{Read, Seek, SeekFrom, Write};

use super::*;

fn stored(files: usize) -> (TempDir, Oid, Repository) {
    let (place, store) = open();
    let mut repository = Repository::default();
    let contents: Vec<(String, String)> = (0..files)
        .map(|index| {
            (
                format!("f{index:04}.yaml"),
                format!("value: {index}\n").repeat(20),
            )
        })
        .collect();
    let contents: Vec<(&str, &str)> = contents
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let head = repository.commit(&[], &contents);
    keep(&store, &repository, "root", head);
    store.bind("cluster-1").unwrap();
    (place, head, repository)
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

fn asides(place: &TempDir) -> Vec<String> {
    let names = fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains("damaged")).collect();
    names.sort();
    names
}

#[test]
fn t14_a_damaged_database_is_put_aside_and_an_empty_one_takes_its_place() {
    let ways: [&dyn Fn(&Path); 5] = [
        &|path| overwrite(path, 0, &[0xff; 100]),
        &|path| overwrite(path, 8192, &[0xff; 4096]),
        &|path| {
            fs::write(
                path,
                "not a database, but some text that is long enough to be read as one".repeat(9),
            )
            .unwrap()
        },
        &|path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(8192 + 17)
                .unwrap()
        },
        &|path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(50)
                .unwrap()
        },
    ];
    for (index, damage) in ways.iter().enumerate() {
        let (place, head, repository) = stored(100);
        damage(&place.path().join("store.db"));
        let store = Store::open(place.path()).unwrap_or_else(|error| panic!("{index}: {error}"));
        let recovered = store
            .recovered()
            .unwrap_or_else(|| panic!("{index}: the damage was not seen"))
            .clone();
        assert!(
            recovered.moved_to.exists() && !recovered.reason.is_empty(),
            "{index}"
        );
        assert_eq!(store.kept_lines().unwrap(), [], "{index}");
        assert_eq!(store.bind("cluster-1").unwrap(), Binding::New);
        keep(&store, &repository, "root", head);
        drop(store);
        assert_eq!(
            Store::open(place.path()).unwrap().recovered(),
            None,
            "{index}: it is told once"
        );
        assert_eq!(asides(&place).len(), 1, "{index}");
    }
}

#[test]
fn an_empty_file_is_a_new_database() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("store.db"), "").unwrap();
    assert_eq!(Store::open(place.path()).unwrap().recovered(), None);
}

#[test]
fn a_database_of_another_program_is_put_aside_unharmed() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE photos (id INTEGER)")
        .unwrap();
    drop(other);
    let store = Store::open(place.path()).unwrap();
    let moved_to = &store.recovered().unwrap().moved_to;
    let other = Connection::open(moved_to).unwrap();
    assert!(other.execute_batch("SELECT * FROM photos").is_ok());
}

#[test]
fn t14_damage_found_at_work_is_an_error_with_a_cure_and_the_next_start_heals_it() {
    let (place, head, repository) = stored(400);
    let store = Store::open(place.path()).unwrap();
    let path = place.path().join("store.db");
    let length = fs::metadata(&path).unwrap().len();
    // Every page but those of the schema, so that whatever is read is damaged.
    for page in 2..length / 8192 {
        overwrite(&path, page * 8192, &[0xff; 64]);
    }
    let reader = store.reader().unwrap();
    let errors: Vec<LoadError> = repository
        .0
        .iter()
        .filter_map(|(oid, _)| load(&reader, oid).err())
        .collect();
    let damaged = errors.iter().find_map(|error| match error {
        LoadError::Read { source, .. } => source.downcast_ref::<StoreError>(),
        _ => None,
    });
    let damaged = damaged.unwrap_or_else(|| panic!("{errors:?}"));
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged}");
    assert!(
        damaged.to_string().contains("restart windlass"),
        "{damaged}"
    );
    drop((reader, store));

    let store = Store::open(place.path()).unwrap();
    assert!(
        store
            .recovered()
            .unwrap()
            .reason
            .contains("while it was in use")
    );
    keep(&store, &repository, "root", head);
    assert_eq!(
        missing_objects(
            &store.reader().unwrap(),
            &accept(&store.reader().unwrap(), head).source
        )
        .unwrap(),
        None
    );
}

#[test]
fn t14_a_changed_object_is_never_served_as_the_original_and_can_be_fetched_again() {
    let (place, head, repository) = stored(3);
    let blob = repository
        .0
        .iter()
        .find(|(_, object)| object.kind == ObjectKind::Blob)
        .unwrap();
    let store = Store::open(place.path()).unwrap();
    store
        .with(|connection| {
            connection.execute(
                "UPDATE objects SET data = zeroblob(length(data)) WHERE oid = ?1",
                [blob.0.as_bytes().as_slice()],
            )
        })
        .unwrap();
    let found = load(&store.reader().unwrap(), &blob.0);
    assert!(
        matches!(found, Err(LoadError::Tampered { .. })),
        "{found:?}"
    );
    store.drop_object(&blob.0).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(
        missing_objects(&reader, &accept(&reader, head).source).unwrap(),
        Some(blob.0)
    );
    keep(&store, &repository, "root", head);
    assert_eq!(load(&reader, &blob.0).unwrap(), blob.1);
}

#[test]
fn t14_flipped_bytes_anywhere_in_the_file_never_serve_a_wrong_object() {
    let (place, head, repository) = stored(30);
    let path = place.path().join("store.db");
    let mut intact = Vec::new();
    fs::File::open(&path)
        .unwrap()
        .read_to_end(&mut intact)
        .unwrap();
    let mut seed = 1_u32;
    let mut found_damage = 0;
    for _ in 0..300 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut bytes = intact.clone();
        let position = seed as usize % bytes.len();
        bytes[position] ^= 1 << (seed % 8);
        fs::write(&path, &bytes).unwrap();
        let store = Store::open(place.path()).unwrap();
        let reader = store.reader().unwrap();
        for (oid, object) in &repository.0 {
            match load(&reader, oid) {
                Ok(loaded) => assert_eq!(&loaded, object, "byte {position}"),
                Err(_) => found_damage += 1,
            }
        }
        assert!(
            store
                .kept(&line("root"))
                .is_ok_and(|kept| kept.is_none_or(|kept| kept.head == head))
                || store.recovered().is_none()
        );
        drop((reader, store));
        for name in asides(&place) {
            fs::remove_file(place.path().join(name)).unwrap();
        }
        drop(fs::remove_file(place.path().join("store.damaged")));
    }
    assert!(found_damage > 0);
}
