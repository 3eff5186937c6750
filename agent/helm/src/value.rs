//! The values templates work on: Go's kinds, with maps and lists that every reference shares.

mod compare;
mod text;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::semver::Version;
use crate::time::Time;

pub(crate) use crate::value::compare::MAX_NESTING;
pub(crate) use crate::value::text::Text;

/// A Go value. Which of two kinds of nothing matters: a field of [`Value::Missing`] is missing, a field
/// of [`Value::Nil`] is an error.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// No value at all: reflect's invalid value.
    Missing,
    /// A nil in an `interface{}`.
    Nil,
    Bool(bool),
    Int(i64, IntKind),
    Float(f64),
    Text(Text),
    Bytes(Arc<[u8]>),
    List(List),
    Map(Map),
    Struct(Rc<Struct>),
    Version(Rc<Version>),
    Time(Time),
    /// Nanoseconds.
    Duration(i64),
}

/// Which of Go's integers it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntKind {
    Int,
    Int64,
    Uint64,
    Uint8,
    Month,
    Weekday,
}

/// A slice: its type, and elements that every copy of it shares.
#[derive(Clone, Debug)]
pub(crate) struct List {
    pub(crate) kind: ListKind,
    /// A slice that was never made; JSON has null for it.
    pub(crate) nil: bool,
    pub(crate) items: Rc<RefCell<Vec<Value>>>,
}

/// What a slice holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListKind {
    Any,
    Text,
    Int,
    Lists,
    Versions,
}

/// A map with string keys: its type, and entries that every copy of it shares.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) kind: MapKind,
    pub(crate) entries: Rc<RefCell<BTreeMap<Text, Value>>>,
}

/// What a map holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    Any,
    Values,
    Text,
    Files,
}

/// A Go struct or a pointer to one.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) type_name: &'static str,
    pub(crate) fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Its name in JSON; none when JSON leaves it out.
    pub(crate) json: Option<&'static str>,
    pub(crate) value: Value,
}

// === impl Value ===

impl Value {
    pub(crate) fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(Text::from(text.as_ref()))
    }

    pub(crate) fn int(value: i64) -> Self {
        Self::Int(value, IntKind::Int)
    }

    pub(crate) fn int64(value: i64) -> Self {
        Self::Int(value, IntKind::Int64)
    }

    /// An `int` for a length.
    pub(crate) fn length(value: usize) -> Self {
        Self::int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(ListKind::Any, items))
    }

    pub(crate) fn texts<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(Self::text).collect();
        Self::List(List::new(ListKind::Text, items))
    }

    pub(crate) fn map(entries: BTreeMap<Text, Self>) -> Self {
        Self::Map(Map::new(MapKind::Any, entries))
    }

    /// Whether it is nothing, of either kind.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Missing | Self::Nil)
    }

    /// What is left of a value once it passed a pipeline: a nil interface is no value.
    pub(crate) fn out_of_interface(self) -> Self {
        match self {
            Self::Nil => Self::Missing,
            other => other,
        }
    }

    /// Whether it is true for `if`: not the zero of its type.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value, _) | Self::Duration(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => list.len() > 0,
            Self::Map(map) => !map.entries.borrow().is_empty(),
            Self::Struct(_) | Self::Version(_) | Self::Time(_) => true,
        }
    }

    /// The type as Go's `%T` prints it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "<nil>",
            Self::Nil => "interface {}",
            Self::Bool(_) => "bool",
            Self::Int(_, kind) => kind.type_name(),
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => list.kind.type_name(),
            Self::Map(map) => map.kind.type_name(),
            Self::Struct(structure) => structure.type_name,
            Self::Version(_) => "*semver.Version",
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
        }
    }

    /// The kind as Go's reflect names it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_, kind) => match kind {
                IntKind::Month | IntKind::Weekday => "int",
                _ => kind.type_name(),
            },
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Bytes(_) | Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Struct(structure) if !structure.type_name.starts_with('*') => "struct",
            Self::Struct(_) | Self::Version(_) => "ptr",
            Self::Time(_) => "struct",
            Self::Duration(_) => "int64",
        }
    }

    /// The value of JSON, with its numbers as they are: integers become `int64`, others `float64`.
    pub(crate) fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Self::int64(integer),
                None => Self::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Array(items) => {
                Self::list(items.iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(fields) => {
                let entries = fields
                    .iter()
                    .map(|(key, value)| (Text::from(key.as_str()), Self::from_json(value)));
                Self::map(entries.collect())
            }
        }
    }
}

// === impl IntKind ===

impl IntKind {
    fn type_name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Uint8 => "uint8",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
        }
    }

    pub(crate) fn is_unsigned(self) -> bool {
        matches!(self, Self::Uint64 | Self::Uint8)
    }
}

// === impl List ===

impl List {
    pub(crate) fn new(kind: ListKind, items: Vec<Value>) -> Self {
        Self {
            kind,
            nil: false,
            items: Rc::new(RefCell::new(items)),
        }
    }

    /// A slice that was never made.
    pub(crate) fn nil(kind: ListKind) -> Self {
        Self {
            nil: true,
            ..Self::new(kind, Vec::new())
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.borrow().len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value> {
        self.items.borrow().get(index).cloned()
    }

    /// The elements as they are now.
    pub(crate) fn snapshot(&self) -> Vec<Value> {
        self.items.borrow().clone()
    }
}

// === impl ListKind ===

impl ListKind {
    fn type_name(self) -> &'static str {
        match self {
            Self::Any => "[]interface {}",
            Self::Text => "[]string",
            Self::Int => "[]int",
            Self::Lists => "[][]interface {}",
            Self::Versions => "common.VersionSet",
        }
    }
}

// === impl Map ===

impl Map {
    pub(crate) fn new(kind: MapKind, entries: BTreeMap<Text, Value>) -> Self {
        Self {
            kind,
            entries: Rc::new(RefCell::new(entries)),
        }
    }

    /// The same map under another type.
    pub(crate) fn as_kind(&self, kind: MapKind) -> Self {
        Self {
            kind,
            entries: Rc::clone(&self.entries),
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(crate) fn insert(&self, key: Text, value: Value) {
        self.entries.borrow_mut().insert(key, value);
    }

    /// The entries as they are now, sorted by key.
    pub(crate) fn snapshot(&self) -> Vec<(Text, Value)> {
        let entries = self.entries.borrow();
        entries
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// What a key that is not there stands for: the zero of the map's elements.
    pub(crate) fn zero(&self) -> Value {
        match self.kind {
            MapKind::Any | MapKind::Values => Value::Nil,
            MapKind::Text => Value::text(""),
            MapKind::Files => Value::Bytes(Arc::from([])),
        }
    }
}

// === impl MapKind ===

impl MapKind {
    fn type_name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Values => "common.Values",
            Self::Text => "map[string]string",
            Self::Files => "engine.files",
        }
    }
}

// === impl Struct ===

impl Struct {
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(&field.value)
    }
}
