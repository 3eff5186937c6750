//! One value by one verb, flags and padding included (Go's fmt/print.go and fmt/format.go).

use crate::fault::Fault;
use crate::format::float::format_float;
use crate::format::quote::{quote, quote_character};
use crate::format::{Flags, MAX_TEXT};
use crate::value::{IntKind, List, Map, Struct, Value};

/// Collects text up to a limit.
#[derive(Default)]
pub(crate) struct Printer {
    pub(crate) out: Vec<u8>,
    depth: usize,
}

/// How deep a value is printed; Go goes on until its stack is full.
const MAX_DEPTH: usize = 1000;

// === impl Printer ===

impl Printer {
    pub(crate) fn finish(self) -> Result<Vec<u8>, Fault> {
        if self.out.len() > MAX_TEXT {
            return Err(Fault::new(format!(
                "a text of more than {MAX_TEXT} bytes was to be printed"
            )));
        }
        Ok(self.out)
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Prints an operand.
    pub(crate) fn argument(&mut self, value: &Value, verb: char, mut flags: Flags) {
        if verb == 'v' && flags.plus {
            flags.plus = false;
            flags.plus_value = true;
        }
        match (value, verb) {
            (Value::Missing | Value::Nil, 'T' | 'v') => self.pad("<nil>", flags),
            (Value::Missing | Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => self.pad(value.type_name(), flags),
            (_, 'p') => self.bad_verb(value, verb),
            _ => self.value(value, verb, flags),
        }
    }

    fn value(&mut self, value: &Value, verb: char, flags: Flags) {
        if self.out.len() > MAX_TEXT || self.depth > MAX_DEPTH {
            self.out.resize(MAX_TEXT + 1, b'.');
            return;
        }
        match value {
            Value::Missing | Value::Nil => self.pad("<nil>", flags),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => {
                self.pad(if *truth { "true" } else { "false" }, flags);
            }
            Value::Int(number, kind) => self.integer(*number, *kind, verb, flags),
            Value::Float(number) => self.float(*number, verb, flags),
            Value::Text(text) => self.text(text.as_bytes(), verb, flags, value),
            Value::Bytes(bytes) => self.bytes(bytes, verb, flags, value),
            Value::List(list) => self.list(list, verb, flags),
            Value::Map(map) => self.map(map, verb, flags),
            Value::Struct(structure) => self.structure(structure, verb, flags),
            Value::Version(version) => {
                self.text(version.to_string().as_bytes(), verb, flags, value);
            }
            Value::Time(time) => self.text(time.to_string().as_bytes(), verb, flags, value),
            Value::Duration(nanoseconds) => {
                if verb == 'd' {
                    self.integer(*nanoseconds, IntKind::Int64, verb, flags);
                } else {
                    let text = crate::time::duration_text(*nanoseconds);
                    self.text(text.as_bytes(), verb, flags, value);
                }
            }
            Value::Bool(_) => self.bad_verb(value, verb),
        }
    }

    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.write("%!");
        self.write(&verb.to_string());
        self.out.push(b'(');
        if value.is_nothing() {
            self.write("<nil>");
        } else {
            self.write(value.type_name());
            self.out.push(b'=');
            self.value(value, 'v', Flags::default());
        }
        self.out.push(b')');
    }

    fn pad(&mut self, text: &str, flags: Flags) {
        self.pad_bytes(text.as_bytes(), flags);
    }

    fn pad_bytes(&mut self, bytes: &[u8], flags: Flags) {
        let length = String::from_utf8_lossy(bytes).chars().count();
        let missing = flags.width.unwrap_or(0).saturating_sub(length);
        let filler = if flags.zero && !flags.minus {
            b'0'
        } else {
            b' '
        };
        if !flags.minus {
            self.out.resize(self.out.len() + missing, filler);
        }
        self.out.extend_from_slice(bytes);
        if flags.minus {
            self.out.resize(self.out.len() + missing, b' ');
        }
    }

    fn text(&mut self, bytes: &[u8], verb: char, flags: Flags, value: &Value) {
        match verb {
            'v' if flags.sharp => self.pad(&quote(bytes, false), flags),
            'v' | 's' => {
                let bytes = truncated(bytes, flags.precision);
                self.pad_bytes(&bytes, flags);
            }
            'q' => {
                let bytes = truncated(bytes, flags.precision);
                let raw = flags.sharp && can_backquote(&bytes);
                let quoted = if raw {
                    format!("`{}`", String::from_utf8_lossy(&bytes))
                } else {
                    quote(&bytes, flags.plus)
                };
                self.pad(&quoted, flags);
            }
            'x' | 'X' => self.hexadecimal(bytes, verb, flags),
            _ => self.bad_verb(value, verb),
        }
    }

    fn bytes(&mut self, bytes: &[u8], verb: char, flags: Flags, value: &Value) {
        if !matches!(verb, 'v' | 'd') {
            self.text(bytes, verb, flags, value);
            return;
        }
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        self.write(&format!("[{}]", numbers.join(" ")));
    }

    fn hexadecimal(&mut self, bytes: &[u8], verb: char, flags: Flags) {
        let bytes = bytes
            .get(..flags.precision.unwrap_or(bytes.len()).min(bytes.len()))
            .unwrap_or_default();
        let mut digits = String::with_capacity(bytes.len() * 2);
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && flags.space {
                digits.push(' ');
            }
            if flags.sharp && (flags.space || index == 0) {
                digits.push_str("0x");
            }
            digits.push_str(&format!("{byte:02x}"));
        }
        if verb == 'X' {
            digits.make_ascii_uppercase();
        }
        self.pad(&digits, flags);
    }

