//! Job: charts and values to manifests, hooks and notes, as Helm 4 renders them.
//! Takes → gives: the files of a chart, values, a release, what the cluster can do → `Rendered`.
//! May touch: nothing (files, time, randomness and lookups come through traits).
//! Never: opens a file or a socket, reads a clock or the environment, or runs on without a bound.

mod capabilities;
mod chart;
mod coalesce;
mod codec;
mod compose;
mod crypto;
mod dependencies;
mod engine;
mod exec;
mod fault;
mod format;
mod functions;
mod glob;
mod manifest;
mod name;
mod number;
mod record;
mod render;
mod schema;
mod scope;
mod semver;
mod show;
mod strvals;
mod template;
mod time;
mod url;
mod value;

pub use crate::capabilities::{Capabilities, KubeVersion};
pub use crate::chart::{
    Chart, CustomResourceDefinition, Dependency, Directory, Entry, EntryKind, File, LoadError,
    Maintainer, Metadata, archive_files, directory_files, load_archive, load_directory, load_files,
    merge_values, read_values,
};
pub use crate::coalesce::{Reused, reuse};
pub use crate::compose::{ComposeError, Target, ValuesPart, compose_values};
pub use crate::dependencies::missing as missing_dependencies;
pub use crate::engine::Surroundings;
pub use crate::manifest::{Hook, HookEvent, Manifest};
pub use crate::name::{is_release_name, shorten_name};
pub use crate::record::{
    ApplyMethod, HookRun, Info, Lock, Record, RecordError, RecordedChart, RecordedFile,
    RecordedHook, SECRET_TYPE, Status, Time, config_digest, json_digest, secret_name,
    snapshot_digest,
};
pub use crate::render::{Operation, Release, RenderError, Rendered, render, render_name};
pub use crate::semver::choose::{highest, is_version, is_within, with_metadata};
pub use crate::show::{Parts, Piece, show_only};
pub use crate::strvals::{Setting, set};
