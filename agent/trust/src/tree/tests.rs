use super::*;

fn tree(entries: &[(&str, &[u8])]) -> Result<Vec<TreeEntry>, InvalidTree> {
    let mut bytes = Vec::new();
    for (mode, name) in entries {
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(&[7; 20]);
    }
    parse(&Oid::from_bytes([0; 20]), &bytes)
}

#[track_caller]
fn refused(entries: &[(&str, &[u8])], because: &str) {
    let error = tree(entries).unwrap_err();
    assert!(error.to_string().contains(because), "{error}");
}

#[test]
fn every_mode_that_git_writes_is_read_in_gits_order() {
    let entries = tree(&[
        ("100644", b"a.b"),
        ("40000", b"a"),
        ("100755", b"a0"),
        ("120000", b"b"),
        ("160000", b"c"),
    ])
    .unwrap();
    let modes: Vec<EntryMode> = entries.iter().map(|entry| entry.mode).collect();
    use EntryMode::{Directory, File, Submodule, Symlink};
    assert_eq!(modes, [File, Directory, File, Symlink, Submodule]);
    assert_eq!(tree(&[]).unwrap(), []);
}

#[test]
fn an_entry_is_found_by_its_name_whatever_it_is() {
    let names = ["a-b", "a", "a.b", "a0", "b", "c", "d"];
    let modes = [
        "100644", "40000", "100755", "40000", "120000", "160000", "100644",
    ];
    let entries: Vec<(&str, &[u8])> = (modes.into_iter())
        .zip(names.iter().map(|name| name.as_bytes()))
        .collect();
    let mut sorted = entries.clone();
    sorted.sort_by_key(|(mode, name)| match *mode {
        "40000" => [name, b"/".as_slice()].concat(),
        _ => name.to_vec(),
    });
    let parsed = tree(&sorted).unwrap();
    for (_, name) in entries {
        assert_eq!(find(&parsed, name).unwrap().name, name);
    }
    for absent in ["", "a-", "ab", "e", "a.b0"] {
        assert_eq!(find(&parsed, absent.as_bytes()), None, "{absent}");
    }
}

#[test]
fn t09_names_that_a_file_system_takes_for_gits_are_refused() {
    for name in [
        ".git",
        ".GIT",
        ".git.",
        ".git ",
        ".git. .",
        ".git::$INDEX_ALLOCATION",
        ".git:x",
        "GiT~1",
        "git~1.",
        ".g\u{200c}it",
        "\u{feff}.git",
        ".gi\u{202e}T",
        "a\\.git",
        ".git\\config",
        "..\\.GIT.\\x",
    ] {
        refused(&[("40000", name.as_bytes())], "Git's own directory");
    }
    for name in [
        ".gitea",
        ".github",
        ".gitignore",
        ".gitmodules",
        "git",
        "git~10",
        "x.git",
        "a\\x2db",
    ] {
        tree(&[("100644", name.as_bytes())]).expect(name);
    }
}

#[test]
fn t09_hostile_names_are_refused() {
    for (name, because) in [
        (b"".as_slice(), "has no name"),
        (b".", "step in a path"),
        (b"..", "step in a path"),
        (b"a/b", "slash"),
        (b".git", "Git's own directory"),
        (b".GiT", "Git's own directory"),
        (b"GIT~1", "Git's own directory"),
        (&[b'x'; 5000], "too long"),
    ] {
        refused(&[("100644", name)], because);
    }
    assert!(
        tree(&[("100644", b".gitignore"), ("100644", b"...")])
            .is_err_and(|error| { error.problem == "is repeated or not in order" })
    );
    assert!(tree(&[("100644", b"..."), ("100644", b".gitignore")]).is_ok());
}

#[test]
fn t09_repeated_and_unsorted_entries_are_refused() {
    refused(
        &[("100644", b"a"), ("100644", b"a")],
        "repeated or not in order",
    );
    refused(
        &[("100644", b"b"), ("100644", b"a")],
        "repeated or not in order",
    );
    refused(
        &[("40000", b"a"), ("100644", b"a.b")],
        "repeated or not in order",
    );
    refused(
        &[("100644", b"a"), ("100644", b"a.b"), ("40000", b"a")],
        "is repeated",
    );
}

#[test]
fn t09_odd_modes_are_refused() {
    for mode in [
        "100777", "100664", "040000", "0", "", "644", "140000", "100644x",
    ] {
        refused(&[(mode, b"a")], "odd mode");
    }
}

#[test]
fn cut_trees_are_refused() {
    for bytes in [
        b"1".as_slice(),
        b"100644 a",
        b"100644 a\0",
        b"100644 a\0xyz",
        b"100644",
    ] {
        let error = parse(&Oid::from_bytes([0; 20]), bytes).unwrap_err();
        assert_eq!(error.problem, "is cut short");
    }
    assert!(parse(&Oid::from_bytes([0; 20]), &vec![b'x'; MAX_TREE_BYTES + 1]).is_err());
}
