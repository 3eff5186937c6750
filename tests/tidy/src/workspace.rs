//! The workspace's manifests, its rooms and the map in docs/architecture.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::sources::read;

/// What comes before a room's name in its crate's name.
const PREFIX: &str = "windlass-";

/// The workspace's folder.
#[must_use]
pub fn root() -> PathBuf {
    // Read at run time: two checkouts may share a target folder, and with it this very program.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    let root = Path::new(&own).join("../..");
    root.canonicalize()
        .expect("the workspace is where it was built")
}

/// The manifests of every member, by folder (such as `agent/trust`).
#[must_use]
pub fn manifests(root: &Path) -> BTreeMap<String, toml::Table> {
    let folders = ["agent", "tests"].into_iter().flat_map(|parent| {
        let entries = std::fs::read_dir(root.join(parent)).expect("the folder is there");
        entries.map(move |entry| (parent, entry.expect("the folder can be read")))
    });
    let members = folders.filter(|(_, entry)| entry.path().join("Cargo.toml").exists());
    let read_one = |(parent, entry): (&str, std::fs::DirEntry)| {
        let path = entry.path().join("Cargo.toml");
        let manifest = read(&path).parse::<toml::Table>();
        let manifest = manifest.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (
            format!("{parent}/{}", entry.file_name().display()),
            manifest,
        )
    };
    members.map(read_one).collect()
}

/// Which rooms each room's manifest names under `[dependencies]`.
#[must_use]
pub fn edges(manifests: &BTreeMap<String, toml::Table>) -> BTreeMap<String, BTreeSet<String>> {
    let rooms = manifests.iter().filter_map(|(folder, manifest)| {
        let room = folder.strip_prefix("agent/")?;
        let names = manifest.get("dependencies").and_then(toml::Value::as_table);
        let names = names.into_iter().flat_map(|table| table.keys());
        let ours = names.filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned));
        Some((room.to_owned(), ours.collect()))
    });
    rooms.collect()
}

/// The rooms and their edges as docs/architecture.md has them: rows `| \`room\` | job | edges | ... |`,
/// edges separated by commas, `-` for none.
#[must_use]
pub fn mapped_edges(architecture: &str) -> BTreeMap<String, BTreeSet<String>> {
    let from_table = architecture
        .lines()
        .skip_while(|line| !line.contains("| may depend on (ours) |"));
    let rows = from_table.skip(2).take_while(|line| line.starts_with('|'));
    let rooms = rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let room = cells
            .next()
            .unwrap_or_default()
            .trim_matches('`')
            .to_owned();
        let names = cells
            .nth(1)
            .unwrap_or_default()
            .split(',')
            .map(|name| name.trim().trim_matches('`'));
        let names = names.filter(|name| !name.is_empty() && *name != "-");
        (room, names.map(str::to_owned).collect())
    });
    rooms.collect()
}

/// `cargo metadata` for the platform the tests run on.
#[must_use]
pub fn metadata(root: &Path) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["metadata", "--format-version=1", "--locked"]);
    command.args([
        "--filter-platform",
        &format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
    ]);
    let output = command
        .output()
        .expect("cargo runs the tests, so it can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {errors}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Which packages depend directly on each package, by name; what only tests use does not count.
#[must_use]
pub fn dependents(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let packages = array(metadata.pointer("/packages"));
    let names: BTreeMap<&str, &str> = packages
        .iter()
        .filter_map(|package| Some((package.get("id")?.as_str()?, package.get("name")?.as_str()?)))
        .collect();
    let name = |id: Option<&Value>| {
        id.and_then(Value::as_str)
            .and_then(|id| names.get(id).copied())
    };
    let mut dependents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in array(metadata.pointer("/resolve/nodes")) {
        let used = array(node.get("deps")).iter().filter(|dependency| {
            let kinds = array(dependency.get("dep_kinds"));
            kinds
                .iter()
                .any(|kind| kind.get("kind").and_then(Value::as_str) != Some("dev"))
        });
        for dependency in used {
            if let (Some(user), Some(used)) = (name(node.get("id")), name(dependency.get("pkg"))) {
                dependents
                    .entry(used.to_owned())
                    .or_default()
                    .insert(user.to_owned());
            }
        }
    }
    dependents
}

/// The elements of an array, none for anything else.
#[must_use]
pub fn array(value: Option<&Value>) -> &[Value] {
    value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The crates outside that a room needs on a platform, by name.
#[must_use]
pub fn needed_on(root: &Path, room: &str, platform: &str) -> BTreeSet<String> {
    let package = format!("{PREFIX}{room}");
    let arguments = [
        "tree", "--locked", "--prefix", "none", "--edges", "normal", "--format", "{p}",
    ];
    let tree = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--target", platform, "--package", &package])
        .current_dir(root)
        .output()
        .expect("cargo starts");
    let problem = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "cargo tree: {problem}");
    let lines = String::from_utf8_lossy(&tree.stdout);
    let names = lines.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}
