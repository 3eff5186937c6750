#![expect(
    clippy::disallowed_methods,
    reason = "some tests look how long reading takes"
)]

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn read(text: &str) -> Vec<Value> {
    parse_documents(text.as_bytes(), &Limits::DEFAULT)
        .unwrap()
        .into_iter()
        .map(|document| document.value)
        .collect()
}

fn error(text: &[u8]) -> String {
    parse_documents(text, &Limits::DEFAULT)
        .expect_err("broken on purpose")
        .to_string()
}

fn limited(text: &str, limits: Limits) -> String {
    parse_documents(text.as_bytes(), &limits)
        .expect_err("over a limit")
        .to_string()
}

#[test]
fn documents_are_read_in_order_with_their_lines_and_empty_ones_are_dropped() {
    let text = "# nothing\n---\na: 1\n---\n---\nnull\n...\n---\nb: [x]\n--- text\n---\n# end\n";
    let documents = parse_documents(text.as_bytes(), &Limits::DEFAULT).unwrap();
    assert_eq!(
        documents,
        [
            Document {
                line: 3,
                value: json!({"a": 1})
            },
            Document {
                line: 9,
                value: json!({"b": ["x"]})
            },
            Document {
                line: 10,
                value: json!("text")
            },
        ]
    );
    for nothing in [
        "",
        "\n",
        "---\n",
        "# only a comment",
        "---\n...\n---\n",
        "null",
        "~",
    ] {
        assert_eq!(read(nothing), Vec::<Value>::new(), "{nothing:?}");
    }
}

#[test]
fn an_anchor_is_known_in_its_own_document_only() {
    assert_eq!(
        error(b"a: &x 1\n---\nb: *x\n"),
        "line 3, column 4: while parsing node, found unknown anchor"
    );
}

#[test]
fn directives_and_markers_of_windows_files_are_read() {
    assert_eq!(
        read("%YAML 1.1\r\n---\r\na: |\r\n  x\r\n  y\r\n---\r\nb: 1\r\n"),
        [json!({"a": "x\ny\n"}), json!({"b": 1})]
    );
}

#[test]
fn utf_16_is_read_with_its_mark() {
    let units: Vec<u16> = "\u{feff}a: é😀\n".encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for bytes in [&little, &big] {
        let documents = parse_documents(bytes, &Limits::DEFAULT).unwrap();
        assert_eq!(documents[0].value, json!({"a": "é😀"}));
    }
    assert!(error(&little[..little.len() - 1]).contains("UTF-16 text is broken"));
    assert!(error(&[0xFF, 0xFE, b'a', 0, 0, 0xD8, b'b', 0]).starts_with("line 1, column 2"));
}

#[test]
fn errors_name_line_and_column() {
    assert_eq!(
        error(b"a: 1\nb:\n  c: 1\n  c: 2\n"),
        "line 4, column 3: key \"c\" is already set on line 3"
    );
    assert_eq!(
        error("é: \u{e9}\nb: x\u{0}y\n".as_bytes()),
        "line 2, column 5: unexpected character: `\\u{0}'"
    );
    assert_eq!(
        error(b"a: b\nc: \xff\n"),
        "line 2, column 4: byte 0xff is not UTF-8; save the file as UTF-8"
    );
    assert!(error(b"a: .inf\n").starts_with("line 1, column 4: .inf has no place in JSON"));
    assert!(error(b"a: 1\n[x]: 2\n").starts_with("line 2, column 1"));
    assert_eq!(
        error(b"~: 1\n"),
        "line 1, column 1: a key must not be null; quote it to mean the text"
    );
    assert_eq!(error(b"a: !!int x\n"), "line 1, column 10: `x` is no !!int");
    assert_eq!(
        error(b"a: 1\n<<: 5\n"),
        "line 2, column 5: a merge key `<<` needs a map or a list of maps"
    );
    assert_eq!(
        error(b"a: &x [*x]\n"),
        "line 1, column 8: this alias stands inside the value of its own anchor"
    );
    assert!(error(b"a: [1\nb: 2\n").starts_with("line "));
    assert!(error(b"a:\n\tb: 1\n").starts_with("line 2, column "));
}

#[test]
fn keys_that_mean_the_same_text_are_one_key() {
    assert!(error(b"1: a\n\"1\": b\n").contains("key \"1\" is already set on line 1"));
    assert!(error(b"yes: a\ntrue: b\n").contains("key \"true\" is already set on line 1"));
    assert_eq!(
        read("x: {a: 1}\ny: {a: 1}\n").len(),
        1,
        "in two maps they are two"
    );
}

#[test]
fn input_over_the_limits_is_refused_with_the_place() {
    let limits = Limits {
        bytes: 100,
        depth: 3,
        nodes: 10,
    };
    assert!(limited(&"x".repeat(101), limits).contains("more than 100 bytes"));
    assert!(limited("[[[[1]]]]", limits).starts_with("line 1, column 4"));
    assert!(limited("a:\n  b:\n    c:\n      d: 1\n", limits).starts_with("line 4"));
    assert!(limited("[1,2,3,4,5,6,7,8,9,10]", limits).contains("more than 10 values"));
    assert!(limited("[1,2,3,4,5]\n---\n[1,2,3,4,5]", limits).starts_with("line 3"));
    assert!(parse_documents(b"[[[1]]]", &limits).is_ok());
    assert!(parse_documents(b"[1,2,3,4,5,6,7,8,9]", &limits).is_ok());
    let text_bomb = format!("a: &a {}\nb: [*a, *a, *a]\n", "x".repeat(40));
    assert!(limited(&text_bomb, limits).contains("more than 100 bytes of text"));
    let deep_alias = "a: &a {b: {c: 1}}\nd: [[*a]]\n";
    assert!(limited(deep_alias, limits).contains("deeper than 3 levels"));
}

#[test]
fn t30_an_alias_bomb_is_refused_before_it_takes_memory() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let start = Instant::now();
    assert!(error(bomb.as_bytes()).contains("with aliases written out"));
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn lines_inside_quotes_may_stand_left_of_their_key() {
    let mut text = String::from("a:\n  b: \"x\n");
    text.push_str(&"y\n".repeat(1000));
    text.push_str("z\"\n  c: 'p\nq'\nd: *missing\n");
    let message = error(text.as_bytes());
    assert!(message.starts_with("line 1006, column 4"), "{message}");
    let values = read(&text.replace("*missing", "1"));
    assert_eq!(values[0]["a"]["c"], json!("p q"));
    assert_eq!(values[0]["d"], json!(1));
}

#[test]
fn quotes_that_cost_too_much_are_refused() {
    let lines = "\\\"\n".repeat(2000);
    let text = format!("a: \"{lines}\"\n");
    let limits = Limits {
        bytes: 2 * text.len(),
        ..Limits::DEFAULT
    };
    assert!(limited(&text, limits).contains("invalid indentation in multiline quoted scalar"));
}

#[test]
fn hostile_nesting_does_not_take_long() {
    for opening in [
        "[", "{", "- ", "? ", "a: {", "[{a: ", "\"", "&a ", "!a ", "*",
    ] {
        let text = opening.repeat(100_000);
        let start = Instant::now();
        let _outcome = parse_documents(text.as_bytes(), &Limits::DEFAULT);
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{opening:?} {:?}",
            start.elapsed()
        );
    }
}
