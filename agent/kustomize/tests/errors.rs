//! Bad input: each mistake is an error that names file, line and field, and nothing is ignored.

use windlass_kustomize::{BuildError, Overlay, build};

use crate::support::Files;

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";
const COMPONENT: &str =
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n";

fn error_of(files: &[(&str, &str)]) -> BuildError {
    match build(&Files::new(files), "", &Overlay::default()) {
        Ok(built) => panic!("{} objects were built from {files:?}", built.len()),
        Err(error) => error,
    }
}

fn check(files: &[(&str, &str)], code: &str, message: &str) {
    let error = error_of(files);
    assert_eq!(error.code(), code, "{error}");
    let text = error.to_string();
    assert!(text.contains(message), "{text:?} lacks {message:?}");
}

/// A kustomization, the code of its error and a part of the message.
const BAD_FIELDS: &[(&str, &str, &str)] = &[
    (
        "resources: []\nnamePrefx: a\n",
        "InvalidField",
        "kustomization.yaml:2: namePrefx: ",
    ),
    (
        "helmCharts:\n- name: a\n",
        "NotImplemented",
        "kustomization.yaml:1: helmCharts: ",
    ),
    ("generators: [a.yaml]\n", "NotImplemented", "a.yaml:1: "),
    (
        "transformers: [a.yaml]\n",
        "NotImplemented",
        "an external plugin",
    ),
    (
        "validators: [b.yaml]\n",
        "NotFound",
        "kustomization.yaml:1: validators[0]: ",
    ),
    (
        "openapi: {path: a.json}\n",
        "NotFound",
        "kustomization.yaml:1: openapi: ",
    ),
    (
        "openapi: {path: a.yaml}\n",
        "InvalidField",
        "a.yaml:1: an OpenAPI document with definitions",
    ),
    ("openapi: {version: v1.30.0}\n", "InvalidField", "v1.21.2"),
    (
        "images:\n- name: a\n- name: b\n  tag: c\n",
        "InvalidField",
        "images[1].tag: unknown field `tag`",
    ),
    (
        "images:\n- name: a\n  newTag: 1.5\n",
        "InvalidField",
        "images[0].newTag: invalid type",
    ),
    (
        "patches:\n- target: {knd: a}\n",
        "InvalidField",
        "patches[0].target.knd: unknown field `knd`",
    ),
    (
        "configMapGenerator:\n- name: a\n  behavior: append\n",
        "InvalidField",
        "append",
    ),
    (
        "namespace: 1\n",
        "InvalidField",
        "namespace: 1 must be a string",
    ),
    ("resources: a.yaml\n", "InvalidField", "must be a list"),
    (
        "metadata:\n  name: a\n  namePrefix: b\n",
        "InvalidField",
        "kustomization.yaml:1: metadata: \"namePrefix\" is none of",
    ),
    ("kind: Kustomisation\n", "InvalidField", "Kustomisation"),
    (
        "apiVersion: v1\n",
        "InvalidField",
        "kustomize.config.k8s.io/v1beta1",
    ),
    ("buildMetadata: [all]\n", "InvalidField", "all"),
    (
        "a: b\n---\nc: d\n",
        "InvalidField",
        "kustomization.yaml:3: ",
    ),
    ("- a\n", "InvalidField", "must be a map"),
];

#[test]
fn a_field_that_is_unknown_or_not_supported_is_named_with_its_line() {
    for (text, code, message) in BAD_FIELDS {
        check(
            &[("kustomization.yaml", text), ("a.yaml", CONFIG_MAP)],
            code,
            message,
        );
    }
}

#[test]
fn t29_remote_bases_are_refused_by_name() {
    for url in [
        "https://github.com/a/b//c?ref=v1",
        "http://example.com/a.yaml",
        "github.com/a/b",
        "git@github.com:a/b.git",
        "ssh://git@example.com/a/b",
        "git::https://example.com/a/b",
    ] {
        for field in ["resources", "components"] {
            let text = format!("{field}:\n- {url}\n");
            let message =
                format!("kustomization.yaml:1: {field}[0]: {url:?}: remote resources are disabled");
            check(
                &[("kustomization.yaml", &text)],
                "RemoteBaseDisabled",
                &message,
            );
        }
    }
}

