//! Masking (RFC 6455 section 5.3): a fresh key for each frame, from a cryptographic generator, and its application while copying.

use rand::rngs::StdRng;
use rand::rngs::SysRng;
use rand::{Rng, SeedableRng};

/// The bytes to copy and then mask while they are in the nearest cache. A multiple of the key's length.
const BLOCK: usize = 4096;

/// The source of masking keys: a cryptographic generator of the connection's own, so that no key can be foreseen from the ones seen. It takes some
/// 300 bytes, so it is there from the first key on.
#[derive(Default)]
pub(super) struct Keys(Option<Box<StdRng>>);

impl Keys {
    #[inline]
    pub(super) fn next(&mut self) -> [u8; 4] {
        self.0.get_or_insert_with(seeded).next_u32().to_ne_bytes()
    }

    /// Gives the memory back. The next key comes from a newly seeded generator.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

/// Seeded by the system, not by a generator that a fork may have copied.
#[cold]
fn seeded() -> Box<StdRng> {
    Box::new(StdRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| rand::make_rng()))
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
