//! Text on its way to Python: UTF-8, known to be valid, as a str. Faster than the interpreter's own decoder, which checks once more and grows the
//! object as it goes. Knows nothing else.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// A str of a text.
#[cfg(feature = "abi3")]
pub(crate) fn to_str<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    PyString::new(py, text)
}

/// A str of a text that is known to be ASCII.
///
/// # Safety
/// All bytes have to be below 128.
#[cfg(feature = "abi3")]
pub(crate) unsafe fn ascii_to_str<'py>(py: Python<'py>, text: &[u8]) -> Bound<'py, PyString> {
    // SAFETY: ASCII is UTF-8.
    PyString::new(py, unsafe { std::str::from_utf8_unchecked(text) })
}

#[cfg(not(feature = "abi3"))]
pub(crate) use compact::{ascii_to_str, to_str};

#[cfg(not(feature = "abi3"))]
mod compact {
    use std::mem::MaybeUninit;

    use super::{Bound, PyString, Python};

    /// A str of a text: one copy for ASCII, one pass to measure and one to widen for everything else.
    pub(crate) fn to_str<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        if text.is_ascii() {
            // SAFETY: this was just seen.
            return unsafe { ascii_to_str(py, text.as_bytes()) };
        }
        let characters = characters(text.as_bytes());
        match text.bytes().fold(0, u8::max) {
            // SAFETY: the highest first byte of a character says which range the highest character is in; there is at least one of it.
            0xf0.. => unsafe { make(py, characters, 0x0010_ffff, |units| widen::<u32>(text, units)) },
            // SAFETY: as above.
            0xc4.. => unsafe { make(py, characters, 0xffff, |units| widen::<u16>(text, units)) },
            // SAFETY: as above.
            _ => unsafe { make(py, characters, 0xff, |units| widen::<u8>(text, units)) },
        }
    }

    /// A str of a text that is known to be ASCII.
    ///
    /// # Safety
    /// All bytes have to be below 128.
    #[inline]
    pub(crate) unsafe fn ascii_to_str<'py>(py: Python<'py>, text: &[u8]) -> Bound<'py, PyString> {
        let copy = |units: &mut [MaybeUninit<u8>]| {
            let length = units.len().min(text.len());
            // SAFETY: neither side is longer than that, and the str is new.
            unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), units.as_mut_ptr().cast(), length) };
            length
        };
        // SAFETY: all characters are below 128, says the caller.
        unsafe { make(py, text.len(), 127, copy) }
    }

    /// A new str of `length` characters, written by `fill`, which says how many it has written.
    ///
    /// # Safety
    /// `highest` has to be that of the range (one byte less its highest bit, one byte, two, or four) which the highest character of the text is
    /// in, and `U` the type of the units that such a str has.
    unsafe fn make<U>(
        py: Python<'_>,
        length: usize,
        highest: u32,
        fill: impl FnOnce(&mut [MaybeUninit<U>]) -> usize,
    ) -> Bound<'_, PyString> {
        // SAFETY: attached (py). PyUnicode_New makes a compact object with room for exactly `length` units of this kind, which nobody else has
        // seen yet; all of them are written before it is shared. Null (no memory, or too long) panics in from_owned_ptr.
        unsafe {
            let object = pyo3::ffi::PyUnicode_New(length.cast_signed(), highest);
            let made = Bound::from_owned_ptr(py, object);
            // The empty str is one for all, and there is nothing to write.
            if length > 0 {
                let units = std::slice::from_raw_parts_mut(pyo3::ffi::PyUnicode_DATA(object).cast::<MaybeUninit<U>>(), length);
                assert_eq!(fill(units), length, "as many characters as were counted");
            }
            made.cast_into_unchecked()
        }
    }

    /// How many characters: bytes that continue none.
    fn characters(text: &[u8]) -> usize {
        // Chunks whose count fits a byte, for the compiler to add up many at once.
        text.chunks(255).map(|chunk| usize::from(chunk.iter().map(|byte| u8::from(byte.cast_signed() >= -64)).sum::<u8>())).sum()
    }

    /// A unit of a str: a character below the limit of its type.
    pub(super) trait Unit: Copy {
        fn of(character: u32) -> Self;
    }

    impl Unit for u8 {
        fn of(character: u32) -> Self {
            character as Self
        }
    }

    impl Unit for u16 {
        fn of(character: u32) -> Self {
            character as Self
        }
    }

    impl Unit for u32 {
        fn of(character: u32) -> Self {
            character
        }
    }

    /// Writes the characters of the text; how many there were.
    pub(super) fn widen<U: Unit>(text: &str, units: &mut [MaybeUninit<U>]) -> usize {
        let (mut rest, mut written) = (text.as_bytes(), 0);
        while let Some(&first) = rest.first() {
            let continued = |index: usize| u32::from(rest.get(index).copied().unwrap_or(0) & 0x3f);
            let head = u32::from(first);
            let (length, character) = match first {
                ..0x80 => {
                    if let Some(eight) = rest.first_chunk::<8>()
                        && u64::from_ne_bytes(*eight) & 0x8080_8080_8080_8080 == 0
                        && let Some(room) = units.get_mut(written..written + 8)
                    {
                        for (unit, byte) in room.iter_mut().zip(eight) {
                            unit.write(U::of(u32::from(*byte)));
                        }
                        written += 8;
                        rest = &rest[8..];
                        continue;
                    }
                    (1, head)
                }
                0x80..0xe0 => (2, (head & 0x1f) << 6 | continued(1)),
                0xe0..0xf0 => (3, (head & 0x0f) << 12 | continued(1) << 6 | continued(2)),
                _ => (4, (head & 0x07) << 18 | continued(1) << 12 | continued(2) << 6 | continued(3)),
            };
            let Some(unit) = units.get_mut(written) else { return written };
            unit.write(U::of(character));
            written += 1;
            rest = rest.get(length..).unwrap_or_default();
        }
        written
    }
}