#[test]
fn t27_no_path_leaves_the_root() {
    for text in [
        "resources: [../a.yaml]\n",
        "resources: [/etc/passwd]\n",
        "resources: [b/../../a]\n",
        "components: [../c]\n",
        "patches:\n- path: ../p.yaml\n",
        "patchesStrategicMerge: [../p.yaml]\n",
        "configMapGenerator:\n- name: a\n  files: [../../secret]\n",
        "secretGenerator:\n- name: a\n  envs: [/etc/passwd]\n",
        "secretGenerator:\n- name: a\n  files: [key=../secret]\n",
        "configMapGenerator:\n- name: a\n  env: ../settings\n",
        "configurations: [../c.yaml]\n",
        "crds: [../crd.yaml]\n",
        "bases: [../base]\n",
        "openapi: {path: ../schema.json}\n",
        "resources: [a.yaml]\npatchesJson6902:\n- {path: ../p.json, target: {kind: ConfigMap, version: v1, name: a}}\n",
        "resources: [a.yaml]\nreplacements:\n- path: ../r.yaml\n",
        "generators: [../g.yaml]\n",
        "resources: [a.yaml]\ntransformers: [../t.yaml]\n",
        "resources: [a.yaml]\nvalidators: [/etc/v.yaml]\n",
        "resources: [a.yaml]\ntransformers:\n- |-\n  {apiVersion: builtin, kind: PatchTransformer, metadata: {name: p}, path: ../p.yaml}\n",
        "generators:\n- |-\n  {apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: c}, files: [../f]}\n",
    ] {
        check(
            &[("kustomization.yaml", text), ("a.yaml", CONFIG_MAP)],
            "PathOutsideRoot",
            "leads out of the source",
        );
    }
}

#[test]
fn what_is_not_there_is_named() {
    check(
        &[
            ("kustomization.yaml", "resources:\n- a.yaml\n- b\n"),
            ("a.yaml", CONFIG_MAP),
        ],
        "NotFound",
        "kustomization.yaml:1: resources[1]: there is no file or directory \"b\"",
    );
    check(
        &[
            ("kustomization.yaml", "resources: [b]\n"),
            ("b/a.yaml", CONFIG_MAP),
        ],
        "NoKustomization",
        "\"b\" has no kustomization.yaml",
    );
    check(
        &[("kustomization.yaml", ""), ("kustomization.yml", "")],
        "ManyKustomizations",
        "kustomization.yaml, kustomization.yml",
    );
    check(
        &[
            ("kustomization.yaml", "resources: [b]\n"),
            ("b/kustomization.yaml", "# nothing\n"),
        ],
        "EmptyKustomization",
        "b/kustomization.yaml: the kustomization is empty",
    );
    let error = build(&Files::new(&[("a.yaml", "")]), "b", &Overlay::default()).unwrap_err();
    assert_eq!(error.code(), "PathNotFound", "{error}");
    let error = build(&Files::new(&[("a.yaml", "")]), "../b", &Overlay::default()).unwrap_err();
    assert_eq!(error.code(), "PathOutsideRoot", "{error}");
}

