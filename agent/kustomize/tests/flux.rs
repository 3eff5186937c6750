//! What Flux does around kustomize: generated kustomizations and the spec on top.

use std::collections::BTreeMap;
use std::time::Instant;

use windlass_kustomize::substitute::{Options, substitute};
use windlass_kustomize::{
    BuildMetadata, Built, ImageOverride, Overlay, OverlayPatch, Selector, build,
};
use windlass_object::Value;

use crate::support::Files;

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn names(built: &[Built]) -> Vec<String> {
    built
        .iter()
        .map(|built| built.object.key().to_string())
        .collect()
}

#[test]
fn a_directory_without_a_kustomization_is_built_recursively() {
    let files = Files::new(&[
        ("x/apps/a.yaml", &config_map("a")),
        (
            "x/apps/b/c.yml",
            &format!("{}---\n{}", config_map("c"), config_map("d")),
        ),
        ("x/apps/b/notes.md", "# no manifest"),
        (
            "x/apps/k/kustomization.yaml",
            "resources: [e.yaml]\nnamePrefix: k-\n",
        ),
        ("x/apps/k/e.yaml", &config_map("e")),
        ("x/apps/k/unused.yaml", "not: an object"),
        ("x/apps/z.yaml", &config_map("z")),
        ("x/other.yaml", &config_map("other")),
    ]);
    let built = build(&files, "./x/apps/", &Overlay::default()).unwrap();
    let expected = [
        "ConfigMap/a",
        "ConfigMap/c",
        "ConfigMap/d",
        "ConfigMap/k-e",
        "ConfigMap/z",
    ];
    assert_eq!(names(&built), expected);
    let origins: Vec<(&str, usize)> = built
        .iter()
        .map(|built| (built.origin.as_str(), built.line))
        .collect();
    assert_eq!(origins[2], ("x/apps/b/c.yml", 6));
    assert_eq!(origins[3], ("x/apps/k/e.yaml", 1));
}

#[test]
fn an_empty_directory_builds_nothing_and_a_missing_one_is_an_error() {
    let files = Files::new(&[("empty/README.md", ""), ("k/kustomization.yaml", "")]);
    for path in ["empty", "k"] {
        assert_eq!(build(&files, path, &Overlay::default()).unwrap(), []);
    }
    let error = build(&files, "missing", &Overlay::default()).unwrap_err();
    assert_eq!(error.code(), "PathNotFound");
    assert_eq!(
        error.to_string(),
        "spec.path: kustomization path not found: there is no directory \"missing\" in the source"
    );
}

#[test]
fn the_spec_comes_on_top_of_the_kustomization() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: a, image: 'a:1'}\n      - {name: b, image: 'b:1'}\n";
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {from: component}\n";
    let files = Files::new(&[
        (
            "app/kustomization.yaml",
            "resources: [d.yaml]\nnamespace: own\nnamePrefix: own-\nimages:\n- name: a\n  newName: mirror/a\n  digest: sha256:aa\n",
        ),
        ("app/d.yaml", deployment),
        ("component/kustomization.yaml", component),
    ]);
    let overlay = Overlay {
        target_namespace: Some("target".to_owned()),
        name_suffix: "-s".to_owned(),
        patches: vec![OverlayPatch {
            patch: "- {op: add, path: /spec/replicas, value: 2}".to_owned(),
            target: Some(Selector {
                kind: "Deployment".to_owned(),
                ..Selector::default()
            }),
        }],
        images: vec![
            ImageOverride {
                name: "a".to_owned(),
                new_tag: "2".to_owned(),
                ..Default::default()
            },
            ImageOverride {
                name: "b".to_owned(),
                new_name: "c".to_owned(),
                ..Default::default()
            },
        ],
        components: vec!["../component".to_owned(), "../missing".to_owned()],
        ignore_missing_components: true,
        common_labels: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
        common_annotations: BTreeMap::from([("from".to_owned(), "spec".to_owned())]),
        ..Overlay::default()
    };
    let built = build(&files, "app", &overlay).unwrap();
    assert_eq!(names(&built), ["Deployment/target/own-web-s"]);
    let object = &built[0].object;
    assert_eq!(object.pointer("/spec/replicas"), Some(&Value::from(2)));
    let image = |index: usize| {
        object
            .pointer(&format!("/spec/template/spec/containers/{index}/image"))
            .unwrap()
            .as_str()
    };
    assert_eq!((image(0), image(1)), (Some("mirror/a:2"), Some("c:1")));
    assert_eq!(object.annotation("from"), Some("spec"));
    assert_eq!(object.label("team"), Some("a"));
    assert!(object.pointer("/spec/template/metadata/labels").is_none());
}

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

