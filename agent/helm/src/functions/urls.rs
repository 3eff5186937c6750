//! `urlParse` and `urlJoin`.

use crate::fault::Fault;
use crate::functions::arguments::{map, string};
use crate::functions::{Function, Parameter};
use crate::url::Url;
use crate::value::{Map, Text as TextValue, Value};

use Parameter::{Map as MapType, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlParse", &[Text], |_, a| {
        let url = Url::parse(&string(a, 0)?)
            .map_err(|error| Fault::new(format!("unable to parse url: {error}")))?;
        let fields = [
            ("scheme", url.scheme.clone()),
            ("host", url.host.clone()),
            ("hostname", url.hostname().to_owned()),
            ("path", url.path.clone()),
            ("query", url.query.clone()),
            ("opaque", url.opaque.clone()),
            ("fragment", url.fragment.clone()),
            (
                "userinfo",
                url.user
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string),
            ),
        ];
        let entries = fields.map(|(key, value)| (TextValue::from(key), Value::text(value)));
        Ok(Value::map(entries.into_iter().collect()))
    }),
    Function::new("urlJoin", &[MapType], |_, a| {
        let parts = map(a, 0)?;
        let userinfo = part(&parts, "userinfo")?;
        let user = if userinfo.is_empty() {
            None
        } else {
            let parsed = Url::parse(&format!("proto://{userinfo}@host"));
            let parsed = parsed.map_err(|error| {
                Fault::new(format!("unable to parse userinfo in dict: {error}"))
            })?;
            parsed.user
        };
        let url = Url {
            scheme: part(&parts, "scheme")?,
            opaque: part(&parts, "opaque")?,
            user,
            host: part(&parts, "host")?,
            path: part(&parts, "path")?,
            query: part(&parts, "query")?,
            fragment: part(&parts, "fragment")?,
        };
        Ok(Value::text(url.to_string()))
    }),
];

fn part(parts: &Map, key: &str) -> Result<String, Fault> {
    match parts.get(key.as_bytes()) {
        None => Ok(String::new()),
        Some(Value::Text(text)) => Ok(text.to_str().into_owned()),
        Some(other) => {
            let found = other.kind_name();
            Err(Fault::new(format!(
                "unable to parse {key} key, must be of type string, but {found} found"
            )))
        }
    }
}
