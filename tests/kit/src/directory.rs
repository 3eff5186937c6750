//! Folders of a test: in memory where there is room, gone with the test.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::reaper;

/// A folder that is removed when this value is dropped or the test process ends in any way.
///
/// `WINDLASS_KIT_KEEP=1` in the environment keeps folders whose value is dropped, to look into them.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes an empty folder whose name starts with `windlass-` and holds `label`.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let path = tempfile::Builder::new()
            .prefix(&format!("windlass-{label}-"))
            .tempdir_in(base())
            .expect("a folder can be made for the test")
            .keep();
        reaper::watch_folder(&path);
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of `name` in it, as text.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if std::env::var_os("WINDLASS_KIT_KEEP").is_some() {
            let _ = writeln!(std::io::stderr(), "kept {}", self.path.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.path);
        }
        reaper::forget_folder(&self.path);
    }
}

/// Memory (etcd's fsync costs nothing there), else the ordinary place for temporary files.
fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let usable = nix::unistd::access(memory, nix::unistd::AccessFlags::W_OK).is_ok();
    if usable {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}
