use super::{base64_lines, env_file, file_source, literal};

#[test]
fn quotes_around_a_literal_are_taken_off_only_in_pairs() {
    for (source, value) in [
        ("a=\"b\"", "b"),
        ("a='b c'", "b c"),
        ("a='b", "'b"),
        ("a=\"", "\""),
        ("a=b=c", "b=c"),
    ] {
        assert_eq!(literal(source).unwrap(), ("a", value), "{source}");
    }
    assert!(literal("=b").is_err());
    assert!(literal("ab").is_err());
}

#[test]
fn a_file_source_names_its_key_or_takes_the_last_segment() {
    assert_eq!(file_source("a/b.txt").unwrap(), ("b.txt", "a/b.txt"));
    assert_eq!(file_source("k=a/b.txt").unwrap(), ("k", "a/b.txt"));
    for source in ["=a", "a=", "a=b=c"] {
        assert!(file_source(source).is_err(), "{source}");
    }
}

#[test]
fn an_env_file_has_comments_blank_lines_and_keys_without_values() {
    let text = "\u{feff}A=1\r\n# no\n\n  B = two words \nC\n=x\nD=a=b".as_bytes();
    let entries = env_file(text).unwrap();
    let expected = [("A", "1"), ("B ", " two words "), ("C", ""), ("D", "a=b")];
    let entries: Vec<(&str, &str)> = entries
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(entries, expected);
    assert!(env_file(&[0xff]).is_err());
}

#[test]
fn base64_is_broken_into_lines_of_seventy() {
    assert_eq!(base64_lines(b"abc"), "YWJj");
    let long = base64_lines(&[0; 60]);
    assert_eq!(long.lines().map(str::len).collect::<Vec<_>>(), [70, 10]);
    assert!(long.ends_with('\n'));
}
