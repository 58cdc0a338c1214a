//! permessage-deflate, with a peer that is not zlib-rs (`miniz_oxide`), and the examples of RFC 7692.

use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const TRAILER: [u8; 4] = [0, 0, 0xff, 0xff];
const ALWAYS: CompressionOptions = CompressionOptions {
    threshold: 0,
    level: 1,
    client_max_window_bits: 15,
    server_max_window_bits: 15,
    client_no_context_takeover: false,
    server_no_context_takeover: false,
};

/// The peer's way to compress.
struct Peer(Box<CompressorOxide>);

impl Peer {
    fn new() -> Self {
        Self(Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(6, 0, 0))))
    }

    fn message(&mut self, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        compress_to_output(&mut self.0, data, TDEFLFlush::Sync, |out| {
            bytes.extend_from_slice(out);
            true
        });
        assert!(bytes.ends_with(&TRAILER));
        bytes.truncate(bytes.len() - 4);
        bytes
    }
}

/// The peer's way to inflate.
struct Reader(Box<InflateState>);

impl Reader {
    fn new() -> Self {
        Self(InflateState::new_boxed(DataFormat::Raw))
    }

    fn message(&mut self, compressed: &[u8]) -> Vec<u8> {
        let input = [compressed, &TRAILER].concat();
        let (mut input, mut bytes, mut out) = (&input[..], Vec::new(), vec![0; 1 << 16]);
        loop {
            let result = inflate(&mut self.0, input, &mut out, MZFlush::Sync);
            bytes.extend_from_slice(&out[..result.bytes_written]);
            input = &input[result.bytes_consumed..];
            if input.is_empty() && result.bytes_written < out.len() {
                return bytes;
            }
            result.status.expect("the peer must understand what we compress");
        }
    }
}

fn agreed(answer: &str) -> Agreed {
    extension::agree(Some(&ALWAYS), &format!("permessage-deflate{answer}")).unwrap().unwrap()
}

fn open() -> Protocol {
    compressing(agreed(""), ALWAYS)
}

fn chat(index: usize) -> String {
    format!(
        "{{\"type\":\"message\",\"room\":{},\"from\":\"user-{}\",\"text\":\"hello {}, 漢字 und Ähnliches\"}}",
        index % 3,
        index % 7,
        "x".repeat(index % 90)
    )
}

/// Bytes that do not compress (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(next).collect()
}

