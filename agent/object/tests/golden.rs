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
        let (digits, rest) = piece.split_at(2);
        out.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        out.extend_from_slice(rest.as_bytes());
    }
    out
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read_to_string(path).expect("the fixture is there")
}

fn answer(line: &str) -> Answer {
    let mut answer: Value = serde_json::from_str(line).expect("a line of JSON");
    if let Some(error) = answer.get("error") {
        return Err(error.to_string());
    }
    Ok(answer
        .get_mut("value")
        .map(Value::take)
        .expect("an answer has a value or an error"))
}
