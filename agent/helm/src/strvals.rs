//! Values on a command line: `--set` and its kin, with Helm's grammar and Helm's leniency.

mod words;

use std::fmt;

use serde_json::{Map, Value};

use crate::chart::to_floats;
use crate::strvals::words::{scalar, typed};

/// What the text after `=` stands for.
#[derive(Clone, Copy)]
pub enum Setting<'f> {
    /// `--set`: a bool, null, an integer, or text.
    Typed,
    /// `--set-string`: text.
    Text,
    /// `--set-json`: JSON, or as a whole an object that is laid over the values.
    Json,
    /// `--set-literal`: all of the rest, as it is.
    Literal,
    /// `--set-file`: a path, whose content the function gives.
    File(&'f dyn Fn(&str) -> Result<String, String>),
}

/// The greatest index of a list; Helm's bound.
const MAX_INDEX: usize = 65536;

/// How many points a name may have; Helm's bound.
const MAX_LEVELS: usize = 30;

/// How many lists and maps may lie in each other; Helm has no bound for lists, and each level takes stack.
const MAX_DEPTH: usize = 200;

/// How many elements lists may get in all: indices make elements that nobody wrote.
const MAX_ELEMENTS: usize = 1_000_000;

/// Why reading stops.
enum Stop {
    /// The text ends where it may.
    End,
    Wrong(String),
}

/// Where a value goes: how many points were read, and how deep it lies.
#[derive(Clone, Copy)]
struct Place {
    levels: usize,
    depth: usize,
}

struct Parser<'t> {
    rest: &'t str,
    setting: Setting<'t>,
    elements: usize,
}

/// Reads `name=value,name=value` into the values. Names have points and indices (`a.b[0].c`), `{a,b}` is a list, and
/// `\` takes the meaning of the next character.
///
/// # Errors
/// The text is none of that, or reaches a bound; the values may be changed in part.
pub fn set(
    values: &mut Map<String, Value>,
    setting: Setting<'_>,
    text: &str,
) -> Result<(), String> {
    if matches!(setting, Setting::Json) && text.trim_start().starts_with('{') {
        let mut fields: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| format!("the object is no JSON: {error}"))?;
        fields.values_mut().for_each(to_floats);
        crate::chart::merge_values(values, fields);
        return Ok(());
    }
    let mut parser = Parser {
        rest: text,
        setting,
        elements: 0,
    };
    let start = Place {
        levels: 0,
        depth: 0,
    };
    loop {
        match parser.key(values, start) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            Err(Stop::Wrong(message)) => return Err(message),
        }
    }
}

// === impl Setting ===

impl fmt::Debug for Setting<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Typed => "Typed",
            Self::Text => "Text",
            Self::Json => "Json",
            Self::Literal => "Literal",
            Self::File(_) => "File",
        })
    }
}

// === impl Place ===

impl Place {
    fn below(self) -> Result<Self, Stop> {
        if self.depth == MAX_DEPTH {
            return wrong(format!(
                "lists and maps lie in each other more than {MAX_DEPTH} deep"
            ));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

// === impl Parser ===

impl Parser<'_> {
    /// Reads one name and its value into a map.
    fn key(&mut self, data: &mut Map<String, Value>, place: Place) -> Result<(), Stop> {
        let stops: &[char] = match self.setting {
            Setting::Literal => &['=', '[', '.'],
            _ => &['=', '[', ',', '.'],
        };
        let (key, last) = self.until(stops);
        match last {
            None if key.is_empty() => Err(Stop::End),
            None => wrong(format!("key {key:?} has no value")),
            Some('[') => {
                let index = self.index()?;
                let place = place.below()?;
                match data.get_mut(&key) {
                    Some(Value::Array(list)) => self.item(list, index, place),
                    Some(_) => wrong(format!("unable to parse key: {key:?} is no list")),
                    None => {
                        let mut list = Vec::new();
                        let read = self.item(&mut list, index, place);
                        put(data, key, list.into());
                        read
                    }
                }
            }
            Some('=') => match self.value() {
                Ok(value) => {
                    put(data, key, value);
                    Ok(())
                }
                Err(Stop::End) => {
                    put(data, key, "".into());
                    Err(Stop::End)
                }
                Err(stop) => Err(stop),
            },
            Some('.') => self.inner(data, key, place),
            Some(_) => wrong(format!("key {key:?} has no value (cannot end with ,)")),
        }
    }

    /// Reads what comes after a name and a point.
    fn inner(
        &mut self,
        data: &mut Map<String, Value>,
        key: String,
        place: Place,
    ) -> Result<(), Stop> {
        let mut place = place.below()?;
        place.levels += 1;
        if place.levels > MAX_LEVELS {
            return wrong(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_LEVELS}"
            ));
        }
        let (read, empty) = match data.get_mut(&key) {
            Some(Value::Object(inner)) => (self.key(inner, place), inner.is_empty()),
            Some(_) => return wrong(format!("unable to parse key: {key:?} is no map")),
            None => {
                let mut inner = Map::new();
                let read = self.key(&mut inner, place);
                let empty = inner.is_empty();
                if !empty {
                    put(data, key.clone(), inner.into());
                }
                (read, empty)
            }
        };
        if read.is_ok() && empty {
            return wrong(format!("key map {key:?} has no value"));
        }
        read
    }

