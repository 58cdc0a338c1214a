//! UTF-8 that is known to be valid, as UTF-16: the hosts' own decoders take several times as long. Knows no host.
//!
//! With AVX-512 every byte of a block makes the unit that would end at it. A compress then drops the bytes that end no character. With SSE 4.1 the
//! method is that of Lemire and Muła, "Transcoding Billions of Unicode Characters per Second with SIMD Instructions" (2021): the ends of the
//! characters in the next twelve bytes choose the shuffle that brings each character into its own lane.

/// Converts `utf8`, which must be valid, to UTF-16 in `wide`, which it makes long enough. Returns the number of units.
pub fn convert(utf8: &[u8], wide: &mut Vec<u16>) -> usize {
    // The vector code writes a register at a time; `encoding_rs` wants one unit more.
    if wide.len() < utf8.len() + 32 {
        wide.resize(utf8.len() + 32, 0);
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512vbmi2") {
        // SAFETY: the processor has the features that the function is compiled for.
        return unsafe { avx512::convert(utf8, wide) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") && std::arch::is_x86_feature_detected!("sse4.1") {
        // SAFETY: the processor has the features that the function is compiled for.
        let (read, written) = unsafe { x86::convert(utf8, wide) };
        return written + encoding_rs::mem::convert_utf8_to_utf16(&utf8[read..], &mut wide[written..]);
    }
    encoding_rs::mem::convert_utf8_to_utf16(utf8, wide)
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m256i, __m512i, __mmask32, _mm512_add_epi16, _mm512_and_si512, _mm512_castsi512_si256, _mm512_cmplt_epu8_mask,
        _mm512_cvtepu8_epi16, _mm512_extracti64x4_epi64, _mm512_mask_mov_epi16, _mm512_maskz_compress_epi16, _mm512_maskz_loadu_epi8,
        _mm512_maskz_mov_epi16, _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_slli_epi16, _mm512_srli_epi16,
        _mm512_storeu_si512,
    };

    const BLOCK: usize = 64;

    /// A bit for each byte: whether a character of one, two, three or four bytes ends there, and whether the first half of the latter's pair does.
    #[derive(Clone, Copy)]
    struct Ends {
        one: u64,
        two: u64,
        three: u64,
        four: u64,
        pair: u64,
    }

    /// Converts all. Returns the number of written units.
    ///
    /// # Safety
    /// The processor must have AVX-512 BW and VBMI2; `utf8` must be valid, and `wide` longer than it by 32 at least.
    #[target_feature(enable = "avx512bw,avx512vbmi2")]
    pub(super) unsafe fn convert(utf8: &[u8], wide: &mut [u16]) -> usize {
        // Where the characters of two, three and four bytes begin in the block before.
        let mut before = [0_u64; 3];
        let mut written = 0;
        for read in (0..utf8.len()).step_by(BLOCK) {
            let valid = u64::MAX >> (BLOCK - (utf8.len() - read).min(BLOCK));
            let at = utf8.as_ptr().wrapping_add(read);
            // No byte is read that the mask does not name: only those of `utf8`.
            let load = |back: usize| {
                let mask = if read == 0 { valid << back } else { valid };
                // SAFETY: those that are named lie in `utf8`.
                unsafe { _mm512_maskz_loadu_epi8(mask, at.wrapping_sub(back).cast()) }
            };
            let (last, middle, first) = (load(0), load(1), load(2));
            let below = |limit: u8| _mm512_cmplt_epu8_mask(last, _mm512_set1_epi8(limit.cast_signed()));
            let (ascii, below_two, below_three, below_four) = (below(0x80), below(0xc0), below(0xe0), below(0xf0));
            let begins = [below_three & !below_two, below_four & !below_three, !below_four];
            let ending = |kind: usize, distance: u32| begins[kind] << distance | before[kind] >> (64 - distance);
            let ends = Ends { one: ascii, two: ending(0, 1), three: ending(1, 2), four: ending(2, 3), pair: ending(2, 2) };
            before = begins;
            let units = (ends.one | ends.two | ends.three | ends.four | ends.pair) & valid;
            let halves = [
                (_mm512_castsi512_si256(last), _mm512_castsi512_si256(middle), _mm512_castsi512_si256(first)),
                (_mm512_extracti64x4_epi64::<1>(last), _mm512_extracti64x4_epi64::<1>(middle), _mm512_extracti64x4_epi64::<1>(first)),
            ];
            for (index, (last, middle, first)) in halves.into_iter().enumerate() {
                let shift = 32 * index;
                let mask = (units >> shift) as __mmask32;
                let squeezed = _mm512_maskz_compress_epi16(mask, units_of(last, middle, first, ends, shift));
                // SAFETY: no more units were written than bytes read, and there is room for a register behind them.
                unsafe { _mm512_storeu_si512(wide.as_mut_ptr().add(written).cast(), squeezed) };
                written += mask.count_ones() as usize;
            }
        }
        written
    }

    /// The units that end at 32 bytes, given with the bytes before them and those before these.
    #[target_feature(enable = "avx512bw")]
    fn units_of(last: __m256i, middle: __m256i, first: __m256i, ends: Ends, shift: usize) -> __m512i {
        let half = |ends: u64| (ends >> shift) as __mmask32;
        let and = |bytes: __m512i, bits: i16| _mm512_and_si512(bytes, _mm512_set1_epi16(bits));
        let (last, middle, first) = (_mm512_cvtepu8_epi16(last), _mm512_cvtepu8_epi16(middle), _mm512_cvtepu8_epi16(first));
        let low = and(last, 0x7f);
        let rest = _mm512_maskz_mov_epi16(!half(ends.one), _mm512_slli_epi16::<6>(and(middle, 0x3f)));
        let high = _mm512_maskz_mov_epi16(half(ends.three), _mm512_slli_epi16::<12>(first));
        let units = _mm512_or_si512(_mm512_or_si512(low, rest), high);
        if ends.four | ends.pair == 0 {
            return units;
        }
        let second = _mm512_or_si512(and(units, 0x3ff), _mm512_set1_epi16(0xdc00_u16.cast_signed()));
        let bits = _mm512_or_si512(
            _mm512_or_si512(_mm512_slli_epi16::<8>(and(first, 0x07)), _mm512_slli_epi16::<2>(and(middle, 0x3f))),
            _mm512_srli_epi16::<4>(and(last, 0x3f)),
        );
        // A character beyond U+FFFF counts from there.
        let pair = _mm512_add_epi16(bits, _mm512_set1_epi16((0xd800_u16 - 0x40).cast_signed()));
        _mm512_mask_mov_epi16(_mm512_mask_mov_epi16(units, half(ends.four), second), half(ends.pair), pair)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32, _mm_set1_epi8,
        _mm_set1_epi16, _mm_set1_epi32, _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16, _mm_srli_epi32, _mm_storeu_si128,
        _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };
    use std::sync::OnceLock;

    /// How many bytes are processed together.
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
        /// The first character has four bytes, and becomes a pair.
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

    /// Converts all but some of the last bytes. Returns the numbers of read bytes and of written units.
    ///
    /// # Safety
    /// The processor must have SSE 4.1; `utf8` must be valid, and `wide` longer than it by 16 at least.
    #[expect(clippy::cast_ptr_alignment, reason = "the stores need no alignment")]
    #[target_feature(enable = "ssse3,sse4.1")]
    pub(super) unsafe fn convert(utf8: &[u8], wide: &mut [u16]) -> (usize, usize) {
        let steps = steps();
        let (mut read, mut written) = (0, 0);
        while read + BLOCK <= utf8.len() {
            // A bit for each byte: whether a character ends there, because no continuation byte follows. It is unknown for the last byte.
            let mut ends = !continuing(&utf8[read..read + BLOCK]) >> 1;
            let known = read + BLOCK - 1;
            // A step uses twelve bits, and reads sixteen bytes.
            while read + 16 <= known {
                // SAFETY: the input has sixteen bytes there, and the output has room for sixteen units: no more units were written than bytes read.
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

#[cfg(test)]
mod tests {
    use super::*;

    type Way = fn(&str) -> Vec<u16>;

    /// Every way that this processor has.
    fn ways() -> Vec<(&'static str, Way)> {
        let mut ways: Vec<(&str, Way)> = vec![("the best", |text| {
            let mut wide = Vec::new();
            let length = convert(text.as_bytes(), &mut wide);
            wide[..length].to_vec()
        })];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("ssse3") && std::arch::is_x86_feature_detected!("sse4.1") {
            ways.push(("SSE 4.1, which leaves the end to others", |text| {
                let mut wide = vec![0; text.len() + 32];
                // SAFETY: the processor has it, the text is valid, and there is room.
                let (read, written) = unsafe { x86::convert(text.as_bytes(), &mut wide) };
                [&wide[..written], &text[read..].encode_utf16().collect::<Vec<_>>()].concat()
            }));
        }
        ways
    }

    /// Texts of characters of one to four bytes, the first and last of each length among them, with each of them at every place of a block.
    fn texts() -> impl Iterator<Item = String> {
        let kinds = ["aZ\0\u{7f}", "\u{80}ß\u{7ff}", "\u{800}你\u{d7ff}\u{e000}\u{ffff}", "\u{10000}😀\u{10ffff}"];
        let mixed: Vec<char> = kinds.concat().chars().collect();
        (0..200).flat_map(move |length| {
            let mixed = mixed.clone();
            kinds.into_iter().enumerate().flat_map(move |(kind, characters)| {
                let other = kinds[(kind + 1) % kinds.len()];
                let mixture: String = (0..length).map(|index| mixed[(index * 7 + length) % mixed.len()]).collect();
                [characters.chars().cycle().take(length).collect(), "x".repeat(length) + characters + other, other.to_owned() + &mixture]
            })
        })
    }

    #[test]
    fn each_way_converts_as_the_standard_library_does() {
        for (name, way) in ways() {
            for text in texts() {
                assert_eq!(way(&text), text.encode_utf16().collect::<Vec<_>>(), "{name}: {text:?}");
            }
        }
    }
}
