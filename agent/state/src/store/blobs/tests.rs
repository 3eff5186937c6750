use std::os::unix::fs::PermissionsExt;

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path()).unwrap();
    (place, store)
}

fn names(store: &Store) -> Vec<String> {
    let files = kept_files(&store.blob_directory()).unwrap();
    files.into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn a_blob_comes_back_under_the_digest_that_others_give_it() {
    let (_place, store) = store();
    let digest = store.keep_blob("chart/a", b"abc").unwrap();
    // sha256sum(1) says so.
    let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest.to_string(), known);
    assert_eq!(known.parse(), Ok(digest));
    assert_eq!(store.blob(&digest).unwrap().as_deref(), Some(&b"abc"[..]));
    assert_eq!(store.used_blob("chart/a").unwrap(), Some(digest));
    assert_eq!(store.blob(&BlobDigest::of(b"other")).unwrap(), None);
    let mode = fs::metadata(store.blob_directory())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn only_a_digest_in_one_spelling_is_read() {
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for text in [
        hex.to_owned(),
        format!("sha512:{hex}"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{hex}0"),
        "sha256:".to_owned(),
        format!("sha256:+{}", hex.get(1..).unwrap()),
        format!("sha256:{}é", hex.get(2..).unwrap()),
    ] {
        assert!(text.parse::<BlobDigest>().is_err(), "{text}");
    }
}

#[test]
fn a_changed_blob_is_dropped_and_can_be_taken_again() {
    let (_place, store) = store();
    let digest = store.keep_blob("a", b"abc").unwrap();
    let mut read = String::new();
    let mut file = store.blob_reader(&digest).unwrap().unwrap();
    file.read_to_string(&mut read).unwrap();
    assert_eq!(read, "abc");
    fs::write(store.blob_path(&digest), b"abd").unwrap();
    assert_eq!(store.blob(&digest).unwrap(), None);
    store.keep_blob("a", b"abc").unwrap();
    fs::write(store.blob_path(&digest), b"abd").unwrap();
    assert!(store.blob_reader(&digest).unwrap().is_none());
    assert!(names(&store).is_empty());
    store.keep_blob("a", b"abc").unwrap();
    assert!(store.blob(&digest).unwrap().is_some());
}

#[test]
fn what_nobody_uses_goes_and_what_somebody_uses_stays() {
    let (_place, store) = store();
    let shared = store.keep_blob("chart/a", b"shared").unwrap();
    store.keep_blob("chart/b", b"shared").unwrap();
    let old = store.keep_blob("index/c", b"old").unwrap();
    let new = store.keep_blob("index/c", b"new").unwrap();
    let under_way = store.receive_blob().unwrap();
    assert_eq!(store.collect_blobs().unwrap(), 1);
    assert_eq!(store.blob(&old).unwrap(), None);
    store.leave_blob("chart/a").unwrap();
    assert_eq!(store.collect_blobs().unwrap(), 0);
    assert_eq!(store.blob_users("chart/").unwrap(), ["chart/b"]);
    store.leave_blob("chart/b").unwrap();
    assert_eq!(store.collect_blobs().unwrap(), 1);
    assert_eq!(store.blob(&shared).unwrap(), None);
    assert!(store.blob(&new).unwrap().is_some());
    assert_eq!(names(&store).len(), 2, "the one under way is left alone");
    drop(under_way);
    assert_eq!(names(&store), [new.hex()]);
}

#[test]
fn a_blob_that_is_not_kept_leaves_nothing_and_neither_does_a_crash() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path()).unwrap();
    let mut incoming = store.receive_blob().unwrap();
    incoming.write(b"half").unwrap();
    let left = incoming.path.clone();
    std::mem::forget(incoming);
    assert!(left.exists());
    // The lock goes with the process; here the forgotten blob holds the store.
    remove_leftovers(place.path());
    assert!(!left.exists());
}

#[test]
fn t46_a_full_disk_refuses_a_blob_and_keeps_the_others() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let disk = |size: &str| {
        let (kind, flags) = (Some("tmpfs"), nix::mount::MsFlags::empty());
        nix::mount::mount(Some("tmpfs"), place.path(), kind, flags, Some(size)).unwrap();
    };
    disk("size=160m");
    let store = Store::open(place.path()).unwrap();
    let digest = store.keep_blob("a", b"small").unwrap();
    let mut large = store.receive_blob().unwrap();
    let piece = vec![7; 1024 * 1024];
    let refused = (0..64).find_map(|_| large.write(&piece).err());
    let Some(StoreError::NoSpace { .. }) = &refused else {
        panic!("{refused:?}");
    };
    drop(large);
    assert!(store.blob(&digest).unwrap().is_some());
    assert_eq!(names(&store), [digest.hex()]);
    store.keep_blob("b", b"another small one").unwrap();
    drop(store);
    nix::mount::umount(place.path()).unwrap();
}