#[test]
fn build_metadata_of_the_spec_takes_the_place_of_the_kustomizations() {
    let files = Files::new(&[
        (
            "k/kustomization.yaml",
            "resources: [../plain/a.yaml]\nbuildMetadata: [originAnnotations]\n",
        ),
        ("plain/a.yaml", &config_map("a")),
    ]);
    let annotations = |path: &str, build_metadata: BuildMetadata| {
        let overlay = Overlay {
            name_prefix: "x-".to_owned(),
            build_metadata,
            ..Overlay::default()
        };
        let object = build(&files, path, &overlay).unwrap().remove(0).object;
        let annotation = |key: &str| object.annotation(key).map(str::to_owned);
        (annotation(ORIGIN), annotation(TRANSFORMATIONS))
    };
    let origins = BuildMetadata {
        origins: true,
        ..BuildMetadata::default()
    };
    let transformations = BuildMetadata {
        transformations: true,
        ..BuildMetadata::default()
    };
    let origin = |path: &str| Some(format!("path: {path}\n"));
    let prefixed = Some("- configuredIn: kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: PrefixTransformer\n".to_owned());
    assert_eq!(
        annotations("k", BuildMetadata::default()),
        (origin("../plain/a.yaml"), None)
    );
    assert_eq!(annotations("k", transformations), (None, prefixed.clone()));
    assert_eq!(annotations("plain", origins), (origin("a.yaml"), None));
    assert_eq!(annotations("plain", transformations), (None, prefixed));
}

#[test]
fn objects_of_a_kustomization_without_resources_are_told_their_origin() {
    let component =
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n";
    let files = Files::new(&[
        ("component/kustomization.yaml", component),
        ("component/a.yaml", &config_map("a")),
        (
            "base/kustomization.yaml",
            "resources: [../component/a.yaml]\n",
        ),
        (
            "components/kustomization.yaml",
            "components: [../component]\n",
        ),
        ("bases/kustomization.yaml", "bases: [../base]\n"),
        ("resources/kustomization.yaml", "resources: [../base]\n"),
    ]);
    let origin = |path: &str| {
        let built = build(&files, path, &Overlay::default()).unwrap();
        built[0].object.annotation(ORIGIN).map(str::to_owned)
    };
    for path in ["components", "bases"] {
        assert_eq!(origin(path).as_deref(), Some("path: ../component/a.yaml\n"));
    }
    assert_eq!(origin("resources"), None);
}

#[test]
fn a_mistake_in_the_spec_is_named_as_such() {
    let kustomization =
        "resources: [a.yaml, b.yaml]\npatches:\n- target: {name: x}\n  patch: '[]'\n";
    let files = Files::new(&[
        ("kustomization.yaml", kustomization),
        ("a.yaml", &config_map("a")),
        ("b.yaml", &format!("{}  namespace: b\n", config_map("a"))),
    ]);
    let patch = |text: &str| OverlayPatch {
        patch: text.to_owned(),
        target: None,
    };
    for (overlay, message) in [
        (
            Overlay {
                patches: vec![patch("[]")],
                ..Overlay::default()
            },
            "spec.patches[0]: a JSON patch needs a target",
        ),
        (
            Overlay {
                target_namespace: Some("b".to_owned()),
                ..Overlay::default()
            },
            "spec.targetNamespace: v1 ConfigMap/b/a is there twice",
        ),
        (
            Overlay {
                components: vec!["x".to_owned()],
                ..Overlay::default()
            },
            "spec.components[0]: there is no file or directory \"x\"",
        ),
        (
            Overlay {
                components: vec!["../x".to_owned()],
                ..Overlay::default()
            },
            "spec.components[0]: \"../x\" leads out of the source",
        ),
        (
            Overlay {
                images: vec![ImageOverride::default()],
                ..Overlay::default()
            },
            "spec.images[0].name: ",
        ),
    ] {
        let error = build(&files, "", &overlay).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn variables_are_substituted_in_what_was_built() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  host: ${domain/./-}\n  kept: $${name}\n";
    let files = Files::new(&[("a.yaml", text)]);
    let mut built = build(&files, "", &Overlay::default()).unwrap();
    let variables = [("name", "a"), ("domain", "a.b.c")];
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    substitute(&mut built, &variables, Options::default()).unwrap();
    let object = &built[0].object;
    assert_eq!(object.name(), "a");
    assert_eq!(object.pointer("/data/host").unwrap(), "a-b.c");
    assert_eq!(object.pointer("/data/kept").unwrap(), "${name}");
}

/// A thousand objects in a hundred directories, with everything that costs: a generator and
/// references in each, and transformers over all.
fn thousand_objects() -> Files {
    let mut files = Files::default();
    let mut root =
        "namespace: prod\nnamePrefix: p-\ncommonAnnotations: {a: b}\nresources:\n".to_owned();
    for application in 0..100 {
        root.push_str(&format!("- app{application}\n"));
        let directory = format!("app{application}");
        let mut kustomization = format!(
            "nameSuffix: -s{application}\nconfigMapGenerator:\n- name: settings\n  literals: [a={application}]\nlabels:\n- pairs: {{app: app{application}}}\n  includeSelectors: true\nresources:\n"
        );
        for number in 0..9 {
            kustomization.push_str(&format!("- d{number}.yaml\n"));
            let text = format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d{number}\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: a\n        image: nginx:1\n        envFrom:\n        - configMapRef: {{name: settings}}\n      volumes:\n      - name: v\n        configMap: {{name: settings}}\n"
            );
            files.add(&format!("{directory}/d{number}.yaml"), &text);
        }
        files.add(&format!("{directory}/kustomization.yaml"), &kustomization);
    }
    files.add(
        "kustomization.yaml",
        &(root + "images:\n- name: nginx\n  newTag: '2'\n"),
    );
    files
}

