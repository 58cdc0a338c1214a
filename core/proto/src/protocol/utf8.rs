//! UTF-8 in pieces, split anywhere: text that can no longer become valid is refused at its first impossible byte.

use std::mem;
use std::str;

/// Bytes that are not, and cannot become, UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// Whether `bytes` are ASCII. Most text is, and then no other check is needed.
#[inline]
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    // The compiler makes a few wide instructions of a block; the standard library's blocks are small.
    let (large, rest) = bytes.as_chunks::<128>();
    let (small, rest) = rest.as_chunks::<32>();
    large.iter().all(all_ascii) && small.iter().all(all_ascii) && rest.is_ascii()
}

#[inline]
fn all_ascii<const SIZE: usize>(block: &[u8; SIZE]) -> bool {
    block.iter().fold(0, |all, byte| all | byte) < 0x80
}

/// Whether `bytes`, a whole text, are UTF-8.
#[inline]
pub(super) fn is_valid(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// A text that is being received.
#[derive(Debug, Default)]
pub(super) struct Text {
    whole: String,
    /// The start of a character whose rest has not arrived.
    partial: [u8; 4],
    partial_length: usize,
}

impl Text {
    /// Makes room, to the byte.
    pub(super) fn reserve_exact(&mut self, additional: usize) {
        self.whole.reserve_exact(additional);
    }

    pub(super) fn capacity(&self) -> usize {
        self.whole.capacity()
    }

    /// The text so far, up to the last whole character.
    pub(super) fn as_str(&self) -> &str {
        &self.whole
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Invalid> {
        while self.partial_length > 0 {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.partial[self.partial_length] = *first;
            self.partial_length += 1;
            match str::from_utf8(&self.partial[..self.partial_length]) {
                Ok(character) => {
                    self.whole.push_str(character);
                    self.partial_length = 0;
                }
                Err(error) if error.error_len().is_some() => return Err(Invalid),
                Err(_) => {}
            }
        }
        let (whole, partial) = bytes.split_at(bytes.len() - unfinished(bytes));
        self.whole.push_str(simdutf8::basic::from_utf8(whole).map_err(|_| Invalid)?);
        if str::from_utf8(partial).is_err_and(|error| error.error_len().is_some()) {
            return Err(Invalid);
        }
        self.partial[..partial.len()].copy_from_slice(partial);
        self.partial_length = partial.len();
        Ok(())
    }

    /// Call it at the end of the text: checks that it ends with a whole character.
    pub(super) fn finish(&self) -> Result<(), Invalid> {
        if self.partial_length == 0 { Ok(()) } else { Err(Invalid) }
    }

    /// Takes the text out.
    pub(super) fn take(&mut self) -> String {
        self.partial_length = 0;
        mem::take(&mut self.whole)
    }

    /// Forgets the text, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.partial_length = 0;
        self.whole.clear();
    }
}

/// How many of the last bytes are the start of an incomplete character.
fn unfinished(bytes: &[u8]) -> usize {
    for (index, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0.. => 4,
            _ => 1,
        };
        return if length > index + 1 { index + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pushes byte by byte. The text, or the index of the byte that was refused, or of the end.
    fn byte_by_byte(bytes: &[u8]) -> Result<String, usize> {
        let mut text = Text::default();
        for (index, byte) in bytes.iter().enumerate() {
            text.push(&[*byte]).map_err(|_| index)?;
        }
        text.finish().map_err(|_| bytes.len())?;
        Ok(text.take())
    }

    /// The same by the standard library: the first byte after which no valid text is possible.
    fn expected(bytes: &[u8]) -> Result<String, usize> {
        for index in 0..bytes.len() {
            if str::from_utf8(&bytes[..=index]).is_err_and(|error| error.error_len().is_some()) {
                return Err(index);
            }
        }
        String::from_utf8(bytes.to_vec()).map_err(|_| bytes.len())
    }

    #[test]
    fn every_start_of_two_bytes() {
        for first in 0..=255 {
            for second in 0..=255 {
                let bytes = [first, second];
                assert_eq!(byte_by_byte(&bytes), expected(&bytes), "{bytes:x?}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_of_any_size(text in "\\PC{0,60}", wrong: Option<(prop::sample::Index, u8)>, size in 1..70_usize) {
            let mut bytes = text.into_bytes();
            if let Some((at, byte)) = wrong && !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let expected = expected(&bytes);
            assert_eq!(byte_by_byte(&bytes), expected);
            let mut text = Text::default();
            let in_pieces = bytes.chunks(size).try_for_each(|piece| text.push(piece)).and_then(|()| text.finish());
            assert_eq!(in_pieces.map(|()| text.take()).ok(), expected.clone().ok());
            assert_eq!(is_valid(&bytes), expected.is_ok());
            assert_eq!(is_ascii(&bytes), bytes.is_ascii());
        }
    }
}
