use std::collections::BTreeMap;

use serde_json::json;

use super::*;

/// Files by path.
struct Files(BTreeMap<String, Vec<u8>>);

impl Tree for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let file = self.0.get(path).cloned();
        file.ok_or_else(|| TreeError::new(path, "no such file"))
    }

    fn list(&self, directory: &str) -> Result<Vec<TreeEntry>, TreeError> {
        let mut entries = BTreeMap::new();
        for path in self.0.keys() {
            let below = match directory {
                "" => Some(path.as_str()),
                directory => path
                    .strip_prefix(directory)
                    .and_then(|rest| rest.strip_prefix('/')),
            };
            let Some(below) = below else { continue };
            let (name, kind) = match below.split_once('/') {
                Some((name, _)) => (name, TreeKind::Directory),
                None => (below, TreeKind::File),
            };
            entries.insert(name.to_owned(), kind);
        }
        let entries = entries
            .into_iter()
            .map(|(name, kind)| TreeEntry { name, kind });
        Ok(entries.collect())
    }

    fn kind(&self, path: &str) -> Result<Option<TreeKind>, TreeError> {
        if self.0.contains_key(path) {
            return Ok(Some(TreeKind::File));
        }
        Ok((!self.list(path)?.is_empty()).then_some(TreeKind::Directory))
    }
}

/// As a chart is made where no other place is asked.
fn build(tree: &dyn Tree, wanted: Wanted<'_>) -> Result<Built, BuildError> {
    find(tree, wanted)?.build(&Nowhere)
}

fn tree(files: &[(&str, &str)]) -> Files {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    Files(files.collect())
}

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\n";
const WANTED: Wanted<'_> = Wanted {
    path: "./charts/web",
    values_files: &[],
    ignore_missing: false,
    metadata: "",
};

fn chart(built: Built) -> Chart {
    match built.content {
        Content::Files(files) => load_files(files).unwrap(),
        Content::Archive(bytes) => windlass_helm::load_archive(&bytes).unwrap(),
    }
}

