//! `helm template --verify`: whether the package is what somebody of the keyring signed.

use std::path::{Path, PathBuf};

use windlass_trust::{ContentDigest, verify_provenance};

use super::chart::read;
use crate::error::CommandError;
use crate::session::now;

/// Compares a package with the `.prov` file beside it.
pub(super) fn check(path: &str, keyring: Option<&Path>) -> Result<(), CommandError> {
    let fail = |message: String| CommandError::Build(format!("{path}: {message}"));
    let package = Path::new(path);
    if package.is_dir() {
        return Err(fail("only a packaged chart can be verified".to_owned()));
    }
    let keyring = keyring.map(Path::to_owned).or_else(own_keyring);
    let keyring = keyring.ok_or_else(|| fail("name a keyring with --keyring".to_owned()))?;
    let content = |file: &Path| {
        let shown = file.display();
        read(file).map_err(|error| fail(format!("{shown}: {error}")))
    };
    let provenance = PathBuf::from(format!("{path}.prov"));
    let (package_bytes, signed, keys) =
        (content(package)?, content(&provenance)?, content(&keyring)?);
    let name = package.file_name().and_then(|name| name.to_str());
    let what = (name.unwrap_or_default(), ContentDigest::of(&package_bytes));
    let now = now().timestamp().as_second();
    let verified = verify_provenance(&signed, &keys, what, now);
    verified
        .map(drop)
        .map_err(|error| fail(format!("{}: {error}", provenance.display())))
}

/// Where gpg kept public keys before version 2.1; Helm's default.
fn own_keyring() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".gnupg/pubring.gpg"))
}
