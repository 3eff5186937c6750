//! Why a build fails, and where.

use std::fmt;

use windlass_object::patch::strategic::StrategicError;
use windlass_object::yaml::YamlError;

use crate::field_spec::FieldError;
use crate::tree::{RemoteError, TreeError};

/// A place in the source: a file, and the line, column and field in it where they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the root; empty for the Flux Kustomization's own spec, and in the text
    /// of a field.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column in the line, from 1.
    pub column: Option<usize>,
    /// The field, as `patches[2]`.
    pub field: String,
}

/// Why an object could not be built.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct BuildError {
    /// Where the cause was written.
    pub place: Place,
    /// What is wrong.
    #[source]
    pub cause: Box<Cause>,
}

/// What is wrong in a build.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The path to build is not in the source.
    #[error("kustomization path not found: there is no directory {path:?} in the source")]
    PathNotFound {
        /// The path.
        path: String,
    },
    /// A file or directory that a kustomization names is not there.
    #[error("there is no file or directory {path:?}")]
    NotFound {
        /// The path, as resolved from the root.
        path: String,
    },
    /// A path leads out of the source.
    #[error("{path:?} leads out of the source; use a relative path that stays inside it")]
    PathOutsideRoot {
        /// The path, as written.
        path: String,
    },
    /// A file lies outside the directory that names it.
    #[error(
        "{path:?} is not in or below {directory:?}; move it there, or allow it with \
         --load-restrictor LoadRestrictionsNone"
    )]
    Restricted {
        /// The file.
        path: String,
        /// The directory of the kustomization.
        directory: String,
    },
    /// What is in another place is not here.
    #[error("{url:?}: {error}")]
    Remote {
        /// The reference, as written, without a password.
        url: String,
        /// Why.
        error: RemoteError,
    },
    /// The tree could not be read.
    #[error(transparent)]
    Read(#[from] TreeError),
    /// A file is longer than any manifest.
    #[error("the file has {bytes} bytes; a build reads at most {limit}")]
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A text is no YAML.
    #[error("{message}")]
    Yaml {
        /// What is wrong; the place says where.
        message: String,
    },
    /// A text that a field holds, or a file that it names, is wrong.
    #[error(transparent)]
    Inside(Box<BuildError>),
    /// A document is no Kubernetes object.
    #[error("this is no Kubernetes object: {message}")]
    NotAnObject {
        /// What is missing.
        message: String,
    },
    /// A directory has no kustomization file.
    #[error("{directory:?} has no kustomization.yaml; add one, or name the files one by one")]
    NoKustomization {
        /// The directory.
        directory: String,
    },
    /// A directory has more than one kustomization file.
    #[error("{directory:?} has more than one kustomization file ({}); keep one", files.join(", "))]
    ManyKustomizations {
        /// The directory.
        directory: String,
        /// The files.
        files: Vec<String>,
    },
    /// A kustomization says nothing.
    #[error("the kustomization is empty; name resources in it, or remove it")]
    EmptyKustomization,
    /// A field of a kustomization has a value that cannot be used.
    #[error("{message}")]
    Invalid {
        /// What is wrong with it.
        message: String,
    },
    /// A field or a value that windlass does not build.
    #[error("{what} is not supported by windlass; {instead}")]
    NotImplemented {
        /// What was asked for.
        what: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A directory builds itself.
    #[error("cycle: {path:?} is, or contains, a directory that is being built ({})", chain.join(" -> "))]
    Cycle {
        /// The directory.
        path: String,
        /// The directories on the way to it.
        chain: Vec<String>,
    },
    /// Directories refer to each other too deeply.
    #[error("kustomizations are nested over {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Two resources have one identity.
    #[error("{identity} is there twice: in {first} and in {second}; remove one")]
    Duplicate {
        /// The identity.
        identity: String,
        /// Where the first one comes from.
        first: String,
        /// Where the second one comes from.
        second: String,
    },
    /// A field of an object could not be changed.
    #[error("{object}: {source}")]
    Field {
        /// The object.
        object: String,
        /// What is wrong with the field.
        #[source]
        source: FieldError,
    },
    /// What names an object fits none.
    #[error("no object matches {target}")]
    NoTarget {
        /// What names it, such as a patch.
        target: String,
    },
    /// What names one object fits several.
    #[error("{target} matches several objects ({}); name one of them", objects.join(", "))]
    ManyTargets {
        /// What names it, such as a patch.
        target: String,
        /// The objects that fit.
        objects: Vec<String>,
    },
    /// A strategic merge patch does not fit an object.
    #[error("{object}: {source}")]
    Merge {
        /// The object.
        object: String,
        /// Why not.
        #[source]
        source: StrategicError,
    },
    /// A JSON patch does not fit an object.
    #[error("the JSON patch does not fit {object}: {message}")]
    JsonPatch {
        /// The object.
        object: String,
        /// Why not.
        message: String,
    },
    /// A name could stand for several objects.
    #[error(
        "{referrer} refers to {kind} {name:?}, which could be any of {}; give them different names",
        candidates.join(", ")
    )]
    AmbiguousReference {
        /// The object that refers.
        referrer: String,
        /// The kind it refers to.
        kind: String,
        /// The name it refers to.
        name: String,
        /// The objects that fit.
        candidates: Vec<String>,
    },
}

