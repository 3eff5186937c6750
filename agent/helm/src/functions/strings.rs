//! Sprig's functions on strings.

use crate::engine::Context;
use crate::fault::Fault;
use crate::format;
use crate::functions::arguments::{any, elements, int, string, text};
use crate::functions::{Function, Parameter};
use crate::value::{Map, MapKind, Text as TextValue, Value};

use Parameter::{Any, Int, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("trim", &[Text], |_, a| {
        Ok(Value::text(string(a, 0)?.trim()))
    }),
    Function::new("upper", &[Text], |_, a| {
        Ok(Value::text(string(a, 0)?.to_uppercase()))
    }),
    Function::new("lower", &[Text], |_, a| {
        Ok(Value::text(string(a, 0)?.to_lowercase()))
    }),
    Function::new("title", &[Text], |_, a| {
        Ok(Value::text(title(&string(a, 0)?)))
    }),
    Function::new("untitle", &[Text], |_, a| {
        Ok(Value::text(untitle(&string(a, 0)?)))
    }),
    Function::new("substr", &[Int, Int, Text], substring),
    Function::new("repeat", &[Int, Text], repeat),
    Function::new("trimall", &[Text, Text], trim_all),
    Function::new("trimAll", &[Text, Text], trim_all),
    Function::new("trimSuffix", &[Text, Text], |_, a| {
        let (end, whole) = (text(a, 0)?, text(a, 1)?);
        let whole = whole.as_bytes();
        Ok(Value::text(
            whole.strip_suffix(end.as_bytes()).unwrap_or(whole),
        ))
    }),
    Function::new("trimPrefix", &[Text, Text], |_, a| {
        let (start, whole) = (text(a, 0)?, text(a, 1)?);
        let whole = whole.as_bytes();
        Ok(Value::text(
            whole.strip_prefix(start.as_bytes()).unwrap_or(whole),
        ))
    }),
    Function::new("nospace", &[Text], |_, a| {
        let kept: String = string(a, 0)?.split_whitespace().collect();
        Ok(Value::text(kept))
    }),
    Function::new("contains", &[Text, Text], |_, a| {
        Ok(Value::Bool(
            find(text(a, 1)?.as_bytes(), text(a, 0)?.as_bytes()).is_some(),
        ))
    }),
    Function::new("hasPrefix", &[Text, Text], |_, a| {
        Ok(Value::Bool(
            text(a, 1)?.as_bytes().starts_with(text(a, 0)?.as_bytes()),
        ))
    }),
    Function::new("hasSuffix", &[Text, Text], |_, a| {
        Ok(Value::Bool(
            text(a, 1)?.as_bytes().ends_with(text(a, 0)?.as_bytes()),
        ))
    }),
    Function::variadic("quote", &[], Any, |_, a| {
        joined(a, |value| {
            Ok(format::quote::quote(&to_text(value)?, false).into_bytes())
        })
    }),
    Function::variadic("squote", &[], Any, |_, a| {
        joined(a, |value| {
            let mut quoted = vec![b'\''];
            quoted.extend(format::display(value)?);
            quoted.push(b'\'');
            Ok(quoted)
        })
    }),
    Function::variadic("cat", &[], Any, |_, a| joined(a, format::display)),
    Function::new("indent", &[Int, Text], |context, a| indent(context, a, "")),
    Function::new("nindent", &[Int, Text], |context, a| {
        indent(context, a, "\n")
    }),
    Function::new("replace", &[Text, Text, Text], replace),
    Function::new("plural", &[Text, Text, Int], |_, a| {
        let index = usize::from(int(a, 2)? != 1);
        Ok(any(a, index)?.clone())
    }),
    Function::new("toString", &[Any], |_, a| {
        Ok(Value::text(to_text(any(a, 0)?)?))
    }),
    Function::new("toStrings", &[Any], |_, a| {
        Ok(Value::texts(texts(any(a, 0)?)?))
    }),
    Function::new("trunc", &[Int, Text], truncate),
    Function::new("join", &[Text, Any], |context, a| {
        let parts = texts(any(a, 1)?)?;
        let separator = text(a, 0)?;
        context
            .engine
            .budget
            .bytes(separator.len().saturating_mul(parts.len()))?;
        Ok(Value::text(parts.join(separator.as_bytes())))
    }),
    Function::new("split", &[Text, Text], |_, a| {
        Ok(numbered(split(&text(a, 1)?, &text(a, 0)?, usize::MAX)))
    }),
    Function::new("splitList", &[Text, Text], |_, a| {
        Ok(Value::texts(split(&text(a, 1)?, &text(a, 0)?, usize::MAX)))
    }),
    Function::new("splitn", &[Text, Int, Text], |_, a| {
        let limit = int(a, 1)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(numbered(split(&text(a, 2)?, &text(a, 0)?, limit)))
    }),
];

/// Sprig's `strval`: text as it is, what has a name for itself by that, the rest by `%v`.
pub(super) fn to_text(value: &Value) -> Result<Vec<u8>, Fault> {
    match value {
        Value::Text(text) => Ok(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        other => format::display(other),
    }
}

/// Sprig's `strslice`: the elements that are something, as texts; else the value as one.
pub(super) fn texts(value: &Value) -> Result<Vec<Vec<u8>>, Fault> {
    if let Some(items) = elements(value) {
        let items = items.iter().filter(|item| !item.is_nothing());
        return items.map(to_text).collect();
    }
    if value.is_nothing() {
        return Ok(Vec::new());
    }
    Ok(vec![to_text(value)?])
}

fn joined(
    values: &[Value],
    show: impl Fn(&Value) -> Result<Vec<u8>, Fault>,
) -> Result<Value, Fault> {
    let shown = values.iter().filter(|value| !value.is_nothing()).map(show);
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    Ok(Value::text(shown.join(&b' ')))
}

pub(super) fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    whole.windows(part.len()).position(|window| window == part)
}