#[track_caller]
fn refused(tree: &Files, wanted: Wanted<'_>, cause: Cause, part: &str) {
    let error = build(tree, wanted).expect_err(part);
    assert_eq!(error.cause, cause, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn a_folder_becomes_a_chart_by_its_helmignore() {
    let tree = tree(&[
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/.helmignore", "notes.txt\n"),
        ("charts/web/notes.txt", "private"),
        ("charts/web/templates/a.yaml", "a: b\n"),
        (
            "charts/web/charts/sub/Chart.yaml",
            "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
        ),
        ("elsewhere.yaml", "x"),
    ]);
    let built = build(&tree, WANTED).unwrap();
    assert_eq!(
        (built.name.as_str(), built.version.as_str()),
        ("web", "1.2.3")
    );
    let chart = chart(built);
    assert!(
        chart.files.iter().all(|file| file.name == ".helmignore"),
        "{:?}",
        chart.files
    );
    assert_eq!(chart.templates.len(), 1);
    assert_eq!(chart.dependencies.len(), 1);
}

#[test]
fn values_files_take_the_place_of_the_charts_own() {
    let tree = tree(&[
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/values.yaml", "a: {b: 1, c: 2}\nown: true\n"),
        ("env/base.yaml", "a: {b: 1, c: 2}\nlist: [1, 2]\n"),
        ("env/prod.yaml", "a: {b: 3000000}\nlist: [3]\n"),
    ]);
    let files = [
        "env/base.yaml".to_owned(),
        "./env/prod.yaml".to_owned(),
        "env/none.yaml".to_owned(),
    ];
    let wanted = Wanted {
        values_files: &files,
        ignore_missing: true,
        metadata: "7",
        ..WANTED
    };
    let built = build(&tree, wanted).unwrap();
    assert_eq!(built.version, "1.2.3+7");
    assert_eq!(built.values_files, files[..2]);
    let packaged = chart(built);
    assert_eq!(packaged.metadata.version, "1.2.3+7");
    let expected = json!({"a": {"b": 3_000_000.0, "c": 2.0}, "list": [3.0]});
    assert_eq!(serde_json::Value::Object(packaged.values), expected);
    let strict = Wanted {
        ignore_missing: false,
        ..wanted
    };
    refused(
        &tree,
        strict,
        Cause::Values,
        "no values file found at path 'env/none.yaml'",
    );
    let none = [files[2].clone()];
    let emptied = build(
        &tree,
        Wanted {
            values_files: &none,
            ..wanted
        },
    )
    .unwrap();
    assert!(chart(emptied).values.is_empty(), "as in Flux");
}

#[test]
fn a_package_in_the_tree_is_taken_as_it_is_unless_something_changes() {
    let files = vec![File {
        name: "Chart.yaml".to_owned(),
        data: CHART.as_bytes().into(),
    }];
    let bytes = package("web", files).unwrap();
    let mut tree = tree(&[("v.yaml", "a: 1\n")]);
    tree.0.insert("web.tgz".to_owned(), bytes.clone());
    let wanted = Wanted {
        path: "web.tgz",
        ..WANTED
    };
    let Content::Archive(same) = build(&tree, wanted).unwrap().content else {
        panic!("it is packaged again");
    };
    assert_eq!(same, bytes);
    let values = ["v.yaml".to_owned()];
    let changed = Wanted {
        values_files: &values,
        metadata: "abc.1",
        ..wanted
    };
    let changed = chart(build(&tree, changed).unwrap());
    assert_eq!(changed.metadata.version, "1.2.3+abc.1");
    assert_eq!(changed.values["a"], 1.0);
}

#[test]
fn charts_of_the_same_tree_are_added_and_others_are_named() {
    let parent = |repository: &str, version: &str| {
        format!(
            "{CHART}dependencies:\n- {{name: lib, version: {version:?}, repository: {repository:?}}}\n"
        )
    };
    let with = |repository: &str, version: &str| {
        tree(&[
            ("charts/web/Chart.yaml", &parent(repository, version)),
            (
                "charts/lib/Chart.yaml",
                "apiVersion: v2\nname: lib\nversion: 2.1.0\n",
            ),
            ("charts/lib/templates/_x.tpl", "x"),
        ])
    };
    let chart = chart(build(&with("file://../lib", "^2.0.0"), WANTED).unwrap());
    assert_eq!(chart.dependencies[0].name(), "lib");
    assert_eq!(chart.dependencies[0].templates.len(), 1);
    let cause = Cause::Dependency;
    refused(&with("file://../lib", "^3"), WANTED, cause, "version 2.1.0");
    refused(
        &with("file://../none", "*"),
        WANTED,
        cause,
        "no chart found at 'charts/none'",
    );
    refused(
        &with("https://h/charts", "*"),
        WANTED,
        cause,
        "https://h/charts",
    );
}

#[test]
fn t23_nothing_outside_of_the_tree_is_looked_at() {
    let dependency =
        "dependencies:\n- {name: lib, version: '*', repository: 'file://../../../../etc'}\n";
    let chart = format!("{CHART}{dependency}");
    let tree = tree(&[("charts/web/Chart.yaml", &chart), ("v.yaml", "a: 1\n")]);
    refused(&tree, WANTED, Cause::Dependency, "leads out of the source");
    let outside = Wanted {
        path: "charts/../../etc",
        ..WANTED
    };
    refused(&tree, outside, Cause::Reference, "leads out of the source");
    let files = ["../../etc/passwd".to_owned()];
    let values = Wanted {
        values_files: &files,
        ..WANTED
    };
    refused(&tree, values, Cause::Values, "leads out of the source");
}

#[test]
fn t22_names_that_are_paths_are_refused() {
    for name in ["..", ".", "a/../../b", "/x"] {
        let text = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
        let tree = tree(&[("charts/web/Chart.yaml", &text)]);
        refused(&tree, WANTED, Cause::Reference, "chart.metadata.name");
    }
}

#[test]
fn what_is_no_chart_is_named() {
    let tree = tree(&[("charts/web/values.yaml", "a: 1\n"), ("file", "text")]);
    refused(
        &tree,
        WANTED,
        Cause::Reference,
        "Chart.yaml file is missing",
    );
    let missing = Wanted {
        path: "nowhere",
        ..WANTED
    };
    refused(
        &tree,
        missing,
        Cause::Reference,
        "nothing is at \"nowhere\"",
    );
    let text = Wanted {
        path: "file",
        ..WANTED
    };
    refused(&tree, text, Cause::Reference, "damaged archive");
}
