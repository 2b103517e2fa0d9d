//! Random bytes of the operating system, without the panic on failure that is usual elsewhere.

use std::convert::Infallible;

use ::hpke::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use super::{Seed, hmac};
use crate::Error;

/// Fills `bytes`.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|_| Error::unavailable("no random numbers from the operating system"))
}

/// A new seed.
pub(crate) fn seed() -> Result<Seed, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    fill(seed.as_mut())?;
    Ok(seed)
}

/// Random public bytes: a nonce, a salt, an id.
pub(crate) fn array<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A generator that cannot fail, for libraries that ask for one: blocks of HMAC-SHA256 over a counter, under a fresh seed.
pub(crate) struct Stream {
    key: hmac::Key,
    counter: u64,
}

impl Stream {
    /// Draws the seed, which is what can fail.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { key: hmac::Key::new(&*seed()?), counter: 0 })
    }

    fn block(&mut self) -> Seed {
        self.counter += 1;
        Zeroizing::new(self.key.mac(&[&self.counter.to_be_bytes()]))
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            let block = self.block();
            chunk.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
        }
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_never_repeats_a_block() {
        let mut stream = Stream::new().unwrap();
        let mut bytes = [0; 128];
        stream.try_fill_bytes(&mut bytes).unwrap();
        let blocks: std::collections::BTreeSet<_> = bytes.chunks(32).collect();
        assert_eq!(blocks.len(), 4);
        assert!(!blocks.contains([0; 32].as_slice()));
    }
}
