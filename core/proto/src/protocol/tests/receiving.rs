//! What a server may send, and everything that it may not.

use super::*;

#[test]
fn messages_lie_in_the_read_buffer() {
    let mut batch = Batch::default();
    let mut protocol = plain();
    let start = protocol.prepare(&mut batch.bytes);
    batch.bytes.extend([frame(FIN | TEXT, "żółw".as_bytes()), frame(FIN | BINARY, &[0xff; 300]), frame(FIN | TEXT, b"tortoise")].concat());
    let received = protocol.receive(&mut batch, start, 10);
    assert_eq!((received.data_messages, received.more), (3, false));
    assert!(received.end.is_none());
    let [Item::Text(text), Item::Binary(binary), Item::Ascii(ascii)] = &batch.items[..] else { panic!("{batch:?}") };
    assert_eq!((text, binary, ascii), (&(2..9), &(13..313), &(315..323)));
}

#[test]
fn a_byte_order_mark_stays() {
    assert_eq!(feed(&mut plain(), &frame(FIN | TEXT, "\u{feff}a".as_bytes())), [Seen::Text("\u{feff}a".into())]);
}

#[test]
fn empty_messages_and_fragments() {
    let bytes = [
        frame(FIN | TEXT, b""),
        frame(FIN | BINARY, b""),
        frame(TEXT, b""),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b""),
        frame(BINARY, b"a"),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b"b"),
    ]
    .concat();
    let text = || Seen::Text(String::new());
    assert_eq!(feed(&mut plain(), &bytes), [text(), Seen::Binary(vec![]), text(), Seen::Binary(b"ab".to_vec())]);
}

#[test]
fn characters_may_be_split_between_fragments() {
    let text = "aé漢🦀z";
    for at in 0..=text.len() {
        for next in at..=text.len() {
            let bytes = text.as_bytes();
            let frames = [frame(TEXT, &bytes[..at]), frame(CONTINUATION, &bytes[at..next]), frame(FIN | CONTINUATION, &bytes[next..])];
            assert_eq!(feed(&mut plain(), &frames.concat()), [Seen::Text(text.into())]);
        }
    }
}

#[test]
fn control_frames_come_between_fragments_and_pings_are_answered_at_once() {
    let mut protocol = plain();
    let bytes = [frame(BINARY, b"a"), frame(FIN | PING, b"p"), frame(FIN | PONG, b"q"), frame(FIN | CONTINUATION, b"b")].concat();
    assert_eq!(feed(&mut protocol, &bytes), [Seen::Ping(b"p".to_vec()), Seen::Pong(b"q".to_vec()), Seen::Binary(b"ab".to_vec())]);
    assert_eq!(sent(&mut protocol), [Sent { first: FIN | PONG, payload: b"p".to_vec() }]);
}

#[test]
fn a_close_between_fragments_ends_it() {
    let bytes = [frame(TEXT, b"a"), frame(FIN | CLOSE, b"\x03\xe8bye"), frame(FIN | CONTINUATION, b"b")].concat();
    assert_eq!(feed(&mut plain(), &bytes), [Seen::Close(Some(1000), "bye".into())]);
}

#[test]
fn nothing_comes_after_the_end() {
    let mut protocol = plain();
    let bytes = [frame(FIN | CLOSE, b""), frame(FIN | TEXT, b"late"), frame(FIN | PING, b"")].concat();
    assert_eq!(feed(&mut protocol, &bytes), [Seen::Close(None, String::new())]);
    assert_eq!(feed(&mut protocol, &bytes), []);
    assert_eq!(sent(&mut protocol), []);
}

#[test]
fn a_turn_has_a_budget_of_events() {
    let mut bytes = frame(FIN | PING, b"");
    for text in ["a", "b", "c", "d"] {
        bytes.extend(frame(FIN | TEXT, text.as_bytes()));
    }
    bytes.extend(&frame(FIN | TEXT, b"efgh")[..4]);
    for budget in 0..7 {
        let mut protocol = plain();
        let seen = feed_in_turns(&mut protocol, &bytes, budget.max(1));
        assert_eq!(seen.len(), 5, "{seen:?}");
        assert_eq!(feed_in_turns(&mut protocol, b"gh", budget.max(1)), [Seen::Text("efgh".into())]);
    }
}

