//! Paths into objects as `replacements` and `vars` write them: `spec.containers.[name=web].image`.
//!
//! Segments are separated by dots; `\.` is a dot in a name, `[a.b]` a name with dots, `[key=value]`
//! an element of a list, a number its position, `*` every element.

use regex::Regex;
use windlass_object::{Map, Value};

use crate::field_spec::split_path;
use crate::resource::scalar_text;

/// A path, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectPath(Vec<String>);

/// What a missing last segment is made as; it is then set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Create {
    Nothing,
    Scalar,
    Map,
    List,
}

/// The change made to each value that is found.
pub(crate) type Change<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), String>;

// === impl ObjectPath ===

impl ObjectPath {
    pub(crate) fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        let mut parts = split_path(text, '.').into_iter();
        while let Some(part) = parts.next() {
            if !part.starts_with('[') || part.ends_with(']') {
                segments.push(part);
                continue;
            }
            let mut bracketed = part;
            for part in parts.by_ref() {
                bracketed.push('.');
                bracketed.push_str(&part);
                if part.ends_with(']') {
                    break;
                }
            }
            segments.push(if bracketed.contains('=') {
                bracketed
            } else {
                bracketed.trim_matches(['[', ']']).to_owned()
            });
        }
        Self(segments)
    }

    /// A path whose segments are separated by slashes, as `ValueAddTransformer` writes it.
    pub(crate) fn parse_slashes(text: &str) -> Self {
        Self(split_path(text, '/'))
    }

    /// `vars` may write `ports[0]` for `ports.0`.
    pub(crate) fn with_indices_apart(self) -> Self {
        let mut segments = Vec::new();
        for segment in self.0 {
            let index = segment
                .strip_suffix(']')
                .and_then(|rest| rest.rsplit_once('['));
            match index {
                Some((name, index)) if is_index(index) => {
                    if !name.is_empty() {
                        segments.push(name.to_owned());
                    }
                    segments.push(index.to_owned());
                }
                _ => segments.push(segment),
            }
        }
        Self(segments)
    }

    /// Every way to cut the path in two, the first part shortest first; neither part is empty.
    pub(crate) fn splits(&self) -> impl Iterator<Item = (Self, Self)> + '_ {
        (1..self.0.len()).map(|at| {
            let (first, second) = self.0.split_at(at);
            (Self(first.to_vec()), Self(second.to_vec()))
        })
    }

    /// The one value the path leads to; none when it is missing or null.
    ///
    /// # Errors
    /// A segment does not fit what is there.
    pub(crate) fn look_up<'a>(&self, value: &'a Value) -> Result<Option<&'a Value>, String> {
        let mut value = value;
        for segment in self
            .0
            .iter()
            .map(|segment| segment.trim())
            .filter(|name| !name.is_empty())
        {
            let next = match value {
                Value::Array(elements) => element(elements, segment)?,
                Value::Object(fields) if !is_index(segment) => fields.get(segment),
                _ => return Err(format!("{segment:?} does not fit what is there")),
            };
            match next {
                Some(next) if !next.is_null() => value = next,
                _ => return Ok(None),
            }
        }
        Ok(Some(value))
    }

    /// Changes every value the path leads to and says how many there were.
    ///
    /// # Errors
    /// A segment does not fit what is there, or the change cannot be made.
    pub(crate) fn change(
        &self,
        value: &mut Value,
        create: Create,
        change: Change<'_>,
    ) -> Result<usize, String> {
        walk(value, &self.0, create, change)
    }
}