    /// Reads what comes after an index.
    fn item(&mut self, list: &mut Vec<Value>, index: usize, place: Place) -> Result<(), Stop> {
        let (key, last) = self.until(&['[', '.', '=']);
        if !key.is_empty() {
            return wrong(format!("unexpected data at end of array index: {key:?}"));
        }
        match last {
            None => Err(Stop::End),
            Some('=') => {
                let value = match self.value() {
                    Err(Stop::End) => "".into(),
                    value => value?,
                };
                self.put_at(list, index, value)
            }
            Some('[') => {
                let next = self.index()?;
                let place = place.below()?;
                match list.get_mut(index) {
                    Some(Value::Array(inner)) => self.item(inner, next, place),
                    None | Some(Value::Null) => {
                        let mut inner = Vec::new();
                        self.item(&mut inner, next, place)?;
                        self.put_at(list, index, inner.into())
                    }
                    Some(_) => wrong(format!("unable to parse key: [{index}] is no list")),
                }
            }
            Some(_) => {
                let place = place.below()?;
                match list.get_mut(index) {
                    Some(Value::Object(inner)) => self.key(inner, place),
                    found => {
                        let is_there = found.map(|found| *found = Map::new().into());
                        let mut inner = Map::new();
                        let read = self.key(&mut inner, place);
                        if read.is_ok() || is_there.is_some() {
                            self.put_at(list, index, inner.into())?;
                        }
                        read
                    }
                }
            }
        }
    }

    fn put_at(&mut self, list: &mut Vec<Value>, index: usize, value: Value) -> Result<(), Stop> {
        if index > MAX_INDEX {
            return wrong(format!(
                "index of {index} is greater than maximum supported index of {MAX_INDEX}"
            ));
        }
        if list.len() <= index {
            self.elements += index + 1 - list.len();
            if self.elements > MAX_ELEMENTS {
                return wrong(format!("lists get more than {MAX_ELEMENTS} elements"));
            }
            list.resize(index + 1, Value::Null);
        }
        if let Some(place) = list.get_mut(index) {
            *place = value;
        }
        Ok(())
    }

    /// Reads up to `]`.
    fn index(&mut self) -> Result<usize, Stop> {
        let (text, last) = self.until(&[']']);
        if last.is_none() {
            return Err(Stop::End);
        }
        match crate::number::parse_integer(&text, 10) {
            None => wrong(format!("error parsing index: {text:?} is no integer")),
            Some(index) => usize::try_from(index)
                .or_else(|_| wrong(format!("negative {index} index not allowed"))),
        }
    }

    /// Reads what comes after `=`; the end stands for an empty text.
    fn value(&mut self) -> Result<Value, Stop> {
        match self.setting {
            Setting::Literal => Ok(std::mem::take(&mut self.rest).into()),
            Setting::Json => self.json(),
            _ => match self.rest.strip_prefix('{') {
                None if self.rest.is_empty() => Err(Stop::End),
                None => {
                    let (text, _) = self.until(&[',']);
                    self.convert(text)
                }
                Some(rest) => {
                    self.rest = rest;
                    self.list()
                }
            },
        }
    }

    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (text, last) = self.until(&[',', '}']);
            if last.is_none() {
                return wrong("list must terminate with '}'".to_owned());
            }
            items.push(self.convert(text)?);
            if last == Some('}') {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                return Ok(items.into());
            }
        }
    }

    fn json(&mut self) -> Result<Value, Stop> {
        if self.blank() {
            return Ok(Value::Null);
        }
        let fail = |error| Stop::Wrong(format!("the value is no JSON: {error}"));
        let mut value = match scalar(self.rest) {
            Some((scalar, rest)) => {
                self.rest = rest;
                serde_json::from_str(scalar).map_err(fail)?
            }
            None => {
                let mut values = serde_json::Deserializer::from_str(self.rest).into_iter();
                let value = values.next().transpose().map_err(fail)?;
                self.rest = self.rest.get(values.byte_offset()..).unwrap_or_default();
                value.unwrap_or_default()
            }
        };
        to_floats(&mut value);
        self.blank();
        Ok(value)
    }

    /// Takes blanks up to a comma or the end, and says whether there is nothing else.
    fn blank(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return true;
        }
        self.rest.is_empty()
    }

    fn convert(&self, text: String) -> Result<Value, Stop> {
        match self.setting {
            Setting::Typed => Ok(typed(text)),
            Setting::File(read) => read(&text).map(Value::from).map_err(Stop::Wrong),
            _ => Ok(text.into()),
        }
    }

    /// Takes text up to one of the characters, which is taken too; none at the end of the text.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let escapes = !matches!(self.setting, Setting::Literal);
        let mut taken = String::new();
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next() {
            if stops.contains(&character) {
                self.rest = characters.as_str();
                return (taken, Some(character));
            }
            if escapes && character == '\\' {
                taken.extend(characters.next());
            } else {
                taken.push(character);
            }
        }
        self.rest = "";
        (taken, None)
    }
}

fn wrong<T>(message: String) -> Result<T, Stop> {
    Err(Stop::Wrong(message))
}

/// Helm sets nothing under an empty name.
fn put(data: &mut Map<String, Value>, key: String, value: Value) {
    if !key.is_empty() {
        data.insert(key, value);
    }
}