    fn integer(&mut self, number: i64, kind: IntKind, verb: char, flags: Flags) {
        let value = Value::Int(number, kind);
        let named = match kind {
            IntKind::Month => crate::time::month_name(number),
            IntKind::Weekday => crate::time::weekday_name(number),
            _ => None,
        };
        if let Some(name) = named
            && matches!(verb, 'v' | 's' | 'q')
        {
            self.text(name.as_bytes(), verb, flags, &value);
            return;
        }
        let negative = number < 0 && !kind.is_unsigned();
        let magnitude = if negative {
            number.unsigned_abs()
        } else {
            number.cast_unsigned()
        };
        let character = u32::try_from(number).ok().and_then(char::from_u32);
        let digits = match verb {
            'v' | 'd' => magnitude.to_string(),
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            'c' => {
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                return self.pad(&character.to_string(), flags);
            }
            'q' => {
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                return self.pad(&quote_character(character, flags.plus), flags);
            }
            'U' => {
                let mut text = format!("U+{number:04X}");
                if let (true, Some(character)) = (flags.sharp, character) {
                    text.push_str(&format!(" '{character}'"));
                }
                return self.pad(&text, flags);
            }
            _ => return self.bad_verb(&value, verb),
        };
        self.padded_integer(digits, negative, verb, flags);
    }

