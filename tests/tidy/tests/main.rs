//! The repository keeps its own rules (docs/style.md, docs/architecture.md, deny.toml).

use std::collections::BTreeMap;

use windlass_tidy::licenses::permits;
use windlass_tidy::sources::{self, Source};
use windlass_tidy::workspace::{self, array};

/// A file longer than this hides what is in it (docs/style.md, rule 15).
const LONGEST_FILE: usize = 400;

/// Rooms that are functions of their arguments: same input, same output, no world.
const PURE_ROOMS: &[&str] = &[
    "object",
    "wire",
    "api",
    "trust",
    "kustomize",
    "plan",
    "release",
    "notify",
];

/// What such a room would need to look at the world.
const WORLD: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime::now",
    "Instant::now",
    "tokio::",
    "tracing::",
    "rand::",
    "println!",
    "eprintln!",
];

/// What exists on Linux only: systemd, its journal, the sandbox of windlass-net.
const LINUX_ONLY: &[&str] = &[
    "systemd-journal-logger",
    "libsystemd",
    "sd-notify",
    "landlock",
    "seccompiler",
    "inotify",
    "procfs",
    "windlass-host",
    "windlass-net",
];

fn complain(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}\n  {}", breaches.join("\n  "));
}

fn all_sources() -> Vec<Source> {
    let root = workspace::root();
    ["agent", "tests"]
        .into_iter()
        .flat_map(|folder| sources::below(&root, folder))
        .collect()
}

/// The table says "proved by": a row without a test, or with one that was renamed, says more than is known.
#[test]
fn what_is_said_to_prove_a_row_of_operating_is_a_test() {
    let root = workspace::root();
    let table = sources::read(&root.join("docs/operating.md"));
    let tests: Vec<String> = ["agent", "tests"]
        .into_iter()
        .flat_map(|folder| sources::tests_below(&root, folder))
        .collect();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("proved by"));
    let mut wrong = Vec::new();
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next();
        let proofs: Vec<&str> = last
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|proof| *proof != "nodes")
            .collect();
        let exists = |proof: &&str| tests.iter().any(|test| test == proof);
        if proofs.is_empty() && last != Some("the same") {
            wrong.push(format!("nothing proves {row}"));
        }
        wrong.extend(
            proofs
                .iter()
                .filter(|proof| !exists(proof))
                .map(|proof| format!("no test is called {proof}")),
        );
    }
    complain("docs/operating.md: every row has its test", &wrong);
}

#[test]
fn edges_between_rooms_are_those_of_the_map() {
    let root = workspace::root();
    let mapped = workspace::mapped_edges(&sources::read(&root.join("docs/architecture.md")));
    let actual = workspace::edges(&workspace::manifests(&root));
    assert!(
        !mapped.is_empty(),
        "docs/architecture.md has a table of rooms"
    );
    let rooms = mapped.keys().chain(actual.keys());
    let differing = rooms
        .filter(|room| mapped.get(*room) != actual.get(*room))
        .map(|room| {
            format!(
                "{room}: the map says {:?}, Cargo.toml says {:?}",
                mapped.get(room),
                actual.get(room)
            )
        });
    let mut breaches: Vec<String> = differing.collect();
    breaches.sort();
    breaches.dedup();
    complain(
        "an edge is a decision: change docs/architecture.md with it",
        &breaches,
    );
}

#[test]
fn edges_go_down_only() {
    let edges = workspace::edges(&workspace::manifests(&workspace::root()));
    // Taking away rooms that need no other must end with none left.
    let mut left: BTreeMap<_, _> = edges.clone();
    while let Some(room) = left
        .iter()
        .find(|(_, needs)| needs.iter().all(|need| !left.contains_key(need)))
        .map(|(room, _)| room.clone())
    {
        left.remove(&room);
    }
    assert!(
        left.is_empty(),
        "rooms that need each other: {:?}",
        left.keys()
    );
}

#[test]
fn every_member_takes_its_lints_edition_and_versions_from_the_workspace() {
    let manifests = workspace::manifests(&workspace::root());
    let mut breaches = Vec::new();
    for (folder, manifest) in &manifests {
        let inherits = |section: &str, key: &str| {
            let value = manifest.get(section).and_then(|section| section.get(key));
            let value = if section == "lints" {
                value
            } else {
                value.and_then(|it| it.get("workspace"))
            };
            value.and_then(toml::Value::as_bool) == Some(true)
        };
        if !inherits("lints", "workspace") {
            breaches.push(format!("{folder}: [lints] workspace = true is missing"));
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !inherits("package", key) {
                breaches.push(format!("{folder}: {key}.workspace = true is missing"));
            }
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (name, value) in table.into_iter().flatten() {
                if value.get("workspace").is_none() {
                    breaches.push(format!("{folder}: {name} has a version of its own"));
                }
            }
        }
    }
    complain(
        "every version and lint is written once, in the workspace's Cargo.toml",
        &breaches,
    );
}

