//! JSON, YAML, TOML, base64 and base32 in templates.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::codec::{json, pretty, toml, yaml};
use crate::fault::Fault;
use crate::functions::arguments::{any, text};
use crate::functions::{Function, Parameter};
use crate::value::{Text as TextValue, Value};

use Parameter::{Any, Text};

/// What stands before an error of JSON that came from YAML.
const YAML: &str = "error unmarshaling JSON: while decoding JSON: ";

const PLAIN: json::Style = json::Style {
    raw: false,
    indented: false,
};
const PRETTY: json::Style = json::Style {
    raw: false,
    indented: true,
};
const RAW: json::Style = json::Style {
    raw: true,
    indented: false,
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("toYaml", &[Any], |_, a| {
        Ok(Value::text(to_yaml(a).unwrap_or_default()))
    }),
    Function::new("mustToYaml", &[Any], |_, a| Ok(Value::text(to_yaml(a)?))),
    Function::new("toYamlPretty", &[Any], |_, a| {
        let text = pretty::encode(any(a, 0)?).unwrap_or_default();
        Ok(Value::text(text.strip_suffix('\n').unwrap_or(&text)))
    }),
    Function::new("fromYaml", &[Text], |_, a| {
        into_map(yaml::decode(text(a, 0)?.as_bytes()), YAML)
    }),
    Function::new("fromYamlArray", &[Text], |_, a| {
        into_list(yaml::decode(text(a, 0)?.as_bytes()), YAML)
    }),
    Function::new("toJson", &[Any], |_, a| {
        Ok(Value::text(
            json::encode(any(a, 0)?, PLAIN).unwrap_or_default(),
        ))
    }),
    Function::new("mustToJson", &[Any], |_, a| {
        Ok(Value::text(json::encode(any(a, 0)?, PLAIN)?))
    }),
    Function::new("toPrettyJson", &[Any], |_, a| {
        Ok(Value::text(
            json::encode(any(a, 0)?, PRETTY).unwrap_or_default(),
        ))
    }),
    Function::new("mustToPrettyJson", &[Any], |_, a| {
        Ok(Value::text(json::encode(any(a, 0)?, PRETTY)?))
    }),
    Function::new("toRawJson", &[Any], |_, a| {
        Ok(Value::text(json::encode(any(a, 0)?, RAW)?))
    }),
    Function::new("mustToRawJson", &[Any], |_, a| {
        Ok(Value::text(json::encode(any(a, 0)?, RAW)?))
    }),
    Function::new("fromJson", &[Text], |_, a| {
        into_map(json::decode(text(a, 0)?.as_bytes()), "")
    }),
    Function::new("mustFromJson", &[Text], |_, a| {
        json::decode(text(a, 0)?.as_bytes())
    }),
    Function::new("fromJsonArray", &[Text], |_, a| {
        into_list(json::decode(text(a, 0)?.as_bytes()), "")
    }),
    Function::new("toToml", &[Any], |_, a| {
        Ok(Value::text(match toml::encode(any(a, 0)?) {
            Ok(text) => text,
            Err(error) => error.to_string(),
        }))
    }),
    Function::new("mustToToml", &[Any], |_, a| {
        Ok(Value::text(toml::encode(any(a, 0)?)?))
    }),
    Function::new("fromToml", &[Text], |_, a| {
        into_map(toml::decode(&text(a, 0)?.to_str()), "")
    }),
    Function::new("b64enc", &[Text], |_, a| {
        Ok(Value::text(STANDARD.encode(text(a, 0)?.as_bytes())))
    }),
    Function::new("b64dec", &[Text], |_, a| {
        Ok(Value::text(decode_base64(text(a, 0)?.as_bytes())))
    }),
    Function::new("b32enc", &[Text], |_, a| {
        Ok(Value::text(encode_base32(text(a, 0)?.as_bytes())))
    }),
    Function::new("b32dec", &[Text], |_, a| {
        Ok(Value::text(decode_base32(text(a, 0)?.as_bytes())))
    }),
];

