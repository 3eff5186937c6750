//! Which files of a source Flux would leave out of its artifact.
//!
//! The rules are source-controller's (fluxcd/pkg `sourceignore`): Git's own files are always left out; a list
//! of extensions and CI files is left out unless the source or its tree gives patterns of its own, which
//! then replace that list. Of all patterns that match, the last one decides, as in `.gitignore`.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The file in a directory whose patterns hold for that directory and what is below it.
pub(crate) const IGNORE_FILE: &str = ".sourceignore";

const GIT_FILES: &str = ".git/\n.gitignore\n.gitmodules\n.gitattributes\n";

const DEFAULT_PATTERNS: &str = "\
*.jpg\n*.jpeg\n*.gif\n*.png\n*.wmv\n*.flv\n*.tar.gz\n*.zip\n\
.github/\n.circleci/\n.travis.yml\n.gitlab-ci.yml\nappveyor.yml\n.drone.yml\n\
cloudbuild.yaml\ncodeship-services.yml\ncodeship-steps.yml\n\
**/.goreleaser.yml\n**/.sops.yaml\n**/.flux.yaml\n";

/// Patterns in the order in which they are read; each set holds below one directory.
#[derive(Debug)]
pub(crate) struct Ignore {
    sets: Vec<PatternSet>,
    sparse: Sparse,
}

/// The directories that are taken (`spec.sparseCheckout`); none named means all.
#[derive(Debug, Default)]
pub(crate) struct Sparse(Vec<String>);

#[derive(Debug)]
struct PatternSet {
    directory: String,
    patterns: Gitignore,
}

/// A pattern that is not a glob.
#[derive(Debug, thiserror::Error)]
#[error("{place}, line {line}: {message}; correct the pattern or remove the line")]
pub(crate) struct IgnoreError {
    place: String,
    line: usize,
    message: String,
}

impl Ignore {
    /// `files` are the `.sourceignore` files of the tree as (directory, text), outermost first; `spec` is the
    /// source's own `spec.ignore`.
    pub(crate) fn new(
        files: &[(String, String)],
        spec: Option<&str>,
        sparse: Sparse,
    ) -> Result<Self, IgnoreError> {
        let mut sets = vec![PatternSet::parse("", GIT_FILES, "built-in patterns")?];
        if files.is_empty() && spec.is_none() {
            sets.push(PatternSet::parse(
                "",
                DEFAULT_PATTERNS,
                "built-in patterns",
            )?);
        }
        for (directory, text) in files {
            sets.push(PatternSet::parse(
                directory,
                text,
                &join(directory, IGNORE_FILE),
            )?);
        }
        if let Some(text) = spec {
            sets.push(PatternSet::parse("", text, "spec.ignore")?);
        }
        Ok(Ignore { sets, sparse })
    }

    /// Only these rules, in this order, without any of our own: those of a bucket.
    pub(crate) fn of_rules(file: Option<&str>, spec: Option<&str>) -> Result<Self, IgnoreError> {
        let texts = [(file, IGNORE_FILE), (spec, "spec.ignore")];
        let texts = texts
            .into_iter()
            .filter_map(|(text, place)| Some((text?, place)));
        let sets = texts.map(|(text, place)| PatternSet::parse("", text, place));
        Ok(Ignore {
            sets: sets.collect::<Result<_, _>>()?,
            sparse: Sparse::default(),
        })
    }

    /// No rules: everything is taken.
    pub(crate) fn nothing() -> Self {
        Ignore {
            sets: Vec::new(),
            sparse: Sparse::default(),
        }
    }

    /// The directories that are taken.
    pub(crate) fn sparse(&self) -> &Sparse {
        &self.sparse
    }

    /// Whether the file or directory at `path` is left out, by itself or with a directory above it.
    pub(crate) fn excludes(&self, path: &str, is_directory: bool) -> bool {
        if self.sparse.excludes(path, is_directory) {
            return true;
        }
        let verdict = self
            .sets
            .iter()
            .rev()
            .find_map(|set| set.decide(path, is_directory));
        verdict.unwrap_or(false)
    }
}

impl Sparse {
    /// `./apps/` and `apps` are the same directory, as in Flux.
    pub(crate) fn new(directories: &[String]) -> Self {
        let plain = |directory: &String| {
            let directory = directory.strip_prefix("./").unwrap_or(directory);
            directory.trim_end_matches('/').to_owned()
        };
        Sparse(directories.iter().map(plain).collect())
    }

