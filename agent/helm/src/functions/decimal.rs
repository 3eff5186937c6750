//! Decimal arithmetic for `addf`, `subf`, `mulf` and `divf`, as shopspring/decimal does it: exact, and
//! division to 16 places.

use crate::fault::Fault;
use crate::functions::numbers::to_float;
use crate::value::Value;

/// What is done with two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Places after the point that a quotient has.
const DIVISION_PLACES: i32 = 16;

/// The most decimal digits a result may have: a product of some hundred floats, far above what a float
/// can tell apart.
const MAX_DIGITS: usize = 20_000;

/// Digits, most significant first, and a power of ten.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Limbs of nine digits, least significant first, none at the top zero.
    limbs: Vec<u32>,
    exponent: i32,
}

const BASE: u64 = 1_000_000_000;

/// Folds numbers with an operation, from a start.
pub(super) fn fold(start: f64, numbers: &[Value], operation: Operation) -> Result<Value, Fault> {
    let mut result = Decimal::from_float(start)?;
    for number in numbers {
        let number = Decimal::from_float(to_float(number))?;
        result = match operation {
            Operation::Add => result.add(&number),
            Operation::Subtract => result.add(&number.negated()),
            Operation::Multiply => result.multiply(&number),
            Operation::Divide => result.divide(&number)?,
        };
        if result.limbs.len() > MAX_DIGITS / 9 {
            return Err(Fault::new(format!(
                "the number has more than {MAX_DIGITS} digits"
            )));
        }
    }
    Ok(Value::Float(result.to_float()))
}

// === impl Decimal ===

impl Decimal {
    /// The shortest digits that read back as the float.
    fn from_float(value: f64) -> Result<Self, Fault> {
        if !value.is_finite() {
            return Err(Fault::new(format!(
                "Cannot create a Decimal from {}",
                crate::format::float::format_float(value, 'g', None)
            )));
        }
        let text = format!("{:e}", value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let decimals = mantissa.split_once('.').map_or(0, |(_, rest)| rest.len());
        let digits = mantissa.replace('.', "");
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Ok(Self {
            negative: value < 0.0,
            limbs: limbs(&digits),
            exponent: exponent - i32::try_from(decimals).unwrap_or(0),
        })
    }

    fn to_float(&self) -> f64 {
        let sign = if self.negative && !self.limbs.is_empty() {
            "-"
        } else {
            ""
        };
        let text = format!("{sign}{}e{}", digits(&self.limbs), self.exponent);
        text.parse().unwrap_or(0.0)
    }

    fn negated(&self) -> Self {
        Self {
            negative: !self.negative,
            ..self.clone()
        }
    }

    /// With a smaller exponent.
    fn scaled(&self, exponent: i32) -> Self {
        let places = usize::try_from(self.exponent - exponent).unwrap_or(0);
        let text = format!("{}{}", digits(&self.limbs), "0".repeat(places));
        Self {
            negative: self.negative,
            limbs: limbs(&text),
            exponent,
        }
    }

    fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let (one, other) = (self.scaled(exponent), other.scaled(exponent));
        let (negative, limbs) = if one.negative == other.negative {
            (one.negative, sum(&one.limbs, &other.limbs))
        } else if compare(&one.limbs, &other.limbs).is_ge() {
            (one.negative, difference(&one.limbs, &other.limbs))
        } else {
            (other.negative, difference(&other.limbs, &one.limbs))
        };
        Self {
            negative,
            limbs,
            exponent,
        }
    }

    fn multiply(&self, other: &Self) -> Self {
        Self {
            negative: self.negative != other.negative,
            limbs: product(&self.limbs, &other.limbs),
            exponent: self.exponent + other.exponent,
        }
    }

