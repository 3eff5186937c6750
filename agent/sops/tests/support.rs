//! Keys and files of the golden cases.

use std::path::{Path, PathBuf};

use windlass_sops::{Format, Keyring};

pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(path)
}

pub(crate) fn read(path: &str) -> Vec<u8> {
    let path = golden(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The keys of the files: `*.agekey` and the SSH key for age, `*.asc` for PGP.
pub(crate) fn keys(names: &[&str]) -> Keyring {
    let mut keys = Keyring::default();
    for name in names {
        let bytes = read(&format!("keys/{name}"));
        if name.ends_with(".asc") {
            keys.add_pgp(&bytes).unwrap();
        } else {
            keys.add_age(std::str::from_utf8(&bytes).unwrap()).unwrap();
        }
    }
    keys
}

/// The format sops takes a file name for.
pub(crate) fn format_of(name: &str) -> Format {
    Format::of_path(name)
}
