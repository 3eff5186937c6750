//! `--set` and its kin: the values they make, as golden files and against the running oracle.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Oracle, root, runner, setting};

type Settings = Vec<(String, String)>;

fn cases() -> Vec<Settings> {
    let text = std::fs::read_to_string(root().join("tests/settings/set.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let settings = lines.map(|line| {
        let settings = line.split(" ;; ").map(|setting| {
            let (kind, text) = setting.split_once(' ').unwrap();
            (kind.to_owned(), text.to_owned())
        });
        settings.collect()
    });
    settings.collect()
}

fn ours(settings: &Settings) -> Result<Value, String> {
    let mut values = Map::new();
    for (kind, text) in settings {
        setting(kind, text, &mut values)?;
    }
    Ok(values.into())
}

fn request(settings: &Settings) -> Value {
    let settings = settings.iter();
    let settings: Vec<Value> = settings
        .map(|(kind, text)| json!({"kind": kind, "text": text}))
        .collect();
    json!({"settings": settings})
}

/// What the oracle says, with numbers again for the texts that name their kind; none where it refuses.
fn plain(answer: &Value) -> Option<Value> {
    answer.get("error").is_none().then(|| {
        let values = answer.get("values").cloned();
        untyped(&values.unwrap_or_else(|| json!({})))
    })
}

fn untyped(value: &Value) -> Value {
    let number = |name: &str| value.get(name).and_then(Value::as_str);
    if let Some(text) = number("$int") {
        return text.parse::<i64>().unwrap().into();
    }
    if let Some(text) = number("$float") {
        return text.parse::<f64>().unwrap().into();
    }
    match value {
        Value::Array(items) => items.iter().map(untyped).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(key, value)| (key.clone(), untyped(value)))
                .collect::<Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

#[test]
fn settings_make_the_values_that_helm_made() {
    let golden = std::fs::read_to_string(root().join("tests/settings/set.jsonl")).unwrap();
    let cases = cases();
    assert_eq!(golden.lines().count(), cases.len());
    let mut wrong = Vec::new();
    for (settings, line) in cases.iter().zip(golden.lines()) {
        let helm: Value = serde_json::from_str(line).unwrap();
        let ours = ours(settings);
        if plain(&helm) != ours.clone().ok() {
            wrong.push(format!("{settings:?}\n  helm: {helm}\n  ours: {ours:?}"));
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} differ:\n{}", wrong.join("\n"));
}

#[test]
fn the_golden_files_of_settings_are_what_helm_makes() {
    let Some(mut oracle) = Oracle::start() else {
        return;
    };
    let path = root().join("tests/settings/set.jsonl");
    let answers = cases();
    let answers = answers.iter().map(|case| oracle.ask(&request(case)));
    let answers: String = answers.map(|answer| format!("{answer}\n")).collect();
    if std::env::var_os("WINDLASS_WRITE_EXPECTED").is_some() {
        std::fs::write(&path, &answers).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap();
    assert!(known == answers, "{} is out of date", path.display());
}

#[test]
fn any_settings_make_the_values_that_helm_makes() {
    let Some(oracle) = Oracle::start() else {
        return;
    };
    let oracle = std::cell::RefCell::new(oracle);
    let kind = prop::sample::select(vec!["set", "string", "json", "literal", "file"]);
    let text = "([ab]|\\[[0-3]\\]|\\[|[.=,{}\\\\]|0|-1|true|null|\"x\"| ){1,14}";
    let settings = prop::collection::vec((kind.prop_map(str::to_owned), text), 1..3);
    let result = runner(3000).run(&settings, |settings| {
        // The command, not the library, takes an object as a whole.
        let whole =
            |(kind, text): &(String, String)| kind == "json" && text.trim_start().starts_with('{');
        prop_assume!(!settings.iter().any(whole));
        let helm = plain(&oracle.borrow_mut().ask(&request(&settings)));
        prop_assert_eq!(helm, ours(&settings).ok());
        Ok(())
    });
    result.unwrap();
}

#[test]
fn settings_that_would_take_all_memory_or_stack_are_refused() {
    let mut values = Map::new();
    let deep = format!("a{}=1", "[0]".repeat(100_000));
    let message = setting("set", &deep, &mut values).unwrap_err();
    assert!(message.contains("more than 200 deep"), "{message}");
    let wide: Vec<String> = (0..20).map(|index| format!("a{index}[65536]=1")).collect();
    let message = setting("set", &wide.join(","), &mut values).unwrap_err();
    assert!(message.contains("1000000 elements"), "{message}");
}
