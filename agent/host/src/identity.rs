//! Which machine this is.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::files::{self, FileError};

/// machine-id(5): 32 hex digits and a newline; anything longer is another file.
const MACHINE_ID_LIMIT: u64 = 64;

/// Returns the host name as the kernel knows it.
///
/// # Errors
/// The name is unreadable, empty or not UTF-8; `[node] name` in the configuration overrides it.
pub fn hostname() -> Result<String, IdentityError> {
    let name = nix::unistd::gethostname().map_err(IdentityError::Unreadable)?;
    match name.into_string() {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => Err(IdentityError::Unusable),
    }
}

/// Returns an identifier of this machine that other programs cannot turn back into its machine-id.
///
/// machine-id(5) asks that the id itself is kept confidential and only a keyed hash of it is shown.
/// `None` in a container or image that has no id yet.
///
/// # Errors
/// The file is there and cannot be read.
pub fn machine_id() -> Result<Option<String>, FileError> {
    machine_id_from(Path::new("/etc/machine-id"))
}

fn machine_id_from(path: &Path) -> Result<Option<String>, FileError> {
    let bytes = match files::read(path, MACHINE_ID_LIMIT, files::Guard::Plain) {
        Ok(bytes) => bytes,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    let id = bytes.trim_ascii();
    if id.len() != 32 || !id.iter().all(u8::is_ascii_hexdigit) {
        return Ok(None);
    }
    let digest = Sha256::new()
        .chain_update(b"windlass machine id\0")
        .chain_update(id)
        .finalize();
    Ok(Some(
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    ))
}

/// The machine's name cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The system call failed.
    #[error("cannot read the host name: {0}; set `[node] name` in the configuration")]
    Unreadable(nix::errno::Errno),
    /// Empty or not UTF-8.
    #[error("the host name is empty or not UTF-8; set `[node] name` in the configuration")]
    Unusable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_name_is_the_kernels() {
        let expected = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(hostname().unwrap(), expected.trim());
    }

    #[test]
    fn the_machine_id_is_stable_and_does_not_show_the_real_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("machine-id");
        assert_eq!(machine_id_from(&path).unwrap(), None);
        std::fs::write(&path, "uninitialized\n").unwrap();
        assert_eq!(machine_id_from(&path).unwrap(), None);
        let id = "0123456789abcdef0123456789abcdef";
        std::fs::write(&path, format!("{id}\n")).unwrap();
        let shown = machine_id_from(&path).unwrap().unwrap();
        assert_eq!(shown.len(), 16);
        assert!(!id.contains(&shown));
        assert_eq!(machine_id_from(&path).unwrap().unwrap(), shown);
    }
}
