//! UTF-8 that is known to be valid, as UTF-16: the hosts' own decoders take several times as long. The method is that of Lemire and Muła,
//! "Transcoding Billions of Unicode Characters per Second with SIMD Instructions" (2021): where the characters of the next twelve bytes end says which
//! shuffle brings each into a lane of its own. Knows no host.

/// Converts `utf8`, which must be valid, to UTF-16 in `wide`, which is made long enough. The number of units.
pub(crate) fn convert(utf8: &[u8], wide: &mut Vec<u16>) -> usize {
    // The vector code writes a register at a time; `encoding_rs` wants one unit more.
    if wide.len() < utf8.len() + 16 {
        wide.resize(utf8.len() + 16, 0);
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") && std::arch::is_x86_feature_detected!("sse4.1") {
        // SAFETY: the processor has what the function is compiled for.
        let (read, written) = unsafe { x86::convert(utf8, wide) };
        return written + encoding_rs::mem::convert_utf8_to_utf16(&utf8[read..], &mut wide[written..]);
    }
    encoding_rs::mem::convert_utf8_to_utf16(utf8, wide)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32, _mm_set1_epi8,
        _mm_set1_epi16, _mm_set1_epi32, _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16, _mm_srli_epi32, _mm_storeu_si128,
        _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };
    use std::sync::OnceLock;

    /// How many bytes are looked at together.
    const BLOCK: usize = 64;

    /// How the bytes of some characters go into lanes, lowest byte first.
    #[derive(Clone, Copy)]
    #[repr(align(32))]
    struct Step {
        shuffle: [u8; 16],
        lanes: Lanes,
        /// The bytes that it takes, and the units that it gives.
        bytes: u8,
        units: u8,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Lanes {
        /// Eight of 16 bits, for characters of one or two bytes.
        Narrow,
        /// Four of 32 bits, for characters of up to three bytes.
        Wide,
        /// None: the first character has four bytes, and becomes a pair.
        Pair,
    }

    /// By the places, among the next twelve bytes, where characters end.
    fn steps() -> &'static [Step] {
        static STEPS: OnceLock<Box<[Step]>> = OnceLock::new();
        STEPS.get_or_init(|| (0..1 << 12).map(step_for).collect())
    }

    fn step_for(ends: usize) -> Step {
        let mut starts = [0_usize; 13];
        let mut count = 0;
        for at in 0..12 {
            if ends >> at & 1 == 1 {
                count += 1;
                starts[count] = at + 1;
            }
        }
        let length = |index: usize| starts[index + 1] - starts[index];
        let step = |lanes: Lanes, most: usize, room: usize| {
            let fitting = (0..count).take_while(|index| length(*index) <= most).count().min(16 / room);
            let mut shuffle = [0x80_u8; 16];
            for index in 0..fitting {
                for byte in 0..length(index) {
                    shuffle[index * room + byte] = (starts[index + 1] - 1 - byte) as u8;
                }
            }
            Step { shuffle, lanes, bytes: starts[fitting] as u8, units: fitting as u8 }
        };
        let (narrow, wide) = (step(Lanes::Narrow, 2, 2), step(Lanes::Wide, 3, 4));
        if narrow.units > 0 && narrow.bytes >= wide.bytes {
            narrow
        } else if wide.units > 0 {
            wide
        } else {
            Step { shuffle: [0x80; 16], lanes: Lanes::Pair, bytes: 4, units: 2 }
        }
    }

    /// Converts up to somewhere near the end. How much was read, and written.
    ///
    /// # Safety
    /// The processor must have SSE 4.1; `utf8` must be valid, and `wide` longer than it by 16 at least.
    #[expect(clippy::cast_ptr_alignment, reason = "the stores need no alignment")]
    #[target_feature(enable = "ssse3,sse4.1")]
    pub(super) unsafe fn convert(utf8: &[u8], wide: &mut [u16]) -> (usize, usize) {
        let steps = steps();
        let (mut read, mut written) = (0, 0);
        while read + BLOCK <= utf8.len() {
            // Bit by bit: whether a character ends there, for no byte that continues it follows. Of the last byte it is not known.
            let mut ends = !continuing(&utf8[read..read + BLOCK]) >> 1;
            let known = read + BLOCK - 1;
            // A step looks at twelve bits, and at sixteen bytes.
            while read + 16 <= known {
                // SAFETY: sixteen bytes are there, and room for sixteen units: no more units were written than bytes read.
                let (input, output) =
                    unsafe { (_mm_loadu_si128(utf8.as_ptr().add(read).cast()), wide.as_mut_ptr().add(written).cast::<__m128i>()) };
                if ends & 0xffff == 0xffff {
                    let zero = _mm_setzero_si128();
                    // SAFETY: as above.
                    unsafe {
                        _mm_storeu_si128(output, _mm_unpacklo_epi8(input, zero));
                        _mm_storeu_si128(output.add(1), _mm_unpackhi_epi8(input, zero));
                    }
                    ends >>= 16;
                    read += 16;
                    written += 16;
                    continue;
                }
                let step = &steps[ends as usize & 0xfff];
                // SAFETY: a shuffle is sixteen bytes.
                let lanes = _mm_shuffle_epi8(input, unsafe { _mm_loadu_si128(step.shuffle.as_ptr().cast()) });
                let units = match step.lanes {
                    Lanes::Narrow => {
                        let low = _mm_and_si128(lanes, _mm_set1_epi16(0x7f));
                        let high = _mm_and_si128(lanes, _mm_set1_epi16(0x1f00));
                        _mm_or_si128(low, _mm_srli_epi16(high, 2))
                    }
                    Lanes::Wide => {
                        let low = _mm_and_si128(lanes, _mm_set1_epi32(0x7f));
                        let middle = _mm_and_si128(lanes, _mm_set1_epi32(0x3f00));
                        let high = _mm_and_si128(lanes, _mm_set1_epi32(0x000f_0000));
                        let units = _mm_or_si128(_mm_or_si128(low, _mm_srli_epi32(middle, 2)), _mm_srli_epi32(high, 4));
                        _mm_packus_epi32(units, units)
                    }
                    Lanes::Pair => {
                        let [a, b, c, d] = [0, 1, 2, 3].map(|index| u32::from(utf8[read + index] & 0x3f));
                        let beyond = ((a & 0x07) << 18 | b << 12 | c << 6 | d) - 0x1_0000;
                        _mm_set1_epi32(((0xdc00 | (beyond & 0x3ff)) << 16 | 0xd800 | (beyond >> 10)).cast_signed())
                    }
                };
                // SAFETY: as above.
                unsafe { _mm_storeu_si128(output, units) };
                ends >>= step.bytes;
                read += usize::from(step.bytes);
                written += usize::from(step.units);
            }
        }
        (read, written)
    }

    /// Bit by bit, which of the bytes of a block continue a character: those below -64.
    #[target_feature(enable = "ssse3,sse4.1")]
    fn continuing(block: &[u8]) -> u64 {
        let mut bits = 0;
        for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
            // SAFETY: sixteen bytes are there.
            let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            let below = _mm_movemask_epi8(_mm_cmplt_epi8(bytes, _mm_set1_epi8(-64)));
            bits |= u64::from(below.cast_unsigned()) << (16 * index);
        }
        bits
    }
}
