//! A hundred encrypted Secrets with variables, from files to plain objects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use windlass_kustomize::{Entry, EntryKind, Overlay, Tree, TreeError, substitute};
use windlass_sops::{Decryptor, Format, Integrity, Keyring};

use super::Scene;
use crate::report::{Reach, Row};
use crate::sample::Sample;

pub(super) const SCENE: Scene = Scene {
    what: "100 Secrets, each encrypted by sops with a data key of its own",
    rows: &["hundred_secrets"],
    run,
};

const SECRETS: usize = 100;
const ROUNDS: usize = 11;

/// A tree of encrypted files in memory.
struct Files(BTreeMap<String, Vec<u8>>);

impl Tree for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| TreeError::new(path, "is not there"))
    }

    fn list(&self, _: &str) -> Result<Vec<Entry>, TreeError> {
        let entries = self.0.keys().map(|name| Entry {
            name: name.clone(),
            kind: EntryKind::File,
        });
        Ok(entries.collect())
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        let directory = path.is_empty().then_some(EntryKind::Directory);
        Ok(directory.or_else(|| self.0.contains_key(path).then_some(EntryKind::File)))
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn key() -> String {
    let path = repository().join("agent/sops/tests/golden/keys/one.agekey");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn encrypted() -> Files {
    let script = repository().join("tests/oracles/sops.sh");
    let output = Command::new(script)
        .output()
        .unwrap_or_else(|error| panic!("sops.sh: {error}"));
    let sops = Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("sops");
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("a folder: {error}"));
    let key = key();
    let recipient = key
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    let files = (0..SECRETS).map(|number| {
        let name = format!("secret-{number}.yaml");
        let path = folder.path().join(&name);
        let plain = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: secret-{number}\nstringData:\n  \
             user: app-{number}\n  password: correct horse battery staple\n  url: https://app.${{domain}}\n"
        );
        std::fs::write(&path, plain).unwrap_or_else(|error| panic!("{name}: {error}"));
        let output = Command::new(&sops)
            .args(["encrypt", "--encrypted-regex", "^(data|stringData)$", "--age"])
            .args([recipient.unwrap_or_default(), &path.to_string_lossy()])
            .output()
            .unwrap_or_else(|error| panic!("sops: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (name, output.stdout)
    });
    Files(files.collect())
}

/// Build, decryption with its MAC, and substitution, as a pass does them; gives the time of the last two.
fn round(files: &Files, keys: &Keyring, variables: &BTreeMap<String, String>) -> Duration {
    let built = windlass_kustomize::build(files, "", &Overlay::default());
    let mut built = built.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(built.len(), SECRETS);
    let start = Instant::now();
    // As in a pass: data keys are known for its length only.
    let decryptor = Decryptor::new(keys);
    for built in &mut built {
        let plain = decryptor.decrypt_object(built.object.as_value().clone());
        *built.object.as_value_mut() = plain.unwrap_or_else(|error| panic!("{error}"));
        let bytes = files
            .read(&built.origin)
            .unwrap_or_else(|error| panic!("{error}"));
        let integrity = decryptor.integrity(&bytes, Format::Yaml);
        assert_eq!(integrity, Ok(Integrity::Intact));
    }
    substitute::substitute(&mut built, variables, substitute::Options::default())
        .unwrap_or_else(|error| panic!("{error}"));
    let took = start.elapsed();
    let url = built[0].object.pointer("/stringData/url");
    assert_eq!(
        url.and_then(|url| url.as_str()),
        Some("https://app.example.com")
    );
    took
}

fn run() -> Vec<Row> {
    let files = encrypted();
    let mut keys = Keyring::default();
    keys.add_age(&key())
        .unwrap_or_else(|error| panic!("{error}"));
    let variables = BTreeMap::from([("domain".to_owned(), "example.com".to_owned())]);
    let times = (0..ROUNDS)
        .map(|_| round(&files, &keys, &variables))
        .collect();
    let sample = Sample::of(times);
    vec![Row {
        name: "hundred_secrets",
        value: sample.median(),
        unit: "ms",
        reach: Reach::AtMost(100.0),
        note: sample.words(),
    }]
}
