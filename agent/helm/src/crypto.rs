//! Keys and certificates, with the randomness that is passed in.

pub(crate) mod certificate;
pub(crate) mod der;
pub(crate) mod key;
pub(crate) mod pem;

use std::convert::Infallible;

use rsa_new::rand_core::{TryCryptoRng, TryRng};

use crate::engine::Surroundings;

/// The surroundings' randomness as the crates take it.
pub(crate) struct Random<'w>(pub(crate) &'w dyn Surroundings);

impl TryRng for Random<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill_random(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill_random(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_random(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Random<'_> {}

impl Random<'_> {
    /// A number below a bound, each as likely; 0 for a bound of 0.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        // What is above the last whole multiple would make small numbers likelier.
        let fair = u64::MAX - u64::MAX.checked_rem(bound).unwrap_or(0);
        loop {
            let mut bytes = [0; 8];
            self.0.fill_random(&mut bytes);
            let number = u64::from_le_bytes(bytes);
            if number < fair || bound == 0 {
                return number.checked_rem(bound).unwrap_or(0);
            }
        }
    }
}