    /// Rounded to the places of a quotient, halves away from zero.
    fn divide(&self, other: &Self) -> Result<Self, Fault> {
        if other.limbs.is_empty() {
            return Err(Fault::new("decimal division by 0"));
        }
        // One place more, to round by.
        let exponent = -DIVISION_PLACES - 1;
        let shift = self.exponent - other.exponent - exponent;
        let zeros = "0".repeat(usize::try_from(shift.unsigned_abs()).unwrap_or(0));
        let (mut one, mut two) = (digits(&self.limbs), digits(&other.limbs));
        if shift >= 0 {
            one.push_str(&zeros);
        } else {
            two.push_str(&zeros);
        }
        let quotient = quotient(&one, &limbs(&two));
        let rounded = sum(&quotient, &[5]);
        let mut text = digits(&rounded);
        text.pop();
        Ok(Self {
            negative: self.negative != other.negative,
            limbs: limbs(&text),
            exponent: -DIVISION_PLACES,
        })
    }
}

/// Reads digits.
fn limbs(digits: &str) -> Vec<u32> {
    let bytes = digits.as_bytes();
    let limbs = bytes.rchunks(9).map(|chunk| {
        chunk
            .iter()
            .fold(0u32, |limb, digit| limb * 10 + u32::from(digit - b'0'))
    });
    trimmed(limbs.collect())
}

fn trimmed(mut limbs: Vec<u32>) -> Vec<u32> {
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
    limbs
}

fn digits(limbs: &[u32]) -> String {
    let mut limbs = limbs.iter().rev();
    let mut text = limbs.next().map_or_else(|| "0".to_owned(), u32::to_string);
    for limb in limbs {
        text.push_str(&format!("{limb:09}"));
    }
    text
}

fn compare(one: &[u32], other: &[u32]) -> std::cmp::Ordering {
    let lengths = one.len().cmp(&other.len());
    lengths.then_with(|| one.iter().rev().cmp(other.iter().rev()))
}

fn sum(one: &[u32], other: &[u32]) -> Vec<u32> {
    let mut carry = 0;
    let mut limbs = Vec::new();
    for index in 0..one.len().max(other.len()) {
        let limb = |limbs: &[u32]| u64::from(limbs.get(index).copied().unwrap_or(0));
        let total = limb(one) + limb(other) + carry;
        limbs.push((total % BASE) as u32);
        carry = total / BASE;
    }
    limbs.push(carry as u32);
    trimmed(limbs)
}

/// The larger one first.
fn difference(one: &[u32], other: &[u32]) -> Vec<u32> {
    let mut borrow = 0;
    let mut limbs = Vec::new();
    for (index, limb) in one.iter().enumerate() {
        let taken = u64::from(other.get(index).copied().unwrap_or(0)) + borrow;
        let limb = u64::from(*limb);
        borrow = u64::from(limb < taken);
        limbs.push((limb + borrow * BASE - taken) as u32);
    }
    trimmed(limbs)
}

fn product(one: &[u32], other: &[u32]) -> Vec<u32> {
    let mut result: Vec<u32> = Vec::new();
    for (index, limb) in other.iter().enumerate() {
        let mut row = vec![0; index];
        let mut carry = 0;
        for digit in one {
            let total = u64::from(*limb) * u64::from(*digit) + carry;
            row.push((total % BASE) as u32);
            carry = total / BASE;
        }
        row.push(carry as u32);
        result = sum(&result, &row);
    }
    trimmed(result)
}

/// Long division, digit by digit.
fn quotient(dividend: &str, divisor: &[u32]) -> Vec<u32> {
    let mut rest: Vec<u32> = Vec::new();
    let mut text = String::with_capacity(dividend.len());
    for digit in dividend.bytes() {
        rest = sum(&product(&rest, &[10]), &[u32::from(digit - b'0')]);
        let mut count = 0u8;
        while compare(&rest, divisor).is_ge() {
            rest = difference(&rest, divisor);
            count += 1;
        }
        text.push(char::from(b'0' + count));
    }
    limbs(&text)
}
