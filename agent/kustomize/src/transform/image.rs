//! `images`.

use windlass_object::Value;

use super::change_fields;
use crate::error::{Cause, Step};
use crate::field_spec::{FieldSpec, Missing};
use crate::kustomization::Image;
use crate::pattern::ImagePattern;
use crate::resource::Resource;

/// Lists whose elements have images wherever they are, in custom resources, too.
const CONTAINER_LISTS: [&str; 2] = ["containers", "initContainers"];

/// The one kind whose images are examples and schemas.
const SKIPPED_KIND: &str = "CustomResourceDefinition";

/// Replaces name, tag or digest of one image everywhere.
///
/// # Errors
/// The name is no regular expression (kustomize reads it as one).
pub(crate) fn set_image(
    resources: &mut [Resource],
    image: &Image,
    specs: &[FieldSpec],
) -> Step<()> {
    let pattern = ImagePattern::new(&image.name)
        .map_err(|error| Cause::invalid(format!("name {:?}: {error}", image.name)))?;
    let mut set = |field: &mut Value| {
        if let Value::String(reference) = field
            && pattern.is_match(reference)
        {
            *field = Value::String(replaced(reference, image));
        }
        Ok(())
    };
    for resource in resources
        .iter_mut()
        .filter(|resource| resource.kind() != SKIPPED_KIND)
    {
        in_containers(&mut resource.value, &mut set).map_err(Cause::invalid)?;
        resource.settle();
        change_fields(resource, specs, Missing::Skip, &mut set)?;
    }
    Ok(())
}

type Set<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), String>;

fn in_containers(value: &mut Value, set: Set<'_>) -> Result<(), String> {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .try_for_each(|element| in_containers(element, set)),
        Value::Object(fields) => fields.iter_mut().try_for_each(|(name, field)| {
            in_containers(field, set)?;
            match field {
                Value::Array(containers) if CONTAINER_LISTS.contains(&name.as_str()) => {
                    let images = containers
                        .iter_mut()
                        .filter_map(|entry| entry.get_mut("image"));
                    images.into_iter().try_for_each(&mut *set)
                }
                _ => Ok(()),
            }
        }),
        _ => Ok(()),
    }
}

/// The new reference. A new tag drops the digest and a new digest the tag, unless both are given.
fn replaced(reference: &str, image: &Image) -> String {
    let (name, tag, digest) = split(reference);
    let name = if image.new_name.is_empty() {
        name
    } else {
        &image.new_name
    };
    let (tag, digest) = match (image.new_tag.as_str(), image.digest.as_str()) {
        ("", "") if !image.tag_suffix.is_empty() => (format!("{tag}{}", image.tag_suffix), ""),
        ("", "") => (tag.to_owned(), digest),
        (new_tag, new_digest) => (new_tag.to_owned(), new_digest),
    };
    let mut result = name.to_owned();
    for (separator, part) in [(':', tag.as_str()), ('@', digest)] {
        if !part.is_empty() {
            result.push(separator);
            result.push_str(part);
        }
    }
    result
}

/// Splits a reference into name, tag and digest; a port before the first slash is part of the name.
fn split(reference: &str) -> (&str, &str, &str) {
    let path_start = reference.find('/').unwrap_or(0);
    let (path_end, digest) = match reference.get(path_start..).and_then(|path| path.find('@')) {
        Some(at) => (
            path_start + at,
            reference.get(path_start + at + 1..).unwrap_or_default(),
        ),
        None => (reference.len(), ""),
    };
    let without_digest = reference.get(..path_end).unwrap_or(reference);
    match without_digest
        .get(path_start..)
        .and_then(|path| path.find(':'))
    {
        Some(colon) => {
            let (name, tag) = without_digest.split_at(path_start + colon);
            (name, tag.trim_start_matches(':'), digest)
        }
        None => (without_digest, "", digest),
    }
}

#[cfg(test)]
mod tests {
    use super::{replaced, split};
    use crate::kustomization::Image;

    #[test]
    fn a_reference_splits_into_name_tag_and_digest() {
        for (reference, expected) in [
            ("nginx", ("nginx", "", "")),
            ("nginx:1", ("nginx", "1", "")),
            ("nginx@sha256:12", ("nginx", "", "sha256:12")),
            ("nginx:1@sha256:12", ("nginx", "1", "sha256:12")),
            ("localhost:5000/a/nginx", ("localhost:5000/a/nginx", "", "")),
            (
                "localhost:5000/a/nginx:1@sha256:12",
                ("localhost:5000/a/nginx", "1", "sha256:12"),
            ),
        ] {
            assert_eq!(split(reference), expected, "{reference}");
        }
    }

    #[test]
    fn a_new_tag_drops_the_digest_and_a_new_digest_the_tag() {
        let image = |tag: &str, digest: &str| Image {
            new_tag: tag.to_owned(),
            digest: digest.to_owned(),
            ..Image::default()
        };
        let old = "nginx:1@sha256:12";
        assert_eq!(replaced(old, &image("2", "")), "nginx:2");
        assert_eq!(replaced(old, &image("", "sha256:34")), "nginx@sha256:34");
        assert_eq!(replaced(old, &image("2", "sha256:34")), "nginx:2@sha256:34");
        assert_eq!(replaced(old, &image("", "")), old);
    }
}