#[test]
fn large_messages_are_handed_over_in_a_buffer_of_their_own() {
    let payload: Vec<u8> = (0..100_000).map(|index| index as u8).collect();
    let bytes = frame(FIN | BINARY, &payload);
    let mut protocol = plain();
    let mut batch = Batch::default();
    for part in bytes.chunks(9000) {
        assert!(batch.items.is_empty());
        let start = protocol.prepare(&mut batch.bytes);
        batch.bytes.extend_from_slice(part);
        assert!(!protocol.receive(&mut batch, start, 10).more);
        assert!(batch.bytes.is_empty(), "what belongs to an incomplete message does not stay in the batch");
    }
    assert_eq!(see(&batch, &batch.items[0]), Seen::Binary(payload));
    assert!(matches!(&batch.items[..], [Item::Event(_)]));
}

#[test]
fn every_violation_of_the_framing_fails_with_1002() {
    let long = frame(FIN | PING, &[0; 126]);
    let cases: &[(&str, &[u8])] = &[
        ("RSV1 without compression", &[FIN | RSV1 | TEXT]),
        ("RSV2", &[FIN | 0x20 | TEXT]),
        ("RSV3", &[FIN | 0x10 | BINARY]),
        ("RSV2 of a ping", &[FIN | 0x20 | PING]),
        ("opcode 3", &[FIN | 3]),
        ("opcode 7", &[FIN | 7]),
        ("opcode 11", &[FIN | 0x0b]),
        ("opcode 15", &[0x0f]),
        ("a fragmented ping", &[PING]),
        ("a fragmented pong", &[PONG]),
        ("a fragmented close", &[CLOSE]),
        ("masked", &[FIN | TEXT, 0x80]),
        ("masked and long", &[FIN | TEXT, 0xfe]),
        ("a ping of 126 bytes", &long[..2]),
        ("a pong with a 64-bit length", &[FIN | PONG, 127]),
        ("a close of 126 bytes", &[FIN | CLOSE, 126]),
        ("the highest bit of a length", &[FIN | BINARY, 127, 0x80]),
        ("16 bits for 125", &[FIN | BINARY, 126, 0, 125]),
        ("64 bits for 65535", &[FIN | BINARY, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        ("a continuation of nothing", &[FIN, 0]),
        ("a continuation after a whole message", &[FIN | TEXT, 0, 0, 0]),
        ("text within text", &[TEXT, 0, FIN | TEXT, 0]),
        ("binary within text", &[TEXT, 0, 0, 0, BINARY, 0]),
        ("a close of one byte", &[FIN | CLOSE, 1, 3]),
        ("close code 0", &[FIN | CLOSE, 2, 0, 0]),
        ("close code 999", &[FIN | CLOSE, 2, 3, 231]),
        ("close code 1004", &[FIN | CLOSE, 2, 3, 236]),
        ("close code 1005", &[FIN | CLOSE, 2, 3, 237]),
        ("close code 1006", &[FIN | CLOSE, 2, 3, 238]),
        ("close code 1015", &[FIN | CLOSE, 2, 3, 247]),
        ("close code 1016", &[FIN | CLOSE, 2, 3, 248]),
        ("close code 2000", &[FIN | CLOSE, 2, 7, 208]),
        ("close code 5000", &[FIN | CLOSE, 2, 19, 136]),
        ("close code 65535", &[FIN | CLOSE, 2, 255, 255]),
    ];
    for (what, bytes) in cases {
        let mut protocol = plain();
        assert_eq!(feed(&mut protocol, bytes).last(), Some(&failed(1002)), "{what}");
        assert_eq!(feed(&mut protocol, &frame(FIN | TEXT, b"after")), [], "{what}");
    }
}

#[test]
fn what_came_before_a_violation_is_kept() {
    let bytes = [frame(FIN | TEXT, b"good"), vec![0xff]].concat();
    assert_eq!(feed(&mut plain(), &bytes), [Seen::Text("good".into()), failed(1002)]);
}

#[test]
fn text_that_is_not_utf8_fails_with_1007() {
    for bad in [&b"a\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"abc\xe2\x82", b"\xf0\x9f\xa6"] {
        let mut long = vec![b'a'; 70];
        long.extend_from_slice(bad);
        for text in [bad, &long] {
            assert_eq!(feed(&mut plain(), &frame(FIN | TEXT, text)), [failed(1007)], "{text:x?}");
            let fragments = [frame(TEXT, text), frame(FIN | CONTINUATION, b"")].concat();
            assert_eq!(feed(&mut plain(), &fragments), [failed(1007)], "{text:x?}");
        }
    }
    assert_eq!(feed(&mut plain(), &frame(FIN | CLOSE, b"\x03\xe8\xff")), [failed(1007)]);
}

#[test]
fn impossible_text_fails_before_its_frame_is_complete() {
    for (good, bad) in
        [(&b"a"[..], 0xff), (b"\xce", 0x41), (b"\xf4", 0x90), (b"\xe0", 0x80), (b"\xed", 0xa0), (b"", 0xc1), (b"\xf0\x9f", 0x41)]
    {
        let mut protocol = plain();
        let mut start = vec![TEXT, 126, 1, 0];
        start.extend_from_slice(good);
        assert_eq!(feed(&mut protocol, &start), []);
        assert_eq!(feed(&mut protocol, &[bad]), [failed(1007)], "{good:x?} {bad:x}");
    }
}

#[test]
fn the_limit_holds_from_the_header_on() {
    let whole = frame(FIN | BINARY, &[0; 1000]);
    assert_eq!(feed(&mut limited(1000), &whole), [Seen::Binary(vec![0; 1000])]);
    assert_eq!(feed(&mut limited(999), &whole), [failed(1009)]);
    assert_eq!(feed(&mut limited(999), &whole[..4]), [failed(1009)], "no payload is needed to see it");
    assert_eq!(feed(&mut limited(1 << 20), &[FIN | BINARY, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), [failed(1009)]);
    let fragments = [frame(TEXT, &[b'a'; 600]), frame(CONTINUATION, &[b'a'; 400]), frame(CONTINUATION, b"a")].concat();
    assert_eq!(feed(&mut limited(1000), &fragments), [failed(1009)]);
    assert_eq!(feed(&mut limited(1000), &fragments[..fragments.len() - 3]), []);
    assert_eq!(feed(&mut limited(0), &frame(FIN | TEXT, b"")), [Seen::Text(String::new())]);
}

#[test]
fn a_limit_does_not_carry_over_to_the_next_message() {
    let mut protocol = limited(10);
    for _ in 0..3 {
        let bytes = [frame(BINARY, &[1; 6]), frame(FIN | CONTINUATION, &[2; 4]), frame(FIN | BINARY, &[3; 10])].concat();
        assert_eq!(feed(&mut protocol, &bytes), [Seen::Binary([[1; 5], [1, 2, 2, 2, 2]].concat()), Seen::Binary(vec![3; 10])]);
    }
}

#[test]
fn idle_keeps_what_is_under_way() {
    let mut protocol = plain();
    assert_eq!(feed(&mut protocol, &[frame(TEXT, b"ab"), vec![FIN]].concat()), []);
    protocol.idle();
    assert_eq!(feed(&mut protocol, b"\x02cd"), [Seen::Text("abcd".into())]);
    assert_eq!(feed(&mut protocol, &frame(FIN | TEXT, b"x")[..2]), []);
    protocol.idle();
    assert_eq!(feed(&mut protocol, b"x"), [Seen::Text("x".into())]);
}