#[test]
fn malformed_manifests_are_named_with_their_line() {
    for (text, code, message) in [
        ("a: [b\n", "InvalidYaml", "a.yaml:1:4: unclosed bracket"),
        (
            "apiVersion: v1\nmetadata: {name: a}\n",
            "NotAnObject",
            "a.yaml:1: this is no Kubernetes object: kind",
        ),
        (
            "---\napiVersion: v1\nkind: A\n",
            "NotAnObject",
            "a.yaml:2: this is no Kubernetes object: metadata.name",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: 5}\n",
            "NotAnObject",
            "quote it",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {generateName: a-}\n",
            "NotAnObject",
            "metadata.name",
        ),
        (
            "- a\n",
            "NotAnObject",
            "a.yaml:1: this is no Kubernetes object: it must be a map",
        ),
        (
            "kind: List\napiVersion: v1\nitems: 5\n",
            "NotAnObject",
            "items",
        ),
        (
            "kind: A\nmetadata: {name: a}\n",
            "NotAnObject",
            "a.yaml:1: this is no Kubernetes object: apiVersion",
        ),
    ] {
        check(
            &[
                ("kustomization.yaml", "resources: [a.yaml]\n"),
                ("a.yaml", text),
            ],
            code,
            message,
        );
        check(&[("a.yaml", text)], code, message);
    }
}

/// A field that names `b.yaml`, and how a mistake in the YAML of that file is told.
const NAMING: &[(&str, &str)] = &[
    (
        "patches:\n- path: b.yaml\n",
        "kustomization.yaml:1: patches[0]: b.yaml:2:4: unclosed",
    ),
    (
        "patchesStrategicMerge: [b.yaml]\n",
        "kustomization.yaml:1: patchesStrategicMerge[0]: b.yaml:2:4: unclosed",
    ),
    (
        "replacements:\n- path: b.yaml\n",
        "kustomization.yaml:1: replacements[0]: b.yaml:2:4: unclosed",
    ),
    (
        "crds: [b.yaml]\n",
        "kustomization.yaml:1: crds[0]: b.yaml:2:4: unclosed",
    ),
    ("configurations: [b.yaml]\n", "b.yaml:2:4: unclosed"),
    (
        "patches:\n- patch: '{a: b'\n",
        "kustomization.yaml:1: patches[0]: line 1, column 1: unclosed",
    ),
    ("namespace: [b\n", "kustomization.yaml:1:12: unclosed"),
];