    fn padded_integer(&mut self, mut digits: String, negative: bool, verb: char, flags: Flags) {
        let signed = negative || flags.plus || flags.space;
        let least = match (flags.precision, flags.width) {
            (Some(0), _) if digits == "0" => {
                let blank = Flags {
                    zero: false,
                    ..flags
                };
                return self.pad("", blank);
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => {
                width - usize::from(signed && width > 0)
            }
            _ => 0,
        };
        if digits.len() < least {
            digits.insert_str(0, &"0".repeat(least - digits.len()));
        }
        let prefix = match verb {
            'x' if flags.sharp => "0x",
            'X' if flags.sharp => "0X",
            'b' if flags.sharp => "0b",
            'o' if flags.sharp && !digits.starts_with('0') => "0",
            'O' => "0o",
            _ => "",
        };
        digits.insert_str(0, prefix);
        digits.insert_str(0, sign(negative, flags));
        let blank = Flags {
            zero: false,
            ..flags
        };
        self.pad(&digits, blank);
    }

    fn float(&mut self, number: f64, verb: char, flags: Flags) {
        let (format, precision) = match verb {
            'v' => ('g', flags.precision),
            'e' | 'E' | 'f' => (verb, Some(flags.precision.unwrap_or(6))),
            'F' => ('f', Some(flags.precision.unwrap_or(6))),
            'g' | 'G' => (verb, flags.precision),
            _ => return self.bad_verb(&Value::Float(number), verb),
        };
        let text = format_float(number, format, precision);
        let negative = text.starts_with('-');
        let unsigned = text.trim_start_matches(['-', '+']);
        let endless = !number.is_finite();
        let plus = flags.plus || endless && number.is_infinite() && text.starts_with('+');
        let sign = if plus && !negative {
            "+"
        } else {
            sign(negative, flags)
        };
        let blank = Flags {
            zero: false,
            ..flags
        };
        let width = flags.width.unwrap_or(0);
        if flags.zero && !flags.minus && !endless && width > unsigned.len() + sign.len() {
            let zeros = "0".repeat(width - unsigned.len() - sign.len());
            return self.pad(&format!("{sign}{zeros}{unsigned}"), blank);
        }
        self.pad(&format!("{sign}{unsigned}"), blank);
    }

    fn list(&mut self, list: &List, verb: char, flags: Flags) {
        self.depth += 1;
        let go_syntax = verb == 'v' && flags.sharp;
        if go_syntax {
            self.write(Value::List(list.clone()).type_name());
        }
        self.write(if go_syntax { "{" } else { "[" });
        for (index, item) in list.snapshot().iter().enumerate() {
            if index > 0 {
                self.write(if go_syntax { ", " } else { " " });
            }
            self.element(item, verb, flags);
        }
        self.write(if go_syntax { "}" } else { "]" });
        self.depth -= 1;
    }

    fn map(&mut self, map: &Map, verb: char, flags: Flags) {
        self.depth += 1;
        let go_syntax = verb == 'v' && flags.sharp;
        if go_syntax {
            self.write(Value::Map(map.clone()).type_name());
            self.write("{");
        } else {
            self.write("map[");
        }
        for (index, (key, value)) in map.snapshot().iter().enumerate() {
            if index > 0 {
                self.write(if go_syntax { ", " } else { " " });
            }
            self.element(&Value::Text(key.clone()), verb, flags);
            self.out.push(b':');
            self.element(value, verb, flags);
        }
        self.write(if go_syntax { "}" } else { "]" });
        self.depth -= 1;
    }

    fn structure(&mut self, structure: &Struct, verb: char, flags: Flags) {
        self.depth += 1;
        if self.depth == 1 && structure.type_name.starts_with('*') {
            self.out.push(b'&');
        }
        self.out.push(b'{');
        for (index, field) in structure.fields.iter().enumerate() {
            if index > 0 {
                self.out.push(b' ');
            }
            if flags.plus_value {
                self.write(field.name);
                self.out.push(b':');
            }
            self.element(&field.value, verb, flags);
        }
        self.out.push(b'}');
        self.depth -= 1;
    }

    fn element(&mut self, value: &Value, verb: char, flags: Flags) {
        match value {
            Value::Missing | Value::Nil if verb != 'v' => self.bad_verb(value, verb),
            Value::Missing | Value::Nil if flags.sharp => self.write("interface {}(nil)"),
            _ => self.value(value, verb, flags),
        }
    }
}

fn sign(negative: bool, flags: Flags) -> &'static str {
    match (negative, flags.plus, flags.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

fn truncated(bytes: &[u8], precision: Option<usize>) -> std::borrow::Cow<'_, [u8]> {
    let Some(precision) = precision else {
        return bytes.into();
    };
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(precision) {
        Some((end, _)) => bytes.get(..end).unwrap_or(bytes).into(),
        None => bytes.into(),
    }
}

fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars()
            .all(|character| character == '\t' || !character.is_control() && character != '`')
    })
}
