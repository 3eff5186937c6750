//! Keys and certificates.

use std::net::IpAddr;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::certificate::{Subject, is_certificate, issue, issuer};
use crate::crypto::key::Key;
use crate::crypto::{Random, pem};
use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{elements, int, string, text};
use crate::functions::{Function, Parameter};
use crate::time::Time;
use crate::value::{Field, Struct, Value};

use Parameter::{Certificate, Int, Items, Text};

/// Bits of a certificate's RSA key, and of one that `genPrivateKey` makes; Sprig's.
const CERTIFICATE_BITS: usize = 2048;
const KEY_BITS: usize = 4096;

/// What making an RSA key takes from the budget: it takes as long as some hundred thousand steps.
const KEY_STEPS: usize = 250_000;

const DAY: i64 = 24 * 3600 * 1_000_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("genPrivateKey", &[Text], private_key),
    Function::new("genCA", &[Text, Int], |context, a| {
        authority(context, a, &new_key(context)?)
    }),
    Function::new("genCAWithKey", &[Text, Int, Text], |context, a| {
        authority(context, a, &given_key(a, 2)?)
    }),
    Function::new(
        "genSelfSignedCert",
        &[Text, Items, Items, Int],
        |context, a| self_signed(context, a, &new_key(context)?),
    ),
    Function::new(
        "genSelfSignedCertWithKey",
        &[Text, Items, Items, Int, Text],
        |context, a| self_signed(context, a, &given_key(a, 4)?),
    ),
    Function::new(
        "genSignedCert",
        &[Text, Items, Items, Int, Certificate],
        |context, a| signed(context, a, &new_key(context)?),
    ),
    Function::new(
        "genSignedCertWithKey",
        &[Text, Items, Items, Int, Certificate, Text],
        |context, a| signed(context, a, &given_key(a, 5)?),
    ),
    Function::new("buildCustomCert", &[Text, Text], custom),
];

fn new_key(context: &Context<'_>) -> Result<Key, Fault> {
    context.engine.budget.steps(KEY_STEPS)?;
    let mut random = Random(context.engine.surroundings);
    Key::rsa(&mut random, CERTIFICATE_BITS)
        .map_err(|error| Fault::new(format!("error generating rsa key: {error}")))
}

fn given_key(arguments: &[Value], index: usize) -> Result<Key, Fault> {
    Key::from_pem(&string(arguments, index)?)
        .map_err(|error| Fault::new(format!("parsing private key: {error}")))
}

fn private_key(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let mut random = Random(context.engine.surroundings);
    let key = match string(arguments, 0)?.as_str() {
        "" | "rsa" => {
            context.engine.budget.steps(KEY_STEPS)?;
            Key::rsa(&mut random, KEY_BITS).map_err(Fault::new)?
        }
        "ecdsa" => Key::ecdsa(&random),
        "ed25519" => Key::ed25519(&random),
        "dsa" => {
            return Err(Fault::new(
                "DSA keys are not made: nothing accepts them any more; use ed25519, ecdsa or rsa",
            ));
        }
        other => return Ok(Value::text(format!("Unknown type {other}"))),
    };
    key.to_pem().map(Value::text).map_err(Fault::new)
}

/// The name, the days, and the names besides.
fn subject(
    context: &Context<'_>,
    arguments: &[Value],
    days: usize,
    is_authority: bool,
) -> Result<Subject, Fault> {
    let mut serial = [0; 16];
    context.engine.surroundings.fill_random(&mut serial);
    let now = Time::new(context.engine.surroundings.now());
    let lifetime = int(arguments, days)?.saturating_mul(DAY);
    let (addresses, names) = if is_authority {
        (Vec::new(), Vec::new())
    } else {
        (addresses(arguments.get(1))?, names(arguments.get(2))?)
    };
    Ok(Subject {
        common_name: string(arguments, 0)?,
        addresses,
        names,
        serial,
        not_after: now.plus(lifetime),
        not_before: now,
        is_authority,
    })
}