/// Go's `strings.Title`: each letter after something that is no letter, digit, `_` or `'`.
fn title(text: &str) -> String {
    let mut after_separator = true;
    let mut titled = String::with_capacity(text.len());
    for character in text.chars() {
        if after_separator {
            titled.extend(character.to_uppercase());
        } else {
            titled.push(character);
        }
        after_separator = if character.is_ascii() {
            !(character.is_ascii_alphanumeric() || character == '_')
        } else {
            character.is_whitespace()
        };
    }
    titled
}

/// goutils' `Uncapitalize`: the first letter of each word between blanks.
fn untitle(text: &str) -> String {
    let mut after_blank = true;
    let mut changed = String::with_capacity(text.len());
    for character in text.chars() {
        if after_blank {
            changed.extend(character.to_lowercase());
        } else {
            changed.push(character);
        }
        after_blank = character.is_whitespace();
    }
    changed
}

fn substring(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let (start, end) = (int(arguments, 0)?, int(arguments, 1)?);
    let text = text(arguments, 2)?;
    let bytes = text.as_bytes();
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let range = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        (start, length)
    } else {
        (start, end)
    };
    let bounds = (usize::try_from(range.0), usize::try_from(range.1));
    let part = match bounds {
        (Ok(start), Ok(end)) => bytes.get(start..end),
        _ => None,
    };
    part.map(Value::text).ok_or_else(|| {
        Fault::new(format!(
            "runtime error: slice bounds out of range [{}:{}] with length {length}",
            range.0, range.1
        ))
    })
}

fn repeat(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let text = text(arguments, 1)?;
    let count = usize::try_from(int(arguments, 0)?)
        .map_err(|_| Fault::new("strings: negative Repeat count"))?;
    context
        .engine
        .budget
        .bytes(text.len().saturating_mul(count))?;
    Ok(Value::text(text.as_bytes().repeat(count)))
}

fn trim_all(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let (cut, whole) = (string(arguments, 0)?, string(arguments, 1)?);
    let trimmed = whole.trim_matches(|character| cut.contains(character));
    Ok(Value::text(trimmed))
}

fn indent(context: &Context<'_>, arguments: &[Value], before: &str) -> Result<Value, Fault> {
    let text = text(arguments, 1)?;
    let blanks = usize::try_from(int(arguments, 0)?)
        .map_err(|_| Fault::new("strings: negative Repeat count"))?;
    let lines = text.as_bytes().split(|byte| *byte == b'\n');
    let count = lines.clone().count();
    context.engine.budget.bytes(blanks.saturating_mul(count))?;
    let mut indented = before.as_bytes().to_vec();
    for (index, line) in lines.enumerate() {
        if index > 0 {
            indented.push(b'\n');
        }
        indented.resize(indented.len() + blanks, b' ');
        indented.extend_from_slice(line);
    }
    Ok(Value::text(indented))
}

fn replace(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let (old, new, whole) = (
        text(arguments, 0)?,
        text(arguments, 1)?,
        text(arguments, 2)?,
    );
    if old.is_empty() {
        // Go puts the new text before every character and at the end.
        let whole = whole.to_str();
        let count = whole.chars().count() + 1;
        context
            .engine
            .budget
            .bytes(new.len().saturating_mul(count))?;
        return Ok(Value::text(whole.replace("", &new.to_str())));
    }
    let parts = split(&whole, &old, usize::MAX);
    context
        .engine
        .budget
        .bytes(new.len().saturating_mul(parts.len()))?;
    Ok(Value::text(parts.join(new.as_bytes())))
}

fn truncate(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let text = text(arguments, 1)?;
    let bytes = text.as_bytes();
    let count = int(arguments, 0)?;
    let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let kept = if count < 0 {
        bytes
            .len()
            .checked_sub(length)
            .and_then(|start| bytes.get(start..))
    } else {
        bytes.get(..length)
    };
    Ok(Value::text(kept.unwrap_or(bytes)))
}

/// Go's `strings.SplitN`; no limit is `usize::MAX`.
fn split(whole: &TextValue, separator: &TextValue, limit: usize) -> Vec<Vec<u8>> {
    if limit == 0 {
        return Vec::new();
    }
    if separator.is_empty() {
        let whole = whole.to_str();
        let mut characters = whole.chars();
        let mut parts = Vec::new();
        while parts.len() + 1 < limit
            && let Some(character) = characters.next()
        {
            parts.push(character.to_string().into_bytes());
        }
        if !characters.as_str().is_empty() {
            parts.push(characters.as_str().as_bytes().to_vec());
        }
        return parts;
    }
    let mut parts = Vec::new();
    let mut rest = whole.as_bytes();
    while parts.len() + 1 < limit
        && let Some(at) = find(rest, separator.as_bytes())
    {
        parts.push(rest.get(..at).unwrap_or_default().to_vec());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    parts.push(rest.to_vec());
    parts
}

fn numbered(parts: Vec<Vec<u8>>) -> Value {
    let entries = parts.into_iter().enumerate().map(|(index, part)| {
        let key = TextValue::from(format!("_{index}"));
        (key, Value::Text(part.into()))
    });
    Value::Map(Map::new(MapKind::Text, entries.collect()))
}
