//! Random trees: bases, a component, and the overlay that is built.

use serde_json::{Map, Value, json};
use windlass_object::yaml::to_string;

use super::Model;
use super::kinds::{NAMES, NAMESPACES, TEXTS, map, object};
use super::patches::{entry, operations, selector, strategic};
use super::random::Random;
use super::transformers::{plugin, replacement, variable};

/// A kustomization that is being made, and the objects it can name.
struct Draft<'a> {
    random: &'a mut Random,
    directory: &'a str,
    fields: Map<String, Value>,
    objects: Vec<Value>,
    files: Model,
}

/// A tree whose directory `overlay` is to be built.
pub(crate) fn tree(random: &mut Random) -> Model {
    let mut model = Model::new();
    let mut objects = Vec::new();
    let mut bases = Vec::new();
    for directory in ["base", "other"] {
        if directory == "other" && !random.chance(30) {
            continue;
        }
        let own = distinct(
            (0..1 + random.below(4)).map(|_| object(random)).collect(),
            random,
        );
        objects.extend(kustomization(random, directory, &mut model, own, &[], 30));
        bases.push(format!("../{directory}"));
    }
    let with_component = random.chance(30);
    if with_component {
        let own = if random.chance(30) {
            vec![object(random)]
        } else {
            Vec::new()
        };
        let known = objects.clone();
        objects.extend(kustomization(
            random,
            "component",
            &mut model,
            own,
            &known,
            40,
        ));
        let file = model.get_mut("component/kustomization.yaml").unwrap();
        file["apiVersion"] = json!("kustomize.config.k8s.io/v1alpha1");
        file["kind"] = json!("Component");
    }
    let own = if random.chance(40) {
        vec![object(random)]
    } else {
        Vec::new()
    };
    kustomization(random, "overlay", &mut model, own, &objects, 45);
    let overlay = model.get_mut("overlay/kustomization.yaml").unwrap();
    let resources = overlay
        .as_object_mut()
        .unwrap()
        .entry("resources")
        .or_insert(json!([]));
    let list = resources.as_array_mut().unwrap();
    for base in bases {
        list.insert(0, json!(base));
    }
    if with_component {
        overlay["components"] = json!(["../component"]);
    }
    model
}

/// Most of the time no two objects of one kind and name.
fn distinct(objects: Vec<Value>, random: &mut Random) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for object in objects {
        let same = |known: &Value| {
            known["kind"] == object["kind"]
                && known["metadata"]["name"] == object["metadata"]["name"]
        };
        if !kept.iter().any(same) || random.chance(5) {
            kept.push(object);
        }
    }
    kept
}

/// Adds a kustomization with fields, each so often of a hundred times; gives the objects it adds.
fn kustomization(
    random: &mut Random,
    directory: &str,
    model: &mut Model,
    own: Vec<Value>,
    known: &[Value],
    percent: usize,
) -> Vec<Value> {
    let mut draft = Draft {
        random,
        directory,
        fields: Map::new(),
        objects: own.iter().chain(known).cloned().collect(),
        files: Model::new(),
    };
    if !own.is_empty() {
        draft.set("resources", json!(["objects.yaml"]));
        draft.files.insert(
            format!("{directory}/objects.yaml"),
            Value::Array(own.clone()),
        );
    }
    // Few fields each time: what differs is easier to see, and most trees build.
    for _ in 0..draft.random.below(1 + percent / 10) {
        draft.add_field();
    }
    if draft.fields.is_empty() {
        draft.set("namePrefix", json!("x-"));
    }
    model.insert(
        format!("{directory}/kustomization.yaml"),
        Value::Object(draft.fields),
    );
    model.extend(draft.files);
    own
}

// === impl Draft ===