    pub(crate) fn excludes(&self, path: &str, is_directory: bool) -> bool {
        let taken = |directory: &String| {
            let (directory, is_itself) = (directory.as_str(), path == directory);
            let leads_there = is_directory && (path.is_empty() || below(directory, path).is_some());
            is_itself || below(path, directory).is_some() || leads_there
        };
        !self.0.is_empty() && !self.0.iter().any(taken)
    }
}

impl PatternSet {
    fn parse(directory: &str, text: &str, place: &str) -> Result<Self, IgnoreError> {
        let mut builder = GitignoreBuilder::new("");
        for (index, line) in text.lines().enumerate() {
            builder.add_line(None, line).map_err(|error| IgnoreError {
                place: place.to_owned(),
                line: index + 1,
                message: error.to_string(),
            })?;
        }
        let patterns = builder.build().map_err(|error| IgnoreError {
            place: place.to_owned(),
            line: 0,
            message: error.to_string(),
        })?;
        Ok(PatternSet {
            directory: directory.to_owned(),
            patterns,
        })
    }

    fn decide(&self, path: &str, is_directory: bool) -> Option<bool> {
        let relative = below(path, &self.directory)?;
        match self
            .patterns
            .matched_path_or_any_parents(relative, is_directory)
        {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        }
    }
}

fn below<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    if directory.is_empty() {
        return (!path.is_empty()).then_some(path);
    }
    path.strip_prefix(directory)?
        .strip_prefix('/')
        .filter(|rest| !rest.is_empty())
}

/// A path inside a tree: `directory` may be empty for the root.
pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], spec: Option<&str>, excluded: &[&str], kept: &[&str]) {
        let files: Vec<_> = files
            .iter()
            .map(|(d, t)| ((*d).to_owned(), (*t).to_owned()))
            .collect();
        let ignore = Ignore::new(&files, spec, Sparse::default()).unwrap();
        for path in excluded {
            assert!(ignore.excludes(path, false), "{path} should be left out");
        }
        for path in kept {
            assert!(!ignore.excludes(path, false), "{path} should be kept");
        }
    }

    #[test]
    fn pictures_ci_files_and_git_files_are_left_out_by_default() {
        check(
            &[],
            None,
            &[
                "a/logo.png",
                ".github/workflows/ci.yml",
                ".gitignore",
                "x/.sops.yaml",
            ],
            &["a/deployment.yaml", "github/x.yaml"],
        );
    }

    #[test]
    fn own_patterns_replace_the_defaults_but_not_the_git_files() {
        check(
            &[],
            Some("/docs/\n"),
            &["docs/a.yaml", ".gitattributes"],
            &["logo.png", "x/docs/a.yaml"],
        );
    }

    #[test]
    fn a_sourceignore_file_holds_below_its_directory_and_spec_has_the_last_word() {
        check(
            &[("apps", "*.txt\n")],
            Some("!apps/keep.txt\n"),
            &["apps/a.txt", "apps/b/c.txt"],
            &["a.txt", "apps/keep.txt"],
        );
    }

    #[test]
    fn a_sparse_checkout_takes_its_directories_and_the_way_to_them() {
        let sparse = Sparse::new(&["./apps/web/".to_owned(), "infra".to_owned()]);
        for (path, is_directory) in [("", true), ("apps", true), ("infra", true)] {
            assert!(!sparse.excludes(path, is_directory), "{path}");
        }
        for path in ["apps/web/a.yaml", "infra/x/y.yaml"] {
            assert!(!sparse.excludes(path, false), "{path}");
        }
        for path in ["a.yaml", "apps/a.yaml", "apps/webby/a.yaml", "infra2/a"] {
            assert!(sparse.excludes(path, false), "{path}");
        }
        assert!(sparse.excludes("clusters", true));
        assert!(!Sparse::default().excludes("a.yaml", false));
        assert!(!Sparse::new(&["./".to_owned()]).excludes("a.yaml", false));
    }

    #[test]
    fn a_broken_pattern_names_its_line() {
        let error = Ignore::new(&[], Some("ok\na[z-a]\n"), Sparse::default())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("spec.ignore, line 2"), "{error}");
    }
}
