//! Documents nobody thought of: encrypted and decrypted by the real sops command, and decrypted by us.

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use windlass_sops::{Decryptor, Format, Integrity};

use crate::support::{golden, keys};

/// What tests/oracles/sops.sh ends with when Go cannot fetch the module.
const UNFETCHED: i32 = 77;

/// How many documents are compared; each takes two runs of sops.
const CASES: u32 = 60;

fn sops() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles/sops.sh");
    let output = Command::new(script).output().unwrap();
    if output.status.code() == Some(UNFETCHED) {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(Path::new(String::from_utf8(output.stdout).unwrap().trim()).join("sops"))
}

struct Sops {
    program: PathBuf,
    folder: tempfile::TempDir,
    recipient: String,
}

impl Sops {
    fn run(&self, arguments: &[&str], file: &str, input: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.path().join(file);
        std::fs::write(&path, input).unwrap();
        let output = Command::new(&self.program)
            .args(arguments)
            .arg(&path)
            .env("SOPS_AGE_KEY_FILE", golden("keys/one.agekey"))
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Compares one document; one that sops itself does not take back says nothing.
    fn compare(&self, file: &str, options: &[&str], plain: &str) -> Result<(), String> {
        let format = Format::of_path(file);
        let encrypt = [&["encrypt", "--age", &self.recipient], options].concat();
        let Ok(encrypted) = self.run(&encrypt, file, plain) else {
            return Ok(());
        };
        let encrypted = String::from_utf8(encrypted).unwrap();
        let Ok(expected) = self.run(&["decrypt"], file, &encrypted) else {
            return Ok(());
        };
        // sops sometimes reads a comment at the end of a map into another one when it decrypts, and then
        // leaves it encrypted; here it is decrypted.
        if String::from_utf8_lossy(&expected).contains("ENC[") {
            return Ok(());
        }
        let keys = keys(&["one.agekey"]);
        let decrypted = Decryptor::new(&keys).decrypt(encrypted.as_bytes(), format, format);
        let decrypted = decrypted.map_err(|error| format!("{error}\nfor\n{plain}\n{encrypted}"))?;
        if decrypted.integrity != Integrity::Intact {
            return Err(format!(
                "{:?}\nfor\n{plain}\n{encrypted}",
                decrypted.integrity
            ));
        }
        if *decrypted.plain != *expected {
            let given = String::from_utf8_lossy(&decrypted.plain).into_owned();
            let expected = String::from_utf8_lossy(&expected);
            return Err(format!("for\n{plain}\ngives\n{given}\nnot\n{expected}"));
        }
        Ok(())
    }
}

#[test]
fn documents_of_all_formats_decrypt_as_sops_decrypts_them() {
    let Some(program) = sops() else {
        return;
    };
    let key = std::fs::read_to_string(golden("keys/one.agekey")).unwrap();
    let recipient = key
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    let sops = Sops {
        program,
        folder: tempfile::tempdir().unwrap(),
        recipient: recipient.unwrap().to_owned(),
    };
    let config = Config {
        cases: CASES,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let result = runner.run(&case(), |(file, options, plain)| {
        sops.compare(file, options, &plain)
            .map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

type Case = (&'static str, &'static [&'static str], String);

fn case() -> impl Strategy<Value = Case> {
    let options = prop_oneof![
        3 => Just(&[][..]),
        1 => Just(&["--encrypted-regex", "^(a|secret)$"][..]),
        1 => Just(&["--unencrypted-regex", "^(b|name)$"][..]),
        1 => Just(&["--encrypted-suffix", "_x"][..]),
    ];
    let document = prop_oneof![
        6 => yaml_map(3).prop_map(|lines| ("case.yaml", lines.join("\n") + "\n")),
        1 => proptest::collection::vec(yaml_map(2), 2..4).prop_map(|documents| {
            let documents: Vec<_> = documents.iter().map(|lines| lines.join("\n")).collect();
            ("case.yaml", documents.join("\n---\n") + "\n")
        }),
        2 => json_map(3).prop_map(|text| ("case.json", text)),
        2 => proptest::collection::vec(env_line(), 1..6).prop_map(|lines| ("case.env", lines.join("\n") + "\n")),
        2 => proptest::collection::vec(ini_line(), 1..8).prop_map(|lines| ("case.ini", lines.join("\n") + "\n")),
    ];
    (document, options).prop_map(|((file, plain), options)| (file, options, plain))
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-d]{1,2}(_x)?".prop_map(|key| key),
        1 => Just("secret".to_owned()),
        1 => Just("\"quoted key\"".to_owned()),
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "-?[0-9]{1,6}(\\.[0-9]{1,4})?",
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("~".to_owned()),
        Just("2026-02-03".to_owned()),
        Just("0x1F".to_owned()),
        Just("1e3".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[1, two, {three: 3}]".to_owned()),
        "[ -~äß€🎉]{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[a-z \\n:#-]{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

/// A map in lines: pairs with comments before, between, beside and behind them.
fn yaml_map(depth: u32) -> BoxedStrategy<Vec<String>> {
    let value = if depth == 0 {
        scalar().prop_map(Block::Line).boxed()
    } else {
        prop_oneof![
            4 => scalar().prop_map(Block::Line),
            1 => "[a-z \\n]{1,20}".prop_map(|text| Block::Literal(text.lines().map(str::to_owned).collect())),
            1 => yaml_map(depth - 1).prop_map(Block::Nested),
            1 => yaml_list(depth - 1).prop_map(Block::Nested),
        ]
        .boxed()
    };
    let pair = (key(), value, remark(), remark());
    let behind = remark();
    (proptest::collection::vec(pair, 1..4), behind)
        .prop_map(|(pairs, behind)| {
            let mut lines = Vec::new();
            let mut seen = std::collections::HashSet::new();
            for (key, value, above, beside) in pairs {
                if !seen.insert(key.clone()) {
                    continue;
                }
                lines.extend(above.map(|text| format!("# {text}")));
                value.append(&mut lines, &format!("{key}:"), beside);
            }
            // Behind a block, sops takes the comment for the block's own when it reads it back.
            let behind = behind.filter(|_| lines.last().is_some_and(|last| !last.starts_with(' ')));
            lines.extend(behind.map(|text| format!("# {text}")));
            lines
        })
        .boxed()
}

fn yaml_list(depth: u32) -> BoxedStrategy<Vec<String>> {
    let value = if depth == 0 {
        scalar().prop_map(Block::Line).boxed()
    } else {
        prop_oneof![
            3 => scalar().prop_map(Block::Line),
            1 => yaml_map(depth - 1).prop_map(Block::Inline),
            1 => yaml_list(depth - 1).prop_map(Block::Inline),
        ]
        .boxed()
    };
    let item = (value, remark(), remark());
    proptest::collection::vec(item, 1..4)
        .prop_map(|items| {
            let mut lines = Vec::new();
            for (value, above, beside) in items {
                lines.extend(above.map(|text| format!("# {text}")));
                value.append(&mut lines, "-", beside);
            }
            lines
        })
        .boxed()
}

fn remark() -> impl Strategy<Value = Option<String>> {
    prop_oneof![3 => Just(None), 1 => "[a-z]{1,6}".prop_map(Some)]
}

#[derive(Clone, Debug)]
enum Block {
    Line(String),
    Literal(Vec<String>),
    /// Lines below a key.
    Nested(Vec<String>),
    /// Lines of which the first stands behind a dash.
    Inline(Vec<String>),
}

impl Block {
    fn append(self, lines: &mut Vec<String>, start: &str, beside: Option<String>) {
        let beside = beside.map_or_else(String::new, |text| format!(" # {text}"));
        match self {
            // sops moves or loses a comment beside an empty list or map.
            Self::Line(text) if text == "[]" || text == "{}" => {
                lines.push(format!("{start} {text}"))
            }
            Self::Line(text) => lines.push(format!("{start} {text}{beside}")),
            Self::Literal(text) => {
                lines.push(format!("{start} |{beside}"));
                lines.extend(text.into_iter().map(|line| format!("  x{line}")));
            }
            Self::Nested(nested) => {
                lines.push(format!("{start}{beside}"));
                lines.extend(nested.into_iter().map(|line| format!("  {line}")));
            }
            Self::Inline(nested) => {
                // A comment cannot stand between a dash and its value.
                let first = nested
                    .iter()
                    .position(|line| !line.starts_with('#'))
                    .unwrap_or_default();
                for (index, line) in nested.into_iter().enumerate().skip(first) {
                    let start = if index == first { start } else { " " };
                    lines.push(format!("{start} {line}"));
                }
            }
        }
    }
}

fn json_map(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        "-?[1-9][0-9]{0,5}(\\.[0-9]{1,3})?",
        Just("true".to_owned()),
        Just("null".to_owned()),
        "[ -~äß€🎉\\n]{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let value = if depth == 0 {
        leaf.boxed()
    } else {
        let nested = json_map(depth - 1);
        let list = proptest::collection::vec(json_map(depth - 1), 0..3);
        prop_oneof![
            3 => leaf,
            1 => nested,
            1 => list.prop_map(|items| format!("[{}]", items.join(", "))),
        ]
        .boxed()
    };
    proptest::collection::vec(("[a-e](_x)?", value), 0..4)
        .prop_map(|pairs| {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(key, value)| format!("\"{key}\": {value}"))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        })
        .boxed()
}

fn env_line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => ("[A-Z]{1,4}(_x)?", "[ -~ä]{0,12}").prop_map(|(name, value)| format!("{name}={value}")),
        1 => "#[ -~]{0,8}",
        1 => Just(String::new()),
    ]
}

fn ini_line() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => ("[a-z]{1,6}(_x)?", "[a-zA-Z0-9 /._-]{0,12}").prop_map(|(name, value)| format!("{name} = {value}")),
        1 => "; [a-z]{1,6}",
        1 => "\\[[a-z]{1,4}\\]",
    ]
}