#[test]
fn a_thousand_objects_are_built_and_their_references_followed() {
    let files = thousand_objects();
    let start = Instant::now();
    let built = build(&files, "", &Overlay::default()).unwrap();
    println!("{} objects in {:?}", built.len(), start.elapsed());
    assert_eq!(built.len(), 1000);
    let generated: Vec<&str> = built
        .iter()
        .filter(|built| built.object.kind() == "ConfigMap")
        .map(|built| built.object.name())
        .collect();
    for (index, deployment) in built
        .iter()
        .filter(|built| built.object.kind() == "Deployment")
        .enumerate()
    {
        let pointer = "/spec/template/spec/volumes/0/configMap/name";
        let name = deployment
            .object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap();
        assert_eq!(name, generated[index / 9]);
    }
}

#[test]
fn an_openapi_document_adds_to_the_built_in_types() {
    let patched = |kind: &str, list: &str| {
        format!(
            "- patch: |-\n    {kind}\n    metadata: {{name: a}}\n    spec: {{{list}: [{{name: one, image: new}}]}}\n"
        )
    };
    let deployment = "apiVersion: v1\n    kind: Pod";
    let widget = "apiVersion: example.com/v1\n    kind: App";
    let object = |head: &str, list: &str| {
        let head = head.replace("    ", "");
        format!("{head}\nmetadata: {{name: a}}\nspec: {{{list}: [{{name: one, kept: true}}]}}\n")
    };
    let kustomization = format!(
        "resources: [pod.yaml, app.yaml]\nopenapi: {{path: types.yaml}}\npatches:\n{}{}",
        patched(deployment, "containers"),
        patched(widget, "parts"),
    );
    let types = "definitions:
  App:
    x-kubernetes-group-version-kind: [{group: example.com, version: v1, kind: App}]
    properties:
      spec:
        properties:
          parts:
            type: array
            x-kubernetes-patch-strategy: merge
            x-kubernetes-patch-merge-key: name
            items: {type: object}
";
    let files = Files::new(&[
        ("kustomization.yaml", &kustomization),
        ("pod.yaml", &object(deployment, "containers")),
        ("app.yaml", &object(widget, "parts")),
        ("types.yaml", types),
    ]);
    let built = build(&files, "", &Overlay::default()).unwrap();
    for (built, list) in built.iter().zip(["containers", "parts"]) {
        let item = built.object.pointer(&format!("/spec/{list}/0")).unwrap();
        assert_eq!(
            *item,
            serde_json::json!({"name": "one", "kept": true, "image": "new"})
        );
    }
}

#[test]
fn an_overlay_is_read_out_of_a_spec() {
    let spec = serde_json::json!({
        "interval": "1h", "targetNamespace": "n", "namePrefix": "p-", "components": ["c"],
        "patches": [{"patch": "x", "target": {"kind": "Pod"}}],
        "images": [{"name": "a", "newTag": "1"}],
        "buildMetadata": ["originAnnotations"],
        "commonMetadata": {"labels": {"a": "b"}, "annotations": null},
    });
    let overlay = Overlay::from_spec(&spec).unwrap();
    assert_eq!(overlay.target_namespace.as_deref(), Some("n"));
    assert_eq!(overlay.patches[0].target.as_ref().unwrap().kind, "Pod");
    assert_eq!(overlay.images[0].new_tag, "1");
    assert!(overlay.build_metadata.origins);
    assert_eq!(overlay.common_labels["a"], "b");
    let wrong = serde_json::json!({"components": "c"});
    assert!(Overlay::from_spec(&wrong).unwrap_err().contains("spec: "));
}