impl Draft<'_> {
    fn set(&mut self, field: &str, value: Value) {
        self.fields.insert(field.to_owned(), value);
    }

    fn push(&mut self, field: &str, value: Value) {
        let list = self.fields.entry(field).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(value);
    }

    fn file(&mut self, name: &str, content: Value) -> Value {
        self.files
            .insert(format!("{}/{name}", self.directory), content);
        json!(name)
    }

    fn object(&mut self) -> Value {
        match self.objects.len() {
            0 => object(self.random),
            count => self.objects[self.random.below(count)].clone(),
        }
    }

    fn add_field(&mut self) {
        match self.random.below(24) {
            0 => self.set("namePrefix", json!(format!("{}-", self.directory))),
            1 => self.set("nameSuffix", json!("-s")),
            2 => {
                let namespace = self.random.value(NAMESPACES);
                self.set("namespace", namespace);
            }
            3 => {
                let labels = map(self.random, &["app", "common"]);
                self.set("commonLabels", labels);
            }
            4 => self.add_labels(),
            5 => {
                let annotations = map(self.random, &["note", "common"]);
                self.set("commonAnnotations", annotations);
            }
            6 => self.add_image(),
            7 => {
                let object = self.object();
                let scaled = ["Deployment", "StatefulSet"].map(Value::from);
                // Others have no replicas, which is an error.
                if !scaled.contains(&object["kind"]) && !self.random.chance(5) {
                    return;
                }
                let name = object["metadata"]["name"].clone();
                self.push("replicas", json!({"name": name, "count": 5}));
            }
            8..=12 => self.add_patch(),
            13 | 14 => self.add_generator(),
            15 | 16 if !self.objects.is_empty() => {
                let replacement = replacement(self.random, &self.objects);
                self.push("replacements", replacement);
            }
            17 if !self.objects.is_empty() && self.directory != "component" => {
                let variable = variable(self.random, &self.objects);
                self.set("vars", json!([variable]));
            }
            18 => {
                let order = if self.random.chance(70) {
                    "legacy"
                } else {
                    "fifo"
                };
                self.set("sortOptions", json!({"order": order}));
            }
            19 => {
                let option = self.random.value(&[
                    "originAnnotations",
                    "transformerAnnotations",
                    "managedByLabel",
                ]);
                self.set("buildMetadata", json!([option]));
            }
            20 | 21 if !self.objects.is_empty() => self.add_plugin(),
            22 => self.add_configuration(),
            _ => self.add_generator_options(),
        }
    }

    fn add_labels(&mut self) {
        let mut labels = json!({"pairs": map(self.random, &["app", "label"])});
        match self.random.below(4) {
            0 => labels["includeSelectors"] = json!(true),
            1 => labels["includeTemplates"] = json!(true),
            2 => {
                labels["fields"] = json!([{"path": "spec/template/metadata/labels", "create": true, "kind": "Deployment"}])
            }
            _ => {}
        }
        self.push("labels", labels);
    }

    fn add_image(&mut self) {
        let mut image =
            json!({"name": self.random.word(&["nginx", "app", "registry.example:5000/team/app"])});
        if self.random.chance(40) {
            image["newName"] = json!("mirror.example/new");
        }
        match self.random.below(4) {
            0 => image["newTag"] = json!("v9"),
            1 => image["digest"] = json!("sha256:99"),
            2 => image["tagSuffix"] = json!("-debug"),
            _ => {}
        }
        self.push("images", image);
    }

    fn add_patch(&mut self) {
        let object = self.object();
        match self.random.below(6) {
            0 => {
                let patch = strategic(self.random, &object);
                self.push("patchesStrategicMerge", json!(to_string(&patch)));
            }
            1 => {
                let file = Value::Array(vec![strategic(self.random, &object)]);
                let file = self.file("patch.yaml", file);
                self.push("patches", json!({"path": file}));
            }
            2 => {
                let mut target = selector(self.random, &object);
                target["kind"] = object["kind"].clone();
                target["name"] = object["metadata"]["name"].clone();
                let patch = to_string(&operations(self.random, &object));
                self.push("patchesJson6902", json!({"target": target, "patch": patch}));
            }
            _ => {
                let entry = entry(self.random, &object);
                self.push("patches", entry);
            }
        }
    }

    fn add_generator(&mut self) {
        let field = self.random.word(&[
            "configMapGenerator",
            "configMapGenerator",
            "secretGenerator",
        ]);
        let mut generator = json!({"name": self.random.word(NAMES)});
        if self.random.chance(70) {
            generator["literals"] = json!([
                format!("a={}", self.random.word(TEXTS).replace('\n', " ")),
                "b='quoted'"
            ]);
        }
        if self.random.chance(30) {
            let text = self.random.word(TEXTS);
            self.file("data.txt", json!(text));
            generator["files"] = json!([self.random.word(&["data.txt", "key=data.txt"])]);
        }
        if self.random.chance(20) {
            self.file("data.env", json!("ONE=1\n# no\nTWO=two words\nTHREE\n"));
            generator["envs"] = json!(["data.env"]);
        }
        if self.random.chance(20) {
            generator["behavior"] = self.random.value(&["create", "merge", "replace"]);
        }
        if self.random.chance(15) {
            generator["namespace"] = self.random.value(NAMESPACES);
        }
        if self.random.chance(20) {
            generator["options"] = json!({"labels": map(self.random, &["gen"]), "disableNameSuffixHash": self.random.chance(50)});
        }
        self.push(&field, generator);
    }

    fn add_generator_options(&mut self) {
        let options = json!({"labels": map(self.random, &["gen", "all"]), "immutable": self.random.chance(30),
            "disableNameSuffixHash": self.random.chance(30)});
        self.set("generatorOptions", options);
    }

    fn add_plugin(&mut self) {
        let name = format!("plugin{}", self.random.below(1000));
        let plugin = plugin(self.random, &self.objects, &name);
        let entry = if self.random.chance(50) {
            json!(to_string(&plugin))
        } else {
            self.file(&format!("{name}.yaml"), Value::Array(vec![plugin]))
        };
        self.push("transformers", entry);
    }

    fn add_configuration(&mut self) {
        let file = self.file("config.yaml", json!({
            "nameReference": [{"kind": "ConfigMap", "version": "v1", "fieldSpecs": [{"kind": "Widget", "path": "spec/settings/name"}]}],
            "images": [{"kind": "Widget", "path": "spec/image"}],
            "commonLabels": [{"kind": "Widget", "path": "spec/labels", "create": true}],
            "namespace": [{"kind": "Widget", "path": "spec/namespace", "create": true}],
            "varReference": [{"kind": "Widget", "path": "spec/words"}],
        }));
        self.set("configurations", json!([file]));
    }
}
