//! Random expressions in the text of an object, substituted here and by Flux's envsubst.

use windlass_kustomize::substitute::{Options, Strategy, Unset, substitute};
use windlass_kustomize::{DefaultOrder, build_directory};
use windlass_object::Value;
use windlass_object::yaml::{Limits, parse_documents, to_string};

use crate::differential::random::Random;
use crate::oracle::{Oracle, Sources};
use crate::support::Files;

/// How many texts are compared.
const CASES: u64 = 4000;

const NAMES: &[&str] = &["A", "B", "EMPTY", "MISSING", "_x1"];
const WORDS: &[&str] = &[
    "", "a", "abc", "b.c", "x-y", "aXbXc", "/", "12", "a b", "*", "a*", "?",
];

/// What may follow a name inside braces; `%` stands for a word, `&` for another expression.
const OPERATORS: &[&str] = &[
    "", "", ":-%", ":=%", "=%", ":?%", ":+%", "-%", ":1", ":1:2", ":0:9", "^", "^^", ",", ",,",
    "#%", "##%", "/%/%", "//%/%", "/#%/%", "/%%/%", ":-&", ":=&", "?%", "+%", ":", ":x", "!", "@Q",
    " ",
];

fn expression(random: &mut Random, depth: usize) -> String {
    match random.below(12) {
        0 => return format!("$${{{}}}", random.word(NAMES)),
        1 => return format!("${}", random.word(NAMES)),
        2 => return format!("${{#{}}}", random.word(NAMES)),
        3 => return random.word(&["$", "${", "}", "$$", "${}", "$(A)", "${1}"]),
        _ => {}
    }
    let mut text = format!("${{{}", random.word(NAMES));
    for character in random.word(OPERATORS).chars() {
        match character {
            '%' => text.push_str(&random.word(WORDS)),
            '&' if depth < 3 => text.push_str(&expression(random, depth + 1)),
            '&' => {}
            other => text.push(other),
        }
    }
    text + "}"
}

fn values() -> Sources {
    [
        ("A", "aXbXc"),
        ("B", "12"),
        ("EMPTY", ""),
        ("_x1", "a.b/c d"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// The one object of the text, or nothing where it is none any more.
fn read(text: &str) -> Option<Value> {
    let mut documents = parse_documents(text.as_bytes(), &Limits::DEFAULT).ok()?;
    documents.pop().map(|document| document.value)
}

#[test]
fn random_expressions_give_what_flux_gives() {
    let Some(oracle) = Oracle::start() else {
        return;
    };
    let mut failures = Vec::new();
    let mut substituted = 0;
    for seed in 0..CASES {
        let mut random = Random::new(seed);
        let parts: Vec<String> = (0..1 + random.below(2))
            .map(|_| format!("{}{}", random.word(WORDS), expression(&mut random, 0)))
            .collect();
        let strict = random.chance(50);
        let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a"}, "data": {"t": parts.concat()}});
        let text = to_string(&object);
        let theirs = oracle.substitute(&text, &values(), strict);
        let files = Files::new(&[
            ("kustomization.yaml", "resources: [o.yaml]\n"),
            ("o.yaml", &text),
        ]);
        let mut built = build_directory(&files, "", DefaultOrder::Kept, None).unwrap();
        let options = Options {
            strategy: Strategy::Always,
            unset: if strict { Unset::Error } else { Unset::Empty },
        };
        let ours = substitute(&mut built, &values(), options);
        let ours = ours.ok().map(|()| built.remove(0).object.into_value());
        let theirs_read = theirs.as_ref().ok().and_then(|text| read(text));
        substituted += u64::from(ours.as_ref().is_some_and(|ours| *ours != object));
        if ours != theirs_read {
            failures.push(format!(
                "seed {seed}, strict {strict}: {text}ours {ours:?}\nflux {theirs:?}\n"
            ));
        }
    }
    let count = failures.len();
    failures.truncate(12);
    assert!(
        failures.is_empty(),
        "{count} of {CASES} differ:\n{}",
        failures.join("\n")
    );
    // Mistakes alone would compare little.
    assert!(
        substituted * 3 > CASES,
        "only {substituted} of {CASES} are substituted"
    );
}
