//! Text on its way to Python: UTF-8, known to be valid, as a str. Faster than the interpreter's own decoder, which checks once more and grows the
//! object as it goes. Knows nothing else.

#[cfg(feature = "abi3")]
use pyo3::prelude::*;
#[cfg(feature = "abi3")]
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
    use std::cell::RefCell;
    use std::mem::MaybeUninit;

    use heartwire::binding::utf16;
    use pyo3::prelude::*;
    use pyo3::types::PyString;

    /// How many bytes are converted at a time.
    const PIECE: usize = 4096;

    thread_local! {
        /// A piece of text on its way to a str.
        static WIDE: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
    }

    /// A str of a text: one copy for ASCII. Other text takes one pass to measure, and one through UTF-16, for which there is vector code.
    pub(crate) fn to_str<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        if text.is_ascii() {
            // SAFETY: checked just above.
            return unsafe { ascii_to_str(py, text.as_bytes()) };
        }
        let characters = characters(text.as_bytes());
        match text.bytes().fold(0, u8::max) {
            // SAFETY: the highest first byte of a character gives the range of the highest character, and at least one character is in it.
            0xf0.. => unsafe { make(py, characters, 0x0010_ffff, |units| fill::<u32>(text, units)) },
            // SAFETY: as above.
            0xc4.. => unsafe { make(py, characters, 0xffff, |units| fill::<u16>(text, units)) },
            // SAFETY: as above.
            _ => unsafe { make(py, characters, 0xff, |units| fill::<u8>(text, units)) },
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
        // SAFETY: the caller guarantees that all characters are below 128.
        unsafe { make(py, text.len(), 127, copy) }
    }

    /// A new str of `length` characters, written by `fill`, which returns how many it has written.
    ///
    /// # Safety
    /// `highest` must be the largest value of the range of the text's highest character (seven bits, one byte, two, or four), and `U` the unit type
    /// of such a str.
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
            // There is only one empty str, and nothing to write.
            if length > 0 {
                let units = std::slice::from_raw_parts_mut(pyo3::ffi::PyUnicode_DATA(object).cast::<MaybeUninit<U>>(), length);
                assert_eq!(fill(units), length, "as many characters as were counted");
            }
            made.cast_into_unchecked()
        }
    }

    /// The number of characters: it equals the number of bytes that start one.
    fn characters(text: &[u8]) -> usize {
        // In chunks whose count fits a byte, so that the compiler can add up many at once.
        text.chunks(255).map(|chunk| usize::from(chunk.iter().map(|byte| u8::from(byte.cast_signed() >= -64)).sum::<u8>())).sum()
    }

    /// Writes the characters of the text, and returns their number.
    fn fill<U: Unit>(text: &str, units: &mut [MaybeUninit<U>]) -> usize {
        let (mut rest, mut written) = (text, 0);
        WIDE.with_borrow_mut(|wide| {
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(boundary(rest, PIECE));
                let length = utf16::convert(piece.as_bytes(), wide);
                written += U::put(&wide[..length], &mut units[written..]);
                rest = behind;
            }
        });
        written
    }

    /// The last end of a character that is not behind `at`.
    fn boundary(text: &str, at: usize) -> usize {
        (0..=at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
    }

    /// A unit of a str: a character below the limit of its type.
    trait Unit: Sized {
        /// Writes whole characters, all below the limit, and returns their number.
        fn put(utf16: &[u16], units: &mut [MaybeUninit<Self>]) -> usize;
    }

    impl Unit for u8 {
        fn put(utf16: &[u16], units: &mut [MaybeUninit<Self>]) -> usize {
            units.iter_mut().zip(utf16).map(|(unit, character)| unit.write(*character as Self)).count()
        }
    }

    impl Unit for u16 {
        fn put(utf16: &[u16], units: &mut [MaybeUninit<Self>]) -> usize {
            units.iter_mut().zip(utf16).map(|(unit, character)| unit.write(*character)).count()
        }
    }

    impl Unit for u32 {
        fn put(utf16: &[u16], units: &mut [MaybeUninit<Self>]) -> usize {
            let (mut rest, mut written) = (utf16, 0);
            while !rest.is_empty() && written < units.len() {
                if let Some((eight, behind)) = rest.split_first_chunk::<8>()
                    && !eight.iter().fold(false, |found, unit| found | is_surrogate(*unit))
                    && let Some(room) = units.get_mut(written..written + 8)
                {
                    room.iter_mut().zip(eight).for_each(|(unit, character)| _ = unit.write(Self::from(*character)));
                    (rest, written) = (behind, written + 8);
                    continue;
                }
                // One by one to the end, or up to a pair and with it.
                let mut singles = rest.iter();
                for unit in &mut units[written..] {
                    let Some(&first) = singles.next() else { break };
                    written += 1;
                    let low = if is_surrogate(first) { singles.next() } else { None };
                    let Some(low) = low else {
                        unit.write(Self::from(first));
                        continue;
                    };
                    unit.write(0x1_0000 + ((Self::from(first) & 0x3ff) << 10 | Self::from(*low) & 0x3ff));
                    break;
                }
                rest = singles.as_slice();
            }
            written
        }
    }

    /// Whether a unit is half of a pair.
    fn is_surrogate(unit: u16) -> bool {
        unit & 0xf800 == 0xd800
    }
}
