use super::*;

/// A document that go-yaml v3 writes like this comes out as it went in.
fn check(text: &str) {
    let documents = read(text.as_bytes(), &Limits::DEFAULT).unwrap();
    assert_eq!(write(&documents), text);
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "# above\nfirst: 1 # beside\nsecond:\n    # inside\n    a: x\n    # behind a\nthird:\n    - one\n    # before two\n    - two # beside two\n    # behind two\n# the last\n",
    );
    check(
        "list:\n    # before the map\n    - a: 1\n      # in it\n      b: 2\n    - - deep\n      - er\n",
    );
}

#[test]
fn documents_stay_apart() {
    check("a: 1\n---\n# second\nb: |\n    text\n");
    assert_eq!(
        write(&read(b"---\n---\na: 1\n", &Limits::DEFAULT).unwrap()),
        "{}\n---\na: 1\n"
    );
}

#[test]
fn aliases_are_written_out_and_types_resolved() {
    let documents = read(b"a: &x {k: 0x10}\nb: *x\nt: 2026-01-02\n", &Limits::DEFAULT).unwrap();
    assert_eq!(
        write(&documents),
        "a:\n    k: 16\nb:\n    k: 16\nt: 2026-01-02T00:00:00Z\n"
    );
}

#[test]
fn what_is_no_map_of_texts_is_refused() {
    for (text, named) in [
        ("- a\n", "must be a map"),
        ("1: a\n", "a key must be text"),
        ("a: 1\na: 2\n", "already set"),
        ("a: 18446744073709551615\n", "more than 64 bits"),
        ("a: [\n", "line"),
    ] {
        let error = read(text.as_bytes(), &Limits::DEFAULT)
            .unwrap_err()
            .to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let error = read(text.as_bytes(), &Limits::DEFAULT).unwrap_err();
    assert!(error.to_string().contains("aliases"), "{error}");
}
