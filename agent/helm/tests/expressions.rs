//! Single templates: what each prints, as golden files and against the running oracle.

use crate::golden::{Case, hold, hold_golden_files};
use crate::support::{Request, root};

/// The cases of a file: `### ` and a name, then the template.
fn read(text: &str) -> Vec<Case> {
    let values = std::fs::read_to_string(root().join("tests/expressions/values.yaml")).unwrap();
    let mut cases: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("### "), cases.last_mut()) {
            (Some(name), _) => cases.push((name, String::new())),
            (None, Some((_, template))) => {
                if !template.is_empty() {
                    template.push('\n');
                }
                template.push_str(line);
            }
            (None, None) => {}
        }
    }
    let cases = cases.into_iter().map(|(name, template)| Case {
        name: format!("{name}: {template}"),
        request: Request::of_template(&template, &values),
    });
    cases.collect()
}

#[test]
fn templates_print_what_helm_printed() {
    hold("expressions", read);
}

#[test]
fn the_golden_files_of_templates_are_what_helm_prints() {
    hold_golden_files("expressions", read);
}