/// Result of a step whose place the caller adds.
pub(crate) type Step<T> = Result<T, Cause>;

// === impl Place ===

impl Place {
    pub(crate) fn file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn line(file: &str, line: usize) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(line),
            ..Self::default()
        }
    }

    /// The error that a file is no YAML.
    pub(crate) fn yaml_error(file: &str, error: YamlError) -> BuildError {
        let place = Self {
            file: file.to_owned(),
            line: Some(error.line),
            column: Some(error.column),
            field: String::new(),
        };
        place.error(Cause::Yaml {
            message: error.message,
        })
    }

    /// A field of the Flux Kustomization's own spec.
    pub(crate) fn field(field: &str) -> Self {
        Self {
            field: field.to_owned(),
            ..Self::default()
        }
    }

    /// The error that something is wrong here.
    pub(crate) fn error(&self, cause: impl Into<Cause>) -> BuildError {
        BuildError {
            place: self.clone(),
            cause: Box::new(cause.into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_str();
        match (file, self.line, self.column) {
            ("", None, _) => {}
            ("", Some(line), None) => write!(formatter, "line {line}")?,
            ("", Some(line), Some(column)) => write!(formatter, "line {line}, column {column}")?,
            (_, None, _) => write!(formatter, "{file}")?,
            (_, Some(line), None) => write!(formatter, "{file}:{line}")?,
            (_, Some(line), Some(column)) => write!(formatter, "{file}:{line}:{column}")?,
        }
        let is_first = file.is_empty() && self.line.is_none();
        match self.field.as_str() {
            "" => Ok(()),
            field if is_first => write!(formatter, "{field}"),
            field => write!(formatter, ": {field}"),
        }
    }
}

// === impl BuildError ===

impl BuildError {
    /// A short name of the cause, in CamelCase, for events and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match *self.cause {
            Cause::PathNotFound { .. } => "PathNotFound",
            Cause::NotFound { .. } => "NotFound",
            Cause::Restricted { .. } => "Restricted",
            Cause::PathOutsideRoot { .. } => "PathOutsideRoot",
            Cause::Remote { ref error, .. } => error.code(),
            Cause::Read(_) => "ReadFailed",
            Cause::TooLarge { .. } => "TooLarge",
            Cause::Inside(ref error) => error.code(),
            Cause::Yaml { .. } => "InvalidYaml",
            Cause::NotAnObject { .. } => "NotAnObject",
            Cause::NoKustomization { .. } => "NoKustomization",
            Cause::ManyKustomizations { .. } => "ManyKustomizations",
            Cause::EmptyKustomization => "EmptyKustomization",
            Cause::Invalid { .. } => "InvalidField",
            Cause::NotImplemented { .. } => "NotImplemented",
            Cause::Cycle { .. } => "Cycle",
            Cause::TooDeep { .. } => "TooDeep",
            Cause::Duplicate { .. } => "Duplicate",
            Cause::Field { .. } => "InvalidObjectField",
            Cause::NoTarget { .. } => "NoPatchTarget",
            Cause::ManyTargets { .. } => "ManyPatchTargets",
            Cause::Merge { .. } | Cause::JsonPatch { .. } => "PatchFailed",
            Cause::AmbiguousReference { .. } => "AmbiguousReference",
        }
    }
}

// === impl Cause ===

impl From<BuildError> for Cause {
    fn from(error: BuildError) -> Self {
        Self::Inside(Box::new(error))
    }
}

impl Cause {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
        }
    }
}
