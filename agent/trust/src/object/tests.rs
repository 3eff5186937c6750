use super::*;

#[test]
fn the_id_is_the_one_that_git_computes() {
    // `git hash-object` on an empty file and on "hello\n".
    let empty = hash(ObjectKind::Blob, b"").unwrap();
    assert_eq!(
        empty.to_string(),
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    );
    let hello = hash(ObjectKind::Blob, b"hello\n").unwrap();
    assert_eq!(
        hello.to_string(),
        "ce013625030ba8dba906f756967f9e9ca394464a"
    );
    let tree = hash(ObjectKind::Tree, b"").unwrap();
    assert_eq!(tree.to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
}

#[test]
fn an_id_is_forty_lowercase_hex_digits_and_nothing_else() {
    let text = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
    assert_eq!(text.parse::<Oid>().unwrap().to_string(), text);
    for bad in [
        "",
        "e69d",
        &text.to_uppercase(),
        &format!("{text}0"),
        &text.replace('e', "g"),
    ] {
        assert!(bad.parse::<Oid>().is_err(), "{bad}");
    }
}

#[test]
fn kinds_read_back_what_they_write() {
    for kind in [
        ObjectKind::Commit,
        ObjectKind::Tree,
        ObjectKind::Blob,
        ObjectKind::Tag,
    ] {
        assert_eq!(ObjectKind::parse(kind.as_str()), Some(kind));
        assert_eq!(ObjectKind::from_code(kind.code()), Some(kind));
    }
    assert_eq!(
        (ObjectKind::parse("Blob"), ObjectKind::from_code(0)),
        (None, None)
    );
}

/// The attack published at shattered.io. Git's header in front moves the blocks, so the two PDFs
/// do not collide as blobs; the hasher is therefore given the bytes alone.
#[test]
fn t05_a_collision_attack_is_detected() {
    let start = hex::decode(SHATTERED).unwrap();
    assert_eq!(digest(&[&start]), Err(Collision));
    assert_eq!(digest(&[&start[..100], &start[100..]]), Err(Collision));
    let mut harmless = start;
    harmless[200] ^= 1;
    assert!(digest(&[&harmless]).is_ok());
}

/// The first 320 bytes of shattered-1.pdf: what differs between the two files ends there.
const SHATTERED: &str = concat!(
    "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474",
    "682032203020522f4865696768742033203020522f547970652034203020522f",
    "537562747970652035203020522f46696c7465722036203020522f436f6c6f72",
    "53706163652037203020522f4c656e6774682038203020522f42697473506572",
    "436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d31",
    "20697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01",
    "7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de2",
    "18f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f0e45bce046d2",
    "3c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500",
    "eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1",
);