#[test]
fn every_room_opens_with_its_card_and_every_module_with_a_sentence() {
    let mut breaches = Vec::new();
    for source in all_sources() {
        let head: Vec<&str> = source
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        if head.is_empty() {
            breaches.push(format!("{}: no sentence says what it is", source.path));
        }
        if source.path.starts_with("agent/") && source.path.ends_with("/src/lib.rs") {
            for word in ["Job:", "Takes", "May touch:", "Never:"] {
                if !head
                    .iter()
                    .any(|line| line.starts_with(&format!("//! {word}")))
                {
                    breaches.push(format!("{}: no line `//! {word}`", source.path));
                }
            }
        }
    }
    complain("a line knows its room and what it may touch", &breaches);
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    let sources = all_sources();
    let long = sources
        .iter()
        .map(|source| (source.text.lines().count(), &source.path));
    let long = long.filter(|(lines, _)| *lines > LONGEST_FILE);
    let breaches: Vec<String> = long
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    complain("files are split by concern", &breaches);
}

#[test]
fn pure_rooms_do_not_look_at_the_world() {
    let mut breaches = Vec::new();
    for room in PURE_ROOMS {
        let folder = format!("agent/{room}/src");
        for source in sources::below(&workspace::root(), &folder) {
            let code = source
                .text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let looking = code.filter(|line| WORLD.iter().any(|word| line.contains(word)));
            breaches.extend(looking.map(|line| format!("{}: {}", source.path, line.trim())));
        }
    }
    complain("pure rooms are functions of their arguments", &breaches);
}

#[test]
fn licenses_sources_and_walls_are_those_of_deny_toml() {
    let root = workspace::root();
    let deny: toml::Table = sources::read(&root.join("deny.toml"))
        .parse()
        .expect("deny.toml is TOML");
    let strings = |value: Option<&toml::Value>| -> Vec<String> {
        let values = value
            .and_then(toml::Value::as_array)
            .cloned()
            .unwrap_or_default();
        values
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect()
    };
    let metadata = workspace::metadata(&root);
    let allowed = strings(deny["licenses"].get("allow"));
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    let mut breaches = Vec::new();
    for package in array(metadata.pointer("/packages")) {
        let name = &package["name"];
        let license = package["license"].as_str().unwrap_or_default();
        if !permits(license, &allowed) {
            breaches.push(format!("{name} is licensed {license:?}"));
        }
        let source = package["source"].as_str();
        if source.is_some_and(|it| it != "registry+https://github.com/rust-lang/crates.io-index") {
            breaches.push(format!("{name} comes from {source:?}"));
        }
    }
    let dependents = workspace::dependents(&metadata);
    for ban in deny["bans"]["deny"]
        .as_array()
        .expect("bans.deny is a list")
    {
        let name = ban["crate"].as_str().expect("a ban names its crate");
        let wrappers = strings(ban.get("wrappers"));
        let users = dependents.get(name).into_iter().flatten();
        let others = users.filter(|user| !wrappers.contains(user));
        breaches.extend(others.map(|user| format!("{user} uses {name}; see deny.toml")));
    }
    complain("deny.toml says what may be in the build", &breaches);
}

#[test]
fn a_licence_counts_if_the_expression_can_be_met() {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "Unicode-3.0",
    ];
    let check = |expression: &str, expected: bool| {
        assert_eq!(permits(expression, &allowed), expected, "{expression}");
    };
    check("MIT", true);
    check("GPL-3.0", false);
    check("GPL-3.0 OR MIT", true);
    check("GPL-3.0 AND MIT", false);
    check("MIT/Apache-2.0", true);
    check("(MIT OR GPL-3.0) AND Unicode-3.0", true);
    check("(MIT OR GPL-3.0) AND GPL-2.0", false);
    check("Apache-2.0 WITH LLVM-exception", true);
    check("MIT WITH Some-exception", false);
    check("", false);
    check("MIT)", false);
}

/// The commands are used from laptops too; `ring` needs a C compiler for the platform, so this looks at what
/// they need instead of building them there.
#[test]
fn the_commands_need_nothing_that_only_linux_has() {
    let root = workspace::root();
    let breaches: Vec<String> = ["aarch64-apple-darwin", "x86_64-unknown-freebsd"]
        .iter()
        .flat_map(|platform| {
            let needed = workspace::needed_on(&root, "cli", platform);
            assert!(needed.contains("windlass-api"), "{platform}: {needed:?}");
            let wrong = LINUX_ONLY.iter().filter(|name| needed.contains(**name));
            wrong
                .map(|name| format!("on {platform} cli would need {name}"))
                .collect::<Vec<_>>()
        })
        .collect();
    complain("the cli room builds without what only Linux has", &breaches);
}