fn to_yaml(arguments: &[Value]) -> Result<String, Fault> {
    let mut text = yaml::encode(any(arguments, 0)?)?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// A map; else one that says under `Error` why there is none.
fn into_map(decoded: Result<Value, Fault>, before: &str) -> Result<Value, Fault> {
    let message = match decoded {
        Ok(value @ Value::Map(_)) => return Ok(value),
        Ok(Value::Nil) => return Ok(Value::map(Default::default())),
        Ok(other) => cannot_unmarshal(before, &other, "map[string]interface {}"),
        Err(error) => error.to_string(),
    };
    let error = [(TextValue::from("Error"), Value::text(message))];
    Ok(Value::map(error.into_iter().collect()))
}

/// A list; else one that holds why there is none.
fn into_list(decoded: Result<Value, Fault>, before: &str) -> Result<Value, Fault> {
    let message = match decoded {
        Ok(value @ Value::List(_)) => return Ok(value),
        Ok(Value::Nil) => {
            return Ok(Value::List(crate::value::List::nil(
                crate::value::ListKind::Any,
            )));
        }
        Ok(other) => cannot_unmarshal(before, &other, "[]interface {}"),
        Err(error) => error.to_string(),
    };
    Ok(Value::list(vec![Value::text(message)]))
}

fn cannot_unmarshal(before: &str, value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::List(_) => "array",
        Value::Map(_) => "object",
        Value::Text(_) => "string",
        Value::Bool(_) => "bool",
        _ => "number",
    };
    format!("{before}json: cannot unmarshal {found} into Go value of type {wanted}")
}

/// Go's decoder skips line ends, and wants padding; the error is the text, as in Sprig.
fn decode_base64(text: &[u8]) -> Vec<u8> {
    // Go does not mind stray bits at the end.
    let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, lenient);
    let lines: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    match engine.decode(&lines) {
        Ok(decoded) => decoded,
        Err(error) => {
            let at = match error {
                // What comes after padding is wrong, not the padding.
                base64::DecodeError::InvalidByte(at, b'=') if at % 4 == 3 => at + 1,
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                base64::DecodeError::InvalidLength(length) => length / 4 * 4,
                base64::DecodeError::InvalidPadding => lines.len() / 4 * 4,
            };
            format!("illegal base64 data at input byte {at}").into_bytes()
        }
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode_base32(bytes: &[u8]) -> String {
    let mut encoded = String::new();
    for chunk in bytes.chunks(5) {
        let mut bits = 0u64;
        for index in 0..5 {
            bits = bits << 8 | u64::from(chunk.get(index).copied().unwrap_or(0));
        }
        let used = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = (bits >> (35 - 5 * index) & 31) as usize;
            let letter = BASE32.get(digit).filter(|_| index < used);
            encoded.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
    encoded
}

fn decode_base32(text: &[u8]) -> Vec<u8> {
    let lines: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let fail = |at: usize| format!("illegal base32 data at input byte {at}").into_bytes();
    let mut decoded = Vec::new();
    if !lines.len().is_multiple_of(8) {
        return fail(lines.len() / 8 * 8);
    }
    for (block, chunk) in lines.chunks(8).enumerate() {
        let used = chunk.iter().take_while(|byte| **byte != b'=').count();
        let padding = chunk.iter().skip(used).all(|byte| *byte == b'=');
        let last = (block + 1) * 8 == lines.len();
        if !padding || !matches!(used, 2 | 4 | 5 | 7 | 8) || used < 8 && !last {
            return fail(block * 8 + used);
        }
        let mut bits = 0u64;
        for (index, byte) in chunk.iter().enumerate() {
            let digit = if index < used {
                match BASE32.iter().position(|letter| letter == byte) {
                    Some(digit) => digit as u64,
                    None => return fail(block * 8 + index),
                }
            } else {
                0
            };
            bits = bits << 5 | digit;
        }
        let bytes = bits.to_be_bytes();
        decoded.extend(bytes.iter().skip(3).take(used * 5 / 8));
    }
    decoded
}