#[test]
fn yaml_that_cannot_be_read_is_named_once_with_line_and_column() {
    for (text, message) in NAMING {
        let files = [("kustomization.yaml", *text), ("b.yaml", "\na: [b\n")];
        let error = error_of(&files);
        assert_eq!(error.code(), "InvalidYaml", "{error}");
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn duplicates_name_both_files() {
    check(
        &[
            ("kustomization.yaml", "resources: [a.yaml, b.yaml]\n"),
            ("a.yaml", CONFIG_MAP),
            (
                "b.yaml",
                &format!("---\n{CONFIG_MAP}  namespace: default\n"),
            ),
        ],
        "Duplicate",
        "in a.yaml:1 and in b.yaml:2",
    );
    let other = CONFIG_MAP.to_owned() + "  namespace: b\n";
    check(
        &[
            (
                "kustomization.yaml",
                "resources: [a.yaml, b.yaml]\nnamespace: b\n",
            ),
            ("a.yaml", CONFIG_MAP),
            ("b.yaml", &other),
        ],
        "Duplicate",
        "kustomization.yaml:2: namespace: ",
    );
    check(
        &[
            (
                "kustomization.yaml",
                "resources: [a.yaml]\nconfigMapGenerator:\n- name: a\n",
            ),
            ("a.yaml", CONFIG_MAP),
        ],
        "Duplicate",
        "configMapGenerator[0]",
    );
}

#[test]
fn t28_cycles_and_depth_are_bounded() {
    check(
        &[
            ("kustomization.yaml", "resources: [b]\n"),
            ("b/kustomization.yaml", "resources: [../c]\n"),
            ("c/kustomization.yaml", "resources: [../b]\n"),
        ],
        "Cycle",
        "c/kustomization.yaml:1: resources[0]: cycle: \"b\"",
    );
    check(
        &[("kustomization.yaml", "resources: [.]\n")],
        "Cycle",
        "cycle",
    );
    check(
        &[
            ("kustomization.yaml", "resources: [b]\n"),
            ("b/kustomization.yaml", "components: [..]\n"),
        ],
        "Cycle",
        "cycle",
    );
    let mut files = Files::new(&[("kustomization.yaml", "resources: [d0]\n")]);
    for level in 0..40 {
        let text = format!("resources: [../d{}]\n", level + 1);
        files.add(&format!("d{level}/kustomization.yaml"), &text);
    }
    files.add("d40/kustomization.yaml", "resources: [a.yaml]\n");
    files.add("d40/a.yaml", CONFIG_MAP);
    let error = build(&files, "", &Overlay::default()).unwrap_err();
    assert_eq!(error.code(), "TooDeep", "{error}");
}

#[test]
fn t28_bases_that_double_at_every_level_are_bounded() {
    let mut files = Files::new(&[("kustomization.yaml", "resources: [d0]\n")]);
    for level in 0..14 {
        let text = format!("resources: [a, b, ../d{}]\n", level + 1);
        files.add(&format!("d{level}/kustomization.yaml"), &text);
        for side in ["a", "b"] {
            let text = format!("resources: [../../d{}]\nnamePrefix: {side}-\n", level + 1);
            files.add(&format!("d{level}/{side}/kustomization.yaml"), &text);
        }
    }
    files.add("d14/kustomization.yaml", "namePrefix: a-\n");
    let error = build(&files, "", &Overlay::default()).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 kustomizations"),
        "{error}"
    );
}

#[test]
fn components_and_kustomizations_are_not_confused() {
    check(
        &[
            ("kustomization.yaml", "resources: [c]\n"),
            ("c/kustomization.yaml", COMPONENT),
            ("c/a.yaml", CONFIG_MAP),
        ],
        "InvalidField",
        "\"c\" is a Component; name it under components",
    );
    check(
        &[
            ("kustomization.yaml", "components: [c]\n"),
            ("c/kustomization.yaml", "resources: [a.yaml]\n"),
            ("c/a.yaml", CONFIG_MAP),
        ],
        "InvalidField",
        "\"c\" is no Component; name it under resources",
    );
}

/// An entry of `patches`, the code of its error and a part of the message.
const BAD_PATCHES: &[(&str, &str, &str)] = &[
    (
        "- patch: '{kind: A, metadata: {name: b}}'",
        "NoPatchTarget",
        "patches[0]: no object matches the patch for A/b",
    ),
    ("- patch: '[]'", "InvalidField", "needs a target"),
    ("- {}", "InvalidField", "one of patch and path is needed"),
    (
        "- path: a.yaml\n  patch: x",
        "InvalidField",
        "exclude each other",
    ),
    ("- patch: hello", "NotAnObject", "map"),
    (
        "- target: {kind: '('}\n  patch: '[]'",
        "InvalidField",
        "target.kind",
    ),
    (
        "- target: {labelSelector: 'a in'}\n  patch: '[]'",
        "InvalidField",
        "target.labelSelector",
    ),
    (
        "- target: {name: a}\n  patch: '[{op: remove, path: /data}]'",
        "PatchFailed",
        "ConfigMap/a (a.yaml:1)",
    ),
    (
        "- target: {name: a}\n  patch: '[{op: drop, path: /data}]'",
        "InvalidField",
        "JSON patch",
    ),
    (
        "- target: {name: a}\n  patch: |\n    {kind: A, metadata: {name: a}}\n    ---\n    {kind: A, metadata: {name: a}}",
        "InvalidField",
        "one object",
    ),
    (
        "- target: {name: a}\n  patch: '{kind: A, metadata: {name: a, labels: [x]}}'",
        "PatchFailed",
        "field \"metadata.labels\": the patch has a list where the object has a map",
    ),
    (
        "- target: {name: a}\n  patch: '{kind: A, metadata: {name: a, $retainKeys: [labels]}}'",
        "PatchFailed",
        "field \"metadata\": the patch has name, which is not among its $retainKeys",
    ),
];

#[test]
fn patches_that_fit_nothing_or_do_not_fit_are_errors() {
    let labelled = CONFIG_MAP.to_owned() + "  labels: {a: b}\n";
    for (patch, code, message) in BAD_PATCHES {
        let text = format!("resources: [a.yaml]\npatches:\n{patch}\n");
        let files = [
            ("kustomization.yaml", text.as_str()),
            ("a.yaml", labelled.as_str()),
        ];
        check(&files, code, message);
    }
}

/// Fields beside a resource `a.yaml`, the code of their error and a part of the message.
const UNFIT: &[(&str, &str, &str)] = &[
    (
        "configMapGenerator:\n- literals: [a=b]\n",
        "InvalidField",
        "name is missing",
    ),
    (
        "configMapGenerator:\n- name: b\n  literals: [a]\n",
        "InvalidField",
        "key=value",
    ),
    (
        "configMapGenerator:\n- name: b\n  literals: [a=b, a=c]\n",
        "InvalidField",
        "twice",
    ),
    (
        "configMapGenerator:\n- name: b\n  files: [none.txt]\n",
        "NotFound",
        "\"none.txt\"",
    ),
    (
        "configMapGenerator:\n- name: b\n  type: Opaque\n",
        "InvalidField",
        "secretGenerator",
    ),
    (
        "configMapGenerator:\n- name: b\n  behavior: merge\n",
        "InvalidField",
        "does not exist",
    ),
    (
        "replicas:\n- name: a\n  count: 2\n",
        "NoPatchTarget",
        "replicas[0]: no object matches the name \"a\" of Deployment, ",
    ),
    ("images:\n- name: '['\n", "InvalidField", "images[0]"),
    (
        "sortOptions: {order: alphabetical}\n",
        "InvalidField",
        "alphabetical",
    ),
    (
        "crds: [a.yaml]\n",
        "InvalidField",
        "crds[0]: this is no map of OpenAPI definitions",
    ),
    (
        "replacements:\n- source: {kind: A}\n",
        "InvalidField",
        "targets are missing",
    ),
    (
        "replacements:\n- source: {kind: Secret}\n  targets: [{select: {}}]\n",
        "NoPatchTarget",
        "replacements[0]: no object matches the replacement source Secret",
    ),
    (
        "replacements:\n- sourceValue: x\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.k]\n",
        "InvalidField",
        "(a.yaml:1) has no field data.k",
    ),
    (
        "vars:\n- name: A\n  objref: {kind: A, name: a}\n",
        "NoPatchTarget",
        ": vars: no object matches the variable \"A\"",
    ),
    (
        "sortOptions: {order: fifo, legacySortOptions: {orderFirst: [A]}}\n",
        "InvalidField",
        "legacy",
    ),
];

#[test]
fn what_fits_no_object_or_has_no_sense_is_an_error() {
    for (text, code, message) in UNFIT {
        let text = format!("resources: [a.yaml]\n{text}");
        check(
            &[("kustomization.yaml", &text), ("a.yaml", CONFIG_MAP)],
            code,
            message,
        );
    }
}

#[test]
fn a_name_that_could_mean_two_objects_is_an_error() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  volumes:\n  - name: v\n    configMap: {name: a}\n";
    check(
        &[
            (
                "kustomization.yaml",
                "resources: [base, a.yaml]\nnamePrefix: o-\n",
            ),
            (
                "base/kustomization.yaml",
                "resources: [a.yaml, p.yaml]\nnamePrefix: b-\n",
            ),
            ("base/a.yaml", CONFIG_MAP),
            ("base/p.yaml", pod),
            ("a.yaml", CONFIG_MAP),
        ],
        "AmbiguousReference",
        "ConfigMap \"a\", which could be any of v1 ConfigMap/o-b-a (base/a.yaml:1), v1 ConfigMap/o-a",
    );
}
