//! `.helmignore`: which files of a folder are no part of the chart.

use regex::Regex;

use crate::glob::path_pattern;

/// The rules of a `.helmignore`, and Helm's own that hidden templates are ignored.
#[derive(Clone, Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    pattern: Regex,
    negated: bool,
    only_folders: bool,
    /// Against the whole path, not the last name.
    whole_path: bool,
}

// === impl Rules ===

impl Rules {
    /// Reads the file; the error is what Helm says of the line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for line in text.lines().chain(["templates/.?*"]) {
            rules.extend(rule(line.trim())?);
        }
        Ok(Self(rules))
    }

    pub(super) fn ignore(&self, path: &str, is_folder: bool) -> bool {
        if matches!(path, "" | "." | "./") {
            return false;
        }
        for rule in &self.0 {
            let subject = if rule.whole_path {
                path
            } else {
                path.rsplit('/').next().unwrap_or(path)
            };
            let fits = rule.pattern.is_match(subject);
            if rule.negated {
                // A negative rule ignores everything but what it names.
                if rule.only_folders && !is_folder || !fits {
                    return true;
                }
            } else if fits && (is_folder || !rule.only_folders) {
                return true;
            }
        }
        false
    }
}

fn rule(line: &str) -> Result<Option<Rule>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.contains("**") {
        return Err("double-star (**) syntax is not supported".to_owned());
    }
    let (negated, pattern) = match line.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (only_folders, pattern) = match pattern.strip_suffix('/') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let whole_path = pattern.contains('/');
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    let Some(pattern) = path_pattern(pattern) else {
        return Err(format!("syntax error in pattern {line:?}"));
    };
    Ok(Some(Rule {
        pattern,
        negated,
        only_folders,
        whole_path,
    }))
}
