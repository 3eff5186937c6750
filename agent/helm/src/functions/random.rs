//! Random texts and numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::Random;
use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{int, string};
use crate::functions::{Function, Parameter};
use crate::value::Value;

use Parameter::{Int, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("randAlphaNum", &[Int], |context, a| {
        random_text(context, a, |letter| letter.is_ascii_alphanumeric())
    }),
    Function::new("randAlpha", &[Int], |context, a| {
        random_text(context, a, |letter| letter.is_ascii_alphabetic())
    }),
    Function::new("randNumeric", &[Int], |context, a| {
        random_text(context, a, |letter| letter.is_ascii_digit())
    }),
    Function::new("randAscii", &[Int], |context, a| {
        random_text(context, a, |_| true)
    }),
    Function::new("randBytes", &[Int], |context, a| {
        let count = usize::try_from(int(a, 0)?)
            .map_err(|_| Fault::new("runtime error: makeslice: len out of range"))?;
        context.engine.budget.bytes(count)?;
        let mut bytes = vec![0; count];
        context.engine.surroundings.fill_random(&mut bytes);
        Ok(Value::text(STANDARD.encode(bytes)))
    }),
    Function::new("randInt", &[Int, Int], |context, a| {
        let (least, end) = (int(a, 0)?, int(a, 1)?);
        let span = end
            .checked_sub(least)
            .and_then(|span| u64::try_from(span).ok());
        match span {
            None | Some(0) => Err(Fault::new("invalid argument to Intn")),
            Some(span) => {
                let number = Random(context.engine.surroundings).below(span);
                Ok(Value::int(least.saturating_add_unsigned(number)))
            }
        }
    }),
    Function::new("shuffle", &[Text], |context, a| {
        let random = Random(context.engine.surroundings);
        let mut characters: Vec<char> = string(a, 0)?.chars().collect();
        for end in (1..characters.len()).rev() {
            let other = usize::try_from(random.below(end as u64 + 1)).unwrap_or(end);
            characters.swap(end, other);
        }
        Ok(Value::text(characters.into_iter().collect::<String>()))
    }),
    Function::new("uuidv4", &[], |context, _| {
        let mut bytes = [0; 16];
        context.engine.surroundings.fill_random(&mut bytes);
        let number = u128::from_be_bytes(bytes);
        // Version 4, variant 1 (RFC 9562).
        let number = number & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let digits = format!("{number:032x}");
        let part = |start: usize, end: usize| digits.get(start..end).unwrap_or_default();
        let parts = [
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32),
        ];
        Ok(Value::text(parts.join("-")))
    }),
];

fn random_text(
    context: &Context<'_>,
    arguments: &[Value],
    allowed: impl Fn(char) -> bool,
) -> Result<Value, Fault> {
    // A count below zero gives an empty text in Sprig, which drops the error.
    let count = usize::try_from(int(arguments, 0)?).unwrap_or(0);
    context.engine.budget.bytes(count)?;
    let random = Random(context.engine.surroundings);
    let letters: Vec<char> = (' '..='~').filter(|letter| allowed(*letter)).collect();
    let text = (0..count).filter_map(|_| {
        let index = usize::try_from(random.below(letters.len() as u64)).ok()?;
        letters.get(index)
    });
    Ok(Value::text(text.collect::<String>()))
}
