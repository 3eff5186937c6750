//! Shamir's secret sharing over GF(2^8), as SOPS splits a data key among key groups.
//!
//! A share is the value of one polynomial per byte, followed by the point it was taken at.

use crate::error::Error;
use crate::plain::Plain;

/// The low byte of AES's polynomial x^8 + x^4 + x^3 + x + 1, which the field is built on.
const REDUCTION: u8 = 0x1B;

/// Puts the secret together from shares of distinct points.
pub(crate) fn combine(shares: &[Plain]) -> Result<Plain, Error> {
    let broken = |reason: &str| Error::NoKey(format!("the parts of the data key {reason}"));
    let mut samples = Vec::with_capacity(shares.len());
    for share in shares {
        let (point, values) = share.split_last().ok_or_else(|| broken("are empty"))?;
        if samples.iter().any(|(known, _)| known == point) {
            return Err(broken("repeat each other"));
        }
        samples.push((*point, values));
    }
    let length = samples.first().map_or(0, |(_, values)| values.len());
    if samples.len() < 2 || length == 0 {
        return Err(broken("are too few"));
    }
    if samples.iter().any(|(_, values)| values.len() != length) {
        return Err(broken("differ in length"));
    }
    let points: Vec<u8> = samples.iter().map(|(point, _)| *point).collect();
    let weights: Vec<u8> = points.iter().map(|point| weight(*point, &points)).collect();
    let mut secret = vec![0; length];
    for ((_, values), weight) in samples.iter().zip(weights) {
        for (sum, value) in secret.iter_mut().zip(*values) {
            *sum ^= multiply(*value, weight);
        }
    }
    Ok(Plain::new(secret))
}

/// Lagrange's basis polynomial of a point, at zero.
fn weight(point: u8, points: &[u8]) -> u8 {
    let others = points.iter().filter(|other| **other != point);
    others.fold(1, |product, other| {
        multiply(product, multiply(*other, inverse(point ^ other)))
    })
}

/// The multiplicative inverse: every element but zero has order 255, so it is the 254th power.
fn inverse(value: u8) -> u8 {
    let mut power = value;
    let mut result = 1;
    // 254 is 0b1111_1110: all squares but the first.
    for _ in 1..8 {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    result
}

/// Multiplies in constant time.
fn multiply(left: u8, right: u8) -> u8 {
    (0..8).rev().fold(0, |sum: u8, bit| {
        let reduced = (sum << 1) ^ ((sum >> 7).wrapping_neg() & REDUCTION);
        reduced ^ (((right >> bit) & 1).wrapping_neg() & left)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share of the polynomial `secret + slope * x`.
    fn share(secret: &[u8], slope: &[u8], point: u8) -> Plain {
        let values = secret.iter().zip(slope);
        let mut bytes: Vec<u8> = values.map(|(s, a)| s ^ multiply(*a, point)).collect();
        bytes.push(point);
        Plain::new(bytes)
    }

    #[test]
    fn every_element_times_its_inverse_is_one() {
        for value in 1..=255 {
            assert_eq!(multiply(value, inverse(value)), 1, "{value}");
        }
        // FIPS 197, section 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xC1);
    }

    #[test]
    fn two_shares_of_a_line_give_its_start() {
        let (secret, slope) = ([7, 0, 255, 19], [3, 200, 1, 90]);
        let shares: Vec<_> = (1..=3).map(|point| share(&secret, &slope, point)).collect();
        for pair in [[0, 1], [1, 2], [2, 0]] {
            let chosen: Vec<_> = pair.iter().map(|at| shares[*at].clone()).collect();
            assert_eq!(&*combine(&chosen).unwrap(), &secret);
        }
        assert_eq!(&*combine(&shares).unwrap(), &secret);
    }

    #[test]
    fn broken_shares_are_refused() {
        let whole = share(&[1, 2], &[3, 4], 1);
        for shares in [
            vec![],
            vec![whole.clone()],
            vec![whole.clone(), whole.clone()],
            vec![whole.clone(), Plain::new(vec![9, 2])],
            vec![whole.clone(), Plain::new(vec![])],
            vec![Plain::new(vec![1]), Plain::new(vec![2])],
        ] {
            assert!(combine(&shares).is_err(), "{} shares", shares.len());
        }
    }
}