/// The frames of RFC 7692 section 7.2.3.
#[test]
fn examples_of_the_rfc() {
    let hello = || Seen::Text("Hello".into());
    for (section, frames) in [
        ("7.2.3.1", &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..]),
        ("7.2.3.1, fragments", &[0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00]),
        ("7.2.3.3, no compression", &[0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
        ("7.2.3.4, BFINAL", &[0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
        ("7.2.3.5, two blocks", &[0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]),
    ] {
        let mut protocol = open();
        assert_eq!(feed(&mut protocol, frames), [hello()], "{section}");
        assert_eq!(feed(&mut protocol, frames), [hello()], "{section}, again");
        assert_eq!(feed(&mut protocol, &frame(FIN | TEXT, b"plain")), [Seen::Text("plain".into())], "{section}");
    }
    let mut protocol = open();
    assert_eq!(feed(&mut protocol, &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]), [hello()]);
    assert_eq!(feed(&mut protocol, &[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]), [hello()], "7.2.3.2, with the window of before");
    assert_eq!(feed(&mut protocol, &[0xc1, 0x01, 0x00]), [Seen::Text(String::new())], "7.2.3.6, an empty message");
    assert_eq!(feed(&mut protocol, &[0xc1, 0x00]), [Seen::Text(String::new())], "not even an empty block");
    assert_eq!(feed(&mut protocol, &[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]), [hello()], "which changes nothing for the next");
}

#[test]
fn a_stream_that_ends_without_an_empty_block_after_it() {
    let mut protocol = open();
    let last_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for _ in 0..3 {
        assert_eq!(feed(&mut protocol, &frame(FIN | RSV1 | TEXT, &last_block)), [Seen::Text("Hello".into())]);
    }
    let twice = [last_block, last_block].concat();
    assert_eq!(feed(&mut protocol, &frame(FIN | RSV1 | TEXT, &twice)), [Seen::Text("HelloHello".into())]);
}

#[test]
fn a_stream_may_end_with_the_message_whatever_its_length() {
    // Around the size of one inflated piece, and that of the piece joined with the trailer.
    for length in [511, 512, 513, 8191, 8192, 8193, 16384] {
        let text: String = (0..length).map(|index| char::from(b'a' + (index * index % 23) as u8)).collect();
        let mut protocol = open();
        let last_block = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6);
        for _ in 0..2 {
            assert_eq!(feed(&mut protocol, &frame(FIN | RSV1 | TEXT, &last_block)), [Seen::Text(text.clone())], "{length}");
        }
    }
}

#[test]
fn a_window_that_the_server_does_not_keep_is_not_kept() {
    let mut protocol = compressing(agreed("; server_no_context_takeover"), ALWAYS);
    let hello = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(feed(&mut protocol, &hello), [Seen::Text("Hello".into())]);
    protocol.idle();
    assert_eq!(feed(&mut protocol, &hello), [Seen::Text("Hello".into())]);
    assert_eq!(feed(&mut protocol, &[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]), [failed(1007)], "refers to what is not there");
}

#[test]
fn wrong_bits_and_wrong_data() {
    let compressed = Peer::new().message(b"Hello");
    for first in [RSV1 | CONTINUATION, FIN | RSV1 | CONTINUATION] {
        let bytes = [frame(RSV1 | TEXT, &compressed), frame(first, b"")].concat();
        assert_eq!(feed(&mut open(), &bytes), [failed(1002)]);
    }
    for control in [PING, PONG, CLOSE] {
        assert_eq!(feed(&mut open(), &[FIN | RSV1 | control]), [failed(1002)]);
    }
    assert_eq!(feed(&mut open(), &[FIN | RSV1 | 0x20 | TEXT]), [failed(1002)]);
    assert_eq!(feed(&mut open(), &frame(FIN | RSV1 | BINARY, &[0xff; 20])), [failed(1007)]);
    assert_eq!(feed(&mut open(), &frame(FIN | RSV1 | TEXT, &Peer::new().message(b"a\xff"))), [failed(1007)]);
}

#[test]
fn impossible_text_fails_within_a_compressed_frame() {
    let compressed = Peer::new().message(&[b"a\xff".as_slice(), &vec![b'b'; 100_000]].concat());
    let bytes = frame(FIN | RSV1 | TEXT, &compressed);
    assert_eq!(feed(&mut open(), &bytes[..bytes.len() - 1]), [failed(1007)]);
}

#[test]
fn the_limit_counts_inflated_bytes() {
    let bytes = frame(FIN | RSV1 | BINARY, &Peer::new().message(&vec![7; 100_000]));
    let with = |max_size| Protocol::new(Config { max_size, compression: Some((agreed(""), ALWAYS)) });
    assert!(bytes.len() < 1000);
    assert_eq!(feed(&mut with(100_000), &bytes), [Seen::Binary(vec![7; 100_000])]);
    assert_eq!(feed(&mut with(99_999), &bytes), [failed(1009)]);
    assert_eq!(feed(&mut with(1000), &bytes[..bytes.len() - 1]), [failed(1009)], "as soon as it is known");
    let noise = noise(2000);
    let stored = frame(FIN | RSV1 | BINARY, &Peer::new().message(&noise));
    assert!(stored.len() > 2004);
    assert_eq!(feed(&mut with(2000), &stored), [Seen::Binary(noise)], "its compressed form may be longer");
}

#[test]
fn a_turn_has_a_budget_of_inflated_bytes() {
    let mut peer = Peer::new();
    let bytes: Vec<u8> = (0..10).flat_map(|_| frame(FIN | RSV1 | BINARY, &peer.message(&vec![0; 1 << 20]))).collect();
    let mut protocol = open();
    let mut batch = Batch::default();
    batch.bytes.extend_from_slice(&bytes);
    let received = protocol.receive(&mut batch, 0, usize::MAX);
    assert_eq!((received.data_messages, received.more), (1, true));
    batch.clear();
    assert_eq!(feed(&mut protocol, b"").len(), 9);
}

#[test]
fn small_messages_and_those_told_so_are_not_compressed() {
    let mut protocol = compressing(agreed(""), CompressionOptions { threshold: 10, ..ALWAYS });
    let text = "aaaaaaaaaa";
    protocol.send(text.into(), None);
    protocol.send(text[1..].into(), None);
    protocol.send(text.into(), Some(false));
    protocol.send(text[1..].into(), Some(true));
    protocol.ping(text.as_bytes());
    for (part, compress) in [(text, None), (&text[1..], None), (text, Some(false)), (&text[1..], Some(true))] {
        protocol.send_fragment(part.into(), true, false, compress).unwrap();
        protocol.send_fragment(part.into(), false, true, None).unwrap();
    }
    let first: Vec<u8> = sent(&mut protocol).iter().map(|sent| sent.first).filter(|first| *first != FIN | CONTINUATION).collect();
    let fragments = [RSV1 | TEXT, TEXT, TEXT, RSV1 | TEXT];
    assert_eq!(first, [&[FIN | RSV1 | TEXT, FIN | TEXT, FIN | TEXT, FIN | RSV1 | TEXT, FIN | PING][..], &fragments].concat());
}

#[test]
fn a_window_of_8_bits_is_answered_by_sending_as_it_is() {
    let mut protocol = compressing(agreed("; client_max_window_bits=8; server_max_window_bits=8"), ALWAYS);
    protocol.send("aaaaaaaaaaaaaaaa".into(), Some(true));
    protocol.send_fragment("aaaaaaaaaaaaaaaa".into(), true, true, None).unwrap();
    let whole = Sent { first: FIN | TEXT, payload: b"aaaaaaaaaaaaaaaa".to_vec() };
    assert_eq!(sent(&mut protocol), [whole.clone(), whole]);
    assert_eq!(feed(&mut protocol, &frame(FIN | RSV1 | TEXT, &Peer::new().message(b"Hello"))), [Seen::Text("Hello".into())]);
}

#[test]
fn the_encoder_may_be_dropped_between_any_two_messages() {
    let mut protocol = open();
    let mut reader = Reader::new();
    for index in 0..100 {
        if index % 7 == 3 {
            protocol.idle();
        }
        protocol.send(Data::Text(&chat(index)), None);
        let [Sent { first, payload }] = &sent(&mut protocol)[..] else { panic!("one frame") };
        assert_eq!(*first, FIN | RSV1 | TEXT);
        assert_eq!(reader.message(payload), chat(index).as_bytes());
    }
}

#[test]
fn without_context_takeover_each_message_stands_alone() {
    for (answer, options) in
        [("; client_no_context_takeover", ALWAYS), ("", CompressionOptions { client_no_context_takeover: true, ..ALWAYS })]
    {
        let mut protocol = compressing(agreed(answer), options);
        for index in 0..10 {
            protocol.send(Data::Text(&chat(index)), None);
            assert_eq!(Reader::new().message(&sent(&mut protocol)[0].payload), chat(index).as_bytes());
        }
    }
}

#[test]
fn a_window_is_not_exceeded() {
    // Two equal halves farther apart than the window: a reference to the first would be out of it.
    for bits in 9..15_u8 {
        let half = noise(1 << bits);
        let mut protocol = compressing(agreed(&format!("; client_max_window_bits={bits}")), ALWAYS);
        protocol.send(Data::Binary(&[&half[..], &half[..]].concat()), Some(true));
        let length = sent(&mut protocol)[0].payload.len();
        assert!(length > 2 * half.len() - half.len() / 8, "{bits} bits: {length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_we_compress_a_peer_inflates(
        messages in vec((vec("[a-cé漢]{0,300}", 1..4), 0..3_u8, 0..200_usize), 1..8), level in 1..=9_u8, bits in 9..=15_u8, takeover: bool,
    ) {
        let answer = format!("; client_max_window_bits={bits}{}", if takeover { "" } else { "; client_no_context_takeover" });
        let mut protocol = compressing(agreed(&answer), CompressionOptions { level, ..ALWAYS });
        let mut reader = Reader::new();
        for (parts, how, repeat) in messages {
            let parts: Vec<String> = parts.iter().map(|part| part.repeat(repeat)).collect();
            match how {
                0 => protocol.send(Data::Text(&parts.concat()), None),
                _ => for (index, part) in parts.iter().enumerate() {
                    protocol.send_fragment(Data::Text(part), index == 0, index + 1 == parts.len(), None).unwrap();
                },
            }
            let frames = sent(&mut protocol);
            assert_eq!(frames[0].first & RSV1, RSV1);
            assert!(frames[1..].iter().all(|frame| frame.first & 0x7f == CONTINUATION));
            let payload: Vec<u8> = frames.iter().flat_map(|frame| frame.payload.clone()).collect();
            assert_eq!(reader.message(&payload), parts.concat().as_bytes());
        }
    }

    #[test]
    fn what_a_peer_compresses_we_inflate(messages in vec(("[a-cé漢]{0,300}", 0..300_usize), 1..8), cut in 1..5000_usize, takeover: bool) {
        let mut protocol = compressing(agreed(if takeover { "" } else { "; server_no_context_takeover" }), ALWAYS);
        let mut peer = Peer::new();
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (text, repeat) in messages {
            let text = text.repeat(repeat);
            bytes.extend(frame(FIN | RSV1 | TEXT, &peer.message(text.as_bytes())));
            expected.push(Seen::Text(text));
            if !takeover {
                peer = Peer::new();
            }
        }
        let seen: Vec<Seen> = bytes.chunks(cut).flat_map(|part| feed(&mut protocol, part)).collect();
        assert!(seen == expected);
    }
}

/// Found by the interoperation with nginx: a mebibyte of random bytes left as a frame that was 5 % larger, and over the peer's limit.
#[test]
fn a_file_that_does_not_shrink_is_sent_as_it_is() {
    let noise = noise(1 << 18);
    let (mut protocol, mut reader) = (open(), Reader::new());
    for index in 0..20 {
        protocol.send(Data::Text(&chat(index)), None);
        let frames = sent(&mut protocol);
        assert_eq!(frames[0].first & 0x40, 0x40);
        assert_eq!(reader.message(&frames[0].payload), chat(index).as_bytes());
        protocol.send(Data::Binary(&noise), None);
        assert_eq!(sent(&mut protocol), [Sent { first: 0x82, payload: noise.clone() }]);
    }
    // The next message must not refer to the file: the peer's window does not have it.
    let quotation = &noise[noise.len() - 400..];
    protocol.send(Data::Binary(quotation), None);
    let frames = sent(&mut protocol);
    assert_eq!(frames[0].first & 0x40, 0x40);
    assert_eq!(reader.message(&frames[0].payload), quotation);
}

#[test]
fn a_message_that_does_not_shrink_grows_by_six_bytes_for_64_kib_and_costs_no_context() {
    for answer in ["", "; client_no_context_takeover", "; client_max_window_bits=9"] {
        let (mut protocol, mut reader) = (compressing(agreed(answer), ALWAYS), Reader::new());
        let mut shrunk = 0;
        for length in [1, 7, 100, 5000, 65_535, 65_536, 200_000, 40] {
            let noise = noise(length);
            protocol.send(Data::Binary(&noise), None);
            let Sent { first, payload } = sent(&mut protocol).remove(0);
            assert_eq!(first, FIN | RSV1 | BINARY);
            assert!(payload.len() <= length + 5 * length.div_ceil(65_535) + 1, "{} bytes for {length}", payload.len());
            assert_eq!(reader.message(&payload), noise);
            // Both ends still have the earlier messages: the end of the noise again, and the chat.
            let text = chat(length);
            protocol.send(Data::Binary(&noise[noise.len().saturating_sub(400)..]), None);
            protocol.send(Data::Text(&text), None);
            for (expected, Sent { payload, .. }) in
                [&noise[noise.len().saturating_sub(400)..], text.as_bytes()].into_iter().zip(sent(&mut protocol))
            {
                shrunk += usize::from(payload.len() < expected.len() / 2);
                assert_eq!(reader.message(&payload), expected);
            }
        }
        assert!(!answer.is_empty() || shrunk > 8, "{shrunk} messages were halved");
    }
}

/// More connections than there are encoders, in turns: each takes up its own context.
#[test]
fn connections_that_share_encoders_do_not_mix_their_contexts() {
    let mut connections: Vec<_> = (0..100).map(|_| (open(), Reader::new())).collect();
    let mut first = Vec::new();
    for round in 0..4 {
        for (number, (protocol, reader)) in connections.iter_mut().enumerate() {
            let text = format!("connection {number} says {}", chat(number).repeat(3));
            protocol.send(Data::Text(&text), Some(true));
            let frames = sent(protocol);
            assert_eq!(reader.message(&frames[0].payload), text.as_bytes(), "round {round}");
            match round {
                0 => first.push(frames[0].payload.len()),
                _ => assert!(frames[0].payload.len() < first[number] / 2, "what was said before is referred to"),
            }
            if round == 2 && number % 3 == 0 {
                protocol.idle();
                (*protocol, *reader) = (open(), Reader::new());
                protocol.send(Data::Text(&text), Some(true));
                assert_eq!(reader.message(&sent(protocol)[0].payload), text.as_bytes());
            }
        }
    }
}