fn items(value: Option<&Value>) -> Vec<Value> {
    value.and_then(elements).unwrap_or_default()
}

fn addresses(value: Option<&Value>) -> Result<Vec<IpAddr>, Fault> {
    let read = |item: Value| match &item {
        Value::Text(text) => text
            .to_str()
            .parse()
            .map_err(|_| Fault::new(format!("error parsing ip: {}", text.to_str()))),
        other => {
            let shown = crate::format::display(other)?;
            let shown = String::from_utf8_lossy(&shown);
            Err(Fault::new(format!(
                "error parsing ip: {shown} is not a string"
            )))
        }
    };
    items(value).into_iter().map(read).collect()
}

fn names(value: Option<&Value>) -> Result<Vec<String>, Fault> {
    let read = |item: Value| match &item {
        Value::Text(text) => Ok(text.to_str().into_owned()),
        other => {
            let shown = crate::format::display(other)?;
            let shown = String::from_utf8_lossy(&shown);
            Err(Fault::new(format!(
                "error processing alternate dns name: {shown} is not a string"
            )))
        }
    };
    items(value).into_iter().map(read).collect()
}

fn authority(context: &Context<'_>, arguments: &[Value], key: &Key) -> Result<Value, Fault> {
    let subject = subject(context, arguments, 1, true)?;
    let certificate = issue(&subject, key, None, key).map_err(creating)?;
    pair(&certificate, &key.to_pem().map_err(creating)?)
}

fn self_signed(context: &Context<'_>, arguments: &[Value], key: &Key) -> Result<Value, Fault> {
    let subject = subject(context, arguments, 3, false)?;
    let certificate = issue(&subject, key, None, key).map_err(creating)?;
    pair(&certificate, &key.to_pem().map_err(creating)?)
}

fn signed(context: &Context<'_>, arguments: &[Value], key: &Key) -> Result<Value, Fault> {
    let Some(Value::Struct(signer)) = arguments.get(4) else {
        return Err(Fault::new("unable to decode certificate"));
    };
    let part = |name: &str| match signer.field(name) {
        Some(Value::Text(text)) => text.to_str().into_owned(),
        _ => String::new(),
    };
    let issuer = issuer(&part("Cert")).map_err(Fault::new)?;
    let signer = Key::from_pem(&part("Key"))
        .map_err(|error| Fault::new(format!("error parsing private key: {error}")))?;
    let subject = subject(context, arguments, 3, false)?;
    let certificate = issue(&subject, key, Some(&issuer), &signer).map_err(creating)?;
    pair(&certificate, &key.to_pem().map_err(creating)?)
}

fn creating(error: String) -> Fault {
    Fault::new(format!("error creating certificate: {error}"))
}

fn pair(certificate: &str, key: &str) -> Result<Value, Fault> {
    let field = |name: &'static str, value: &str| Field {
        name,
        json: Some(name),
        value: Value::text(value),
    };
    Ok(Value::Struct(Rc::new(Struct {
        type_name: Certificate.type_name(),
        fields: vec![field("Cert", certificate), field("Key", key)],
    })))
}

fn custom(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let decode = |index: usize, what: &str| {
        let text = text(arguments, index)?;
        let decoded = STANDARD.decode(text.as_bytes());
        let decoded = decoded.map_err(|_| Fault::new(format!("unable to decode base64 {what}")))?;
        Ok::<_, Fault>(String::from_utf8_lossy(&decoded).into_owned())
    };
    let certificate = decode(0, "certificate")?;
    let key = decode(1, "private key")?;
    let Some((_, der)) = pem::decode(&certificate) else {
        return Err(Fault::new("unable to decode certificate"));
    };
    if !is_certificate(&der) {
        return Err(Fault::new(
            "error parsing certificate: decodedCert.Bytes: x509: malformed certificate",
        ));
    }
    Key::from_pem(&key)
        .map_err(|error| Fault::new(format!("error parsing private key: {error}")))?;
    pair(&certificate, &key)
}
