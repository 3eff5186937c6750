//! The node's configuration: files as written ([`fragment`]), merged ([`inputs`]), judged ([`Settings`]).
//!
//! The main file comes first, then every `*.toml` of the `config.d` directory beside it in name order; a later file
//! replaces single keys of an earlier one. Nothing is guessed: an unknown key, a wrong type and a file with
//! the wrong mode are all reported, together.

mod fragment;
mod inputs;
mod problem;
mod schema;
mod settings;
mod suggest;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use self::problem::{ConfigError, Problem};
pub use self::settings::{
    AlarmSettings, ClusterSettings, ControlSettings, LeadershipSettings, LimitSettings,
    LogSettings, ManifestsSettings, MetricsSettings, NetSettings, NodeMode, NodeSettings,
    PEERS_PORT, PageSettings, PeersListen, PeersSettings, PruneSettings, ReceiverSettings,
    RemoteSettings, Role, RootAccess, RootSettings, SecretUrl, Settings, SopsSettings,
    StateSettings, TenancySettings, TrustMode, TrustSettings, Unpinned,
};

use self::inputs::Inputs;
use self::problem::Problems;
use self::settings::Surroundings;
use crate::files::{self, Guard};

/// Where the configuration is unless the command line says otherwise.
pub const DEFAULT_FILE: &str = "/etc/windlass/config.toml";

/// The commented example is 6 KiB.
const FILE_LIMIT: u64 = 256 * 1024;

/// Drop-ins beyond this are a mistake (a directory of something else).
const DROP_IN_LIMIT: usize = 64;

/// Reads the configuration in `file` and its `config.d`, and checks the files it names.
///
/// # Errors
/// Everything that is wrong with it, at once, each with file and line.
pub fn load(file: &Path) -> Result<Settings, ConfigError> {
    let mut problems = Problems::default();
    let mut inputs = Inputs::default();
    let paths = fragment_files(file, &mut problems);
    let mut complete = true;
    for path in &paths {
        match files::read_text(path, FILE_LIMIT, Guard::Trusted) {
            Ok(text) => complete &= inputs.merge(fragment::parse(path, &text, &mut problems)),
            Err(error) => {
                problems.add_error(path, &error);
                complete = false;
            }
        }
    }
    if !complete {
        // What is missing may stand in the part that could not be read.
        return problems.settle(None);
    }
    let settings = settings::judge(&inputs, file, &Surroundings::now(), &mut problems);
    let settings = problems.settle(settings)?;
    let mut problems = Problems::default();
    settings::check_files(&settings, &inputs, file, &mut problems);
    problems.settle(Some(Settings {
        files: paths,
        ..settings
    }))
}

/// The main file and its drop-ins, in the order in which they count.
fn fragment_files(file: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let mut paths = vec![file.to_owned()];
    let directory = file.with_file_name("config.d");
    match drop_ins(&directory) {
        Ok(found) if found.len() > DROP_IN_LIMIT => {
            let message = format!(
                "holds {} drop-ins, at most {DROP_IN_LIMIT} are read",
                found.len()
            );
            problems.add(&directory, None, message);
        }
        Ok(found) => paths.extend(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.add(&directory, None, format!("cannot be listed: {error}")),
    }
    paths
}

fn drop_ins(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
