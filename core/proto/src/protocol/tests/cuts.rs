//! However the bytes of a server are split into reads, the outcome is the same: the events, the end, the answers.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A piece of a stream: mostly right frames, some wrong ones.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => "\\PC{0,40}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..40),
        1 => vec(any::<u8>(), 120..130),
        1 => "[a-zé漢🦀]{60,400}".prop_map(String::into_bytes),
    ];
    let first = prop_oneof![
        8 => Just(FIN | TEXT),
        4 => Just(FIN | BINARY),
        3 => Just(TEXT),
        2 => Just(BINARY),
        4 => Just(CONTINUATION),
        4 => Just(FIN | CONTINUATION),
        3 => Just(FIN | PING),
        2 => Just(FIN | PONG),
        1 => any::<u8>(),
    ];
    prop_oneof![
        40 => (first, payload).prop_map(|(first, payload)| frame(first, &payload)),
        1 => (0..5000_u16, "\\PC{0,9}").prop_map(|(code, reason)| frame(FIN | CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())),
        1 => vec(any::<u8>(), 1..12),
    ]
}

/// A message that is whole, in fragments that are right, compressed or not.
pub(super) fn message() -> impl Strategy<Value = Vec<u8>> {
    ("[a-zé漢🦀 ]{0,300}", vec(any::<prop::sample::Index>(), 0..3), any::<bool>(), any::<bool>()).prop_map(
        |(text, cuts, ping, compress)| {
            let mut server = compressing(Agreed::default(), CompressionOptions { threshold: 0, ..CompressionOptions::default() });
            server.send(Data::Text(&text), Some(compress));
            let Sent { first, payload } = sent(&mut server).remove(0);
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
            at.sort_unstable();
            let mut frames = Vec::new();
            let mut from = 0;
            for (index, to) in at.iter().copied().chain([payload.len()]).enumerate() {
                let kind = if index == 0 { first & !FIN } else { CONTINUATION };
                let fin = if index == at.len() { FIN } else { 0 };
                frames.extend(frame(fin | kind, &payload[from..to]));
                if ping && fin == 0 {
                    frames.extend(frame(FIN | PING, b"between"));
                }
                from = to;
            }
            frames
        },
    )
}

fn outcome(compress: bool, max_size: usize, parts: impl Iterator<Item = impl AsRef<[u8]>>) -> (Vec<Seen>, Vec<Sent>) {
    let compression = compress.then(|| (Agreed::default(), CompressionOptions::default()));
    let mut protocol = Protocol::new(Config { max_size, compression });
    let mut seen = Vec::new();
    let mut answers = Vec::new();
    for part in parts {
        seen.extend(feed(&mut protocol, part.as_ref()));
        answers.extend(sent(&mut protocol));
    }
    (seen, answers)
}

fn check(compress: bool, max_size: usize, stream: &[u8], random_cuts: &[usize]) {
    let whole = outcome(compress, max_size, std::iter::once(stream));
    for size in [1, 2, 3, 7, 100] {
        assert_eq!(outcome(compress, max_size, stream.chunks(size)), whole, "cut every {size} bytes: {stream:x?}");
    }
    let mut rest = stream;
    let parts = random_cuts.iter().map(|size| {
        let (part, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        part
    });
    let parts: Vec<&[u8]> = parts.collect();
    let cut = outcome(compress, max_size, parts.into_iter().chain([rest]));
    assert_eq!(cut, whole, "cut at {random_cuts:?}: {stream:x?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_of_all_kinds(pieces in vec(piece(), 0..8), compress: bool, max_size in prop_oneof![Just(1 << 20), 0..600_usize], cuts in vec(0..200_usize, 0..6)) {
        check(compress, max_size, &pieces.concat(), &cuts);
    }

    #[test]
    fn messages_with_one_wrong_byte(
        messages in vec(message(), 1..5), at: prop::sample::Index, byte: u8, max_size in prop_oneof![Just(1 << 20), 0..600_usize], cuts in vec(0..200_usize, 0..6),
    ) {
        let mut stream = messages.concat();
        let at = at.index(stream.len());
        check(true, max_size, &stream, &cuts);
        stream[at] ^= byte;
        check(true, max_size, &stream, &cuts);
    }
}
