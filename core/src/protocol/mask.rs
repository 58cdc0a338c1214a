//! Masking (RFC 6455 section 5.3): a fresh key for each frame, from a cryptographic generator, and its application while copying.

use rand::rngs::StdRng;
use rand::rngs::SysRng;
use rand::{Rng, SeedableRng};

/// What is copied, then masked while it is still in the nearest cache. A multiple of the key's length.
const BLOCK: usize = 4096;

/// The source of masking keys: a cryptographic generator of the connection's own, so that no key can be foreseen from the ones seen.
pub(super) struct Keys(StdRng);

impl Keys {
    /// Seeds a generator from the system, not from one that a fork may have copied.
    pub(super) fn new() -> Self {
        Self(StdRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| rand::make_rng()))
    }

    #[inline]
    pub(super) fn next(&mut self) -> [u8; 4] {
        self.0.next_u32().to_ne_bytes()
    }
}

/// Appends `payload`, masked with `key`.
#[inline]
pub(super) fn append(output: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    for block in payload.chunks(BLOCK) {
        let start = output.len();
        output.extend_from_slice(block);
        apply(&mut output[start..], key);
    }
}

/// Masks in place. The first byte of `bytes` meets the first one of `key`.
#[inline]
pub(super) fn apply(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_meets_its_key() {
        let key = [1, 20, 60, 200];
        for length in (0..40).chain([BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5]) {
            let payload: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
            let mut output = vec![9; 3];
            append(&mut output, &payload, key);
            let expected: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            assert_eq!(output[..3], [9; 3]);
            assert_eq!(output[3..], expected);
        }
    }
}
