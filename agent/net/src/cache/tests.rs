use std::path::Path;

use super::*;

fn small() -> Limits {
    Limits {
        cache_bytes: 256 * 1024,
        ..Limits::DEFAULT
    }
}

fn open(directory: &Path) -> Cache {
    Cache::open(directory, &small()).unwrap()
}

fn put(receiving: &mut Receiving<'_>, bytes: &[u8]) -> Result<ObjectId, CacheError> {
    let oid = gix_object::compute_hash(gix_hash::Kind::Sha1, Kind::Blob, bytes).unwrap();
    receiving.put(&oid, Kind::Blob, bytes)?;
    Ok(oid)
}

/// Bytes that do not compress, different for every seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn what_was_not_committed_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut cache = open(directory.path());
    let mut receiving = cache.receive().unwrap();
    let oid = put(&mut receiving, b"x").unwrap();
    drop(receiving);
    assert!(!cache.contains(&oid).unwrap());
    let mut receiving = cache.receive().unwrap();
    put(&mut receiving, b"x").unwrap();
    receiving.commit().unwrap();
    drop(cache);
    assert_eq!(
        open(directory.path()).read(&oid).unwrap(),
        Some((Kind::Blob, b"x".to_vec()))
    );
}

#[test]
fn the_latest_tips_are_kept_each_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut cache = open(directory.path());
    let oid = |index: u8| ObjectId::from([index; 20]);
    let mut receiving = cache.receive().unwrap();
    for index in 0..80 {
        receiving.add_tip(&oid(index)).unwrap();
    }
    receiving.add_tip(&oid(50)).unwrap();
    receiving.commit().unwrap();
    let tips = cache.tips().unwrap();
    assert_eq!(tips.len(), 64);
    assert_eq!(tips[..3], [oid(50), oid(79), oid(78)]);
    assert_eq!(tips.iter().filter(|tip| **tip == oid(50)).count(), 1);
}

#[test]
fn a_cache_that_has_grown_too_large_is_begun_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut cache = open(directory.path());
    let mut receiving = cache.receive().unwrap();
    let oid = put(&mut receiving, &noise(1, 290 * 1024)).unwrap();
    receiving.commit().unwrap();
    assert!(cache.contains(&oid).unwrap());
    drop(cache);
    assert!(!open(directory.path()).contains(&oid).unwrap());
}

#[test]
fn a_pack_that_does_not_fit_is_a_failure_and_leaves_the_cache_usable() {
    let directory = tempfile::tempdir().unwrap();
    let mut cache = open(directory.path());
    let mut receiving = cache.receive().unwrap();
    let kept = put(&mut receiving, b"kept").unwrap();
    receiving.commit().unwrap();
    let mut receiving = cache.receive().unwrap();
    let result = (0..100).try_for_each(|seed| put(&mut receiving, &noise(seed, 10_000)).map(drop));
    match result {
        Err(CacheError::Failure(failure)) => {
            assert!(failure.message.contains("too large"), "{failure}");
        }
        other => panic!("a megabyte does not fit: {other:?}"),
    }
    drop(receiving);
    assert!(cache.contains(&kept).unwrap());
}

#[test]
fn another_schema_is_thrown_away() {
    let directory = tempfile::tempdir().unwrap();
    let cache = open(directory.path());
    cache
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(cache);
    assert!(open(directory.path()).tips().unwrap().is_empty());
    let file = directory.path().join("objects.sqlite");
    fs::remove_file(&file).unwrap();
    let other = Connection::open(&file).unwrap();
    other
        .execute_batch(&format!(
            "CREATE TABLE object (id); PRAGMA user_version = {SCHEMA_VERSION}"
        ))
        .unwrap();
    drop(other);
    let cache = open(directory.path());
    assert!(matches!(cache.tips(), Err(CacheError::Damaged(_))));
    assert!(cache.discard().unwrap().tips().unwrap().is_empty());
}

#[test]
fn an_object_under_a_wrong_id_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let mut cache = open(directory.path());
    let wrong = ObjectId::from([7; 20]);
    let mut receiving = cache.receive().unwrap();
    receiving.put(&wrong, Kind::Blob, b"x").unwrap();
    receiving.commit().unwrap();
    assert!(matches!(cache.read(&wrong), Err(CacheError::Damaged(_))));
}

#[test]
fn only_this_user_may_enter_the_directory() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("a/b");
    drop(open(&inner));
    let mode = fs::metadata(&inner).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let path = directory.path().join("file/cache");
    let failure = Cache::open(&path, &small()).map(drop).unwrap_err();
    assert!(failure.message.contains("file/cache"), "{failure}");
}
