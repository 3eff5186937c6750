//! What is done to rendered objects: the post-renderers of the spec, its common metadata, and whose they are.

use windlass_api::helm_release::{PostRenderStrategy, PostRenderer};
use windlass_api::names;
use windlass_helm::RecordedHook;
use windlass_kustomize::{Entry, EntryKind, Overlay, Tree, TreeError, build};
use windlass_object::Object;
use windlass_object::yaml::{self, Dialect, Limits};

use crate::owner::Owner;

/// A rendered object as YAML, and the template it is from.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) source: String,
    pub(crate) content: String,
}

/// Tells the objects apart while they are patched; taken off after that.
const MARK: &str = "windlass.dev/post-render";

/// The files that the post-renderers are run over.
const KUSTOMIZATION: &str = "kustomization.yaml";
const OBJECTS: &str = "objects.yaml";

/// Runs all of it over objects and, unless the spec says otherwise, hooks.
pub(crate) fn run(
    owner: &Owner<'_>,
    manifests: Vec<Text>,
    hooks: &mut [RecordedHook],
) -> Result<Vec<Text>, String> {
    let spec = &owner.spec;
    match spec
        .post_render_strategy
        .unwrap_or(PostRenderStrategy::Combined)
    {
        PostRenderStrategy::NoHooks => over(owner, manifests),
        PostRenderStrategy::Separate => {
            put_back(hooks, over(owner, texts(hooks))?);
            over(owner, manifests)
        }
        PostRenderStrategy::Combined => {
            let count = hooks.len();
            let mut all = texts(hooks);
            all.extend(manifests);
            let mut done = over(owner, all)?;
            let manifests = done.split_off(count.min(done.len()));
            put_back(hooks, done);
            Ok(manifests)
        }
    }
}

fn texts(hooks: &[RecordedHook]) -> Vec<Text> {
    let texts = hooks.iter().map(|hook| Text {
        source: hook.path.clone(),
        content: hook.manifest.clone(),
    });
    texts.collect()
}

fn put_back(hooks: &mut [RecordedHook], texts: Vec<Text>) {
    for (hook, text) in hooks.iter_mut().zip(texts) {
        hook.manifest = text.content;
    }
}

fn over(owner: &Owner<'_>, texts: Vec<Text>) -> Result<Vec<Text>, String> {
    let mut objects: Vec<(String, Object)> = Vec::with_capacity(texts.len());
    for text in &texts {
        for object in parse(text)? {
            objects.push((text.source.clone(), object));
        }
    }
    for renderer in &owner.spec.post_renderers {
        objects = patched(renderer, objects)?;
    }
    let done = objects.into_iter().map(|(source, mut object)| {
        label(owner, &mut object);
        let content = yaml::to_string(object.as_value()).trim_end().to_owned();
        Text { source, content }
    });
    Ok(done.collect())
}

fn parse(text: &Text) -> Result<Vec<Object>, String> {
    let bytes = text.content.as_bytes();
    let documents = yaml::parse_documents_as(Dialect::Lenient, bytes, &Limits::DEFAULT)
        .map_err(|error| format!("{}: {error}", text.source))?;
    let values = documents.into_iter().map(|document| document.value);
    let values = values.filter(|value| !value.is_null());
    values
        .map(|value| Object::from_value(value).map_err(|error| format!("{}: {error}", text.source)))
        .collect()
}

/// Applies `kustomize` of one post-renderer; an object that it takes out is gone, one that it adds comes last.
fn patched(
    renderer: &PostRenderer,
    objects: Vec<(String, Object)>,
) -> Result<Vec<(String, Object)>, String> {
    let Some(kustomize) = &renderer.kustomize else {
        return Ok(objects);
    };
    let mut sources = Vec::with_capacity(objects.len());
    let mut stream = String::new();
    for (number, (source, mut object)) in objects.into_iter().enumerate() {
        object.set_annotation(MARK, &number.to_string());
        stream.push_str("---\n");
        stream.push_str(&yaml::to_string(object.as_value()));
        sources.push(source);
    }
    let spec = serde_json::to_value(kustomize).map_err(|error| error.to_string())?;
    let overlay = Overlay::from_spec(&spec)?;
    let tree = Files {
        objects: stream.into_bytes(),
    };
    let built = build(&tree, "", &overlay)
        .map_err(|error| format!("error while running post render: spec.postRenderers: {error}"))?;
    let built = built.into_iter().map(|built| {
        let mut object = built.object;
        let number = object
            .annotation(MARK)
            .and_then(|text| text.parse::<usize>().ok());
        object.remove_annotation(MARK);
        let source = number.and_then(|number| sources.get(number).cloned());
        (
            number.unwrap_or(usize::MAX),
            (source.unwrap_or_default(), object),
        )
    });
    let mut built: Vec<_> = built.collect();
    built.sort_by_key(|(number, _)| *number);
    Ok(built.into_iter().map(|(_, object)| object).collect())
}

/// Common metadata wins over an object's own; the labels say whose it is.
fn label(owner: &Owner<'_>, object: &mut Object) {
    if let Some(common) = &owner.spec.common_metadata {
        for (name, value) in &common.labels {
            object.set_label(name, value);
        }
        for (name, value) in &common.annotations {
            object.set_annotation(name, value);
        }
    }
    object.set_label(names::HELM_OWNER_NAME, owner.name);
    object.set_label(names::HELM_OWNER_NAMESPACE, owner.namespace);
}

/// The two files in memory.
struct Files {
    objects: Vec<u8>,
}

// === impl Files ===

impl Tree for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        match path {
            KUSTOMIZATION => Ok(format!("resources:\n- {OBJECTS}\n").into_bytes()),
            OBJECTS => Ok(self.objects.clone()),
            _ => Err(TreeError::new(path, "there is no such file")),
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        if !directory.is_empty() {
            return Err(TreeError::new(directory, "there is no such directory"));
        }
        let entries = [KUSTOMIZATION, OBJECTS].map(|name| Entry {
            name: name.to_owned(),
            kind: EntryKind::File,
        });
        Ok(entries.into())
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        Ok(match path {
            "" => Some(EntryKind::Directory),
            KUSTOMIZATION | OBJECTS => Some(EntryKind::File),
            _ => None,
        })
    }
}
