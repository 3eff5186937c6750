//! The cases and the reference's answers.

use std::path::Path;

use serde_json::Value;

/// What the reference says to a case: a value, or its error.
pub(crate) type Answer = Result<Value, String>;

/// The cases of `fixtures/<cases>.txt` with the answers of `fixtures/<answers>.jsonl`.
pub(crate) fn cases(cases: &str, answers: &str) -> Vec<(String, Answer)> {
    let texts = read(&format!("{cases}.txt"));
    let answers = read(&format!("{answers}.jsonl"));
    let texts: Vec<&str> = texts.split("====\n").collect();
    let answers: Vec<Answer> = answers.lines().map(answer).collect();
    assert_eq!(texts.len(), answers.len(), "run tests/reference/make.sh");
    texts.into_iter().map(str::to_owned).zip(answers).collect()
}

/// The two parts of a case.
pub(crate) fn parts(case: &str) -> (&str, &str) {
    case.split_once("----\n").expect("a case of two parts")
}

/// The bytes a case stands for: `\xHH` is one byte.
pub(crate) fn bytes(case: &str) -> Vec<u8> {
    let mut pieces = case.split("\\x");
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        out.push(u8::from_str_radix(&piece[..2], 16).expect("two hexadecimal digits"));
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    out
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn answer(line: &str) -> Answer {
    let mut answer: Value = serde_json::from_str(line).expect("a line of JSON");
    match answer.get_mut("error") {
        Some(error) => Err(error.as_str().expect("the error is text").to_owned()),
        None => Ok(answer["value"].take()),
    }
}