fn is_index(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[key=value]`, split; the key is empty for a list of scalars.
fn key_and_value(segment: &str) -> Option<(&str, &str)> {
    segment
        .strip_prefix('[')?
        .strip_suffix(']')?
        .split_once('=')
}

fn element<'a>(elements: &'a [Value], segment: &str) -> Result<Option<&'a Value>, String> {
    if let Ok(index) = segment.parse::<usize>() {
        return Ok(elements.get(index));
    }
    if segment == "-" {
        return Ok(elements.last());
    }
    let Some((key, value)) = key_and_value(segment) else {
        return Err(format!(
            "{segment:?} does not fit a list; write [key=value] or a number"
        ));
    };
    Ok(elements.iter().find(|element| {
        let own = if key.is_empty() {
            Some(*element)
        } else {
            element.get(key)
        };
        own.is_some_and(|own| scalar_text(own) == value)
    }))
}

fn walk(
    value: &mut Value,
    path: &[String],
    create: Create,
    change: Change<'_>,
) -> Result<usize, String> {
    let Some((segment, rest)) = path.split_first() else {
        change(value)?;
        return Ok(1);
    };
    if is_index(segment) {
        walk_index(value, segment, rest, create, change)
    } else if let Some((key, pattern)) = key_and_value(segment) {
        walk_matching(value, key, pattern, rest, create, change)
    } else if segment == "*" {
        let elements = list(value, segment)?;
        elements.iter_mut().try_fold(0, |count, element| {
            Ok(count + walk(element, rest, create, change)?)
        })
    } else {
        walk_field(value, segment, rest, create, change)
    }
}

fn walk_field(
    value: &mut Value,
    segment: &str,
    rest: &[String],
    create: Create,
    change: Change<'_>,
) -> Result<usize, String> {
    let fields = match value {
        Value::Null => return Ok(0),
        Value::Object(fields) => fields,
        _ => return Err(format!("{segment:?} is looked for in what is no map")),
    };
    if !fields.contains_key(segment) {
        if create == Create::Nothing {
            return Ok(0);
        }
        fields.insert(segment.to_owned(), made(rest, create));
    }
    match fields.get_mut(segment) {
        Some(field) => walk(field, rest, create, change),
        None => Ok(0),
    }
}

fn walk_index(
    value: &mut Value,
    segment: &str,
    rest: &[String],
    create: Create,
    change: Change<'_>,
) -> Result<usize, String> {
    let elements = list(value, segment)?;
    let index: usize = segment
        .parse()
        .map_err(|_| format!("{segment} is no position"))?;
    if index == elements.len() && create != Create::Nothing {
        elements.push(made(rest, create));
    }
    let count = elements.len();
    match elements.get_mut(index) {
        Some(element) => walk(element, rest, create, change),
        None => Err(format!(
            "position {index} is asked for in a list of {count}"
        )),
    }
}

/// Elements whose key matches the pattern anywhere, as kustomize reads it.
fn walk_matching(
    value: &mut Value,
    key: &str,
    pattern: &str,
    rest: &[String],
    create: Create,
    change: Change<'_>,
) -> Result<usize, String> {
    let elements = list(value, key)?;
    let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
    let mut count = 0;
    for element in elements.iter_mut() {
        let own = if key.is_empty() {
            Some(&*element)
        } else {
            element.get(key)
        };
        if own.is_some_and(|own| regex.is_match(&scalar_text(own))) {
            count += if key.is_empty() {
                change(element)?;
                1
            } else {
                walk(element, rest, create, change)?
            };
        }
    }
    if count > 0 || create == Create::Nothing {
        return Ok(count);
    }
    let mut element = if key.is_empty() {
        Value::from(pattern)
    } else {
        Value::Object(Map::from_iter([(key.to_owned(), Value::from(pattern))]))
    };
    let rest = if key.is_empty() { &[] } else { rest };
    let count = walk(&mut element, rest, create, change)?;
    elements.push(element);
    Ok(count)
}

fn list<'a>(value: &'a mut Value, segment: &str) -> Result<&'a mut Vec<Value>, String> {
    value
        .as_array_mut()
        .ok_or_else(|| format!("{segment:?} is looked for in what is no list"))
}

/// What a missing segment becomes, by the one that follows it.
fn made(rest: &[String], create: Create) -> Value {
    match rest.first() {
        Some(next) if is_index(next) || key_and_value(next).is_some() => Value::Array(Vec::new()),
        Some(_) => Value::Object(Map::new()),
        None => match create {
            Create::Nothing | Create::Scalar => Value::Null,
            Create::Map => Value::Object(Map::new()),
            Create::List => Value::Array(Vec::new()),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Create, ObjectPath};

    fn segments(text: &str) -> Vec<String> {
        ObjectPath::parse(text).with_indices_apart().0
    }

    #[test]
    fn a_path_is_split_at_dots_outside_brackets() {
        assert_eq!(segments("a.b"), ["a", "b"]);
        assert_eq!(segments(r"a.b\.c"), ["a", "b.c"]);
        assert_eq!(segments("a.[b.c/d].e"), ["a", "b.c/d", "e"]);
        assert_eq!(segments("a.[name=x.y].e"), ["a", "[name=x.y]", "e"]);
        assert_eq!(segments("ports[0].port"), ["ports", "0", "port"]);
    }

    #[test]
    fn values_are_looked_up_in_maps_and_lists() {
        let value =
            json!({"a": [{"name": "x", "v": 1}, {"name": "y", "v": null}], "b": ["p", "q"]});
        let look_up = |path: &str| {
            ObjectPath::parse(path)
                .look_up(&value)
                .map(Option::<&_>::cloned)
        };
        assert_eq!(look_up("a.[name=x].v"), Ok(Some(json!(1))));
        assert_eq!(look_up("a.1.name"), Ok(Some(json!("y"))));
        assert_eq!(look_up("a.-.name"), Ok(Some(json!("y"))));
        assert_eq!(look_up("b.[=q]"), Ok(Some(json!("q"))));
        assert_eq!(look_up("a.[name=y].v"), Ok(None));
        assert_eq!(look_up("c.d"), Ok(None));
        assert!(look_up("a.name").is_err());
        assert!(look_up("b.0.x").is_err());
    }

    #[test]
    fn missing_values_are_made_on_request() {
        let mut value = json!({});
        let mut set = |field: &mut serde_json::Value| {
            *field = json!("x");
            Ok(())
        };
        let path = ObjectPath::parse("a.[name=n].b.0.c");
        assert_eq!(path.change(&mut value, Create::Nothing, &mut set), Ok(0));
        assert_eq!(path.change(&mut value, Create::Scalar, &mut set), Ok(1));
        assert_eq!(value, json!({"a": [{"name": "n", "b": [{"c": "x"}]}]}));
    }
}
