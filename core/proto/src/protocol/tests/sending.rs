//! The bytes that we send, and the count of those that have not left.

use super::*;

fn data(first: u8, payload: &[u8]) -> Sent {
    Sent { first, payload: payload.to_vec() }
}

#[test]
fn lengths_are_minimal_and_payloads_masked() {
    let mut protocol = plain();
    for length in [0, 1, 3, 7, 8, 125, 126, 127, 4095, 4096, 4097, 65535, 65536, 70001] {
        let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
        protocol.send(Data::Binary(&payload), None);
        assert_eq!(sent(&mut protocol), [data(FIN | BINARY, &payload)], "{length}");
    }
    protocol.send(Data::Text("żółw"), Some(true));
    assert_eq!(sent(&mut protocol), [data(FIN | TEXT, "żółw".as_bytes())]);
}

#[test]
fn every_frame_has_a_key_of_its_own() {
    let mut keys = Vec::new();
    let (mut one, mut other) = (plain(), plain());
    for protocol in [&mut one, &mut other] {
        for _ in 0..1000 {
            protocol.ping(b"");
            let key = protocol.output()[2..6].try_into().map(u32::from_be_bytes);
            keys.push(key.unwrap());
            let length = protocol.output().len();
            protocol.wrote(length);
        }
    }
    let different = keys.iter().collect::<std::collections::HashSet<_>>();
    assert!(different.len() > 1990, "only {} of 2000 keys differ", different.len());
    // No bit can be foreseen, neither by itself nor from the key before: ten standard deviations about the half.
    for bit in 0..32 {
        let set = keys.iter().filter(|key| *key >> bit & 1 == 1).count();
        let changed = keys.windows(2).filter(|pair| (pair[0] ^ pair[1]) >> bit & 1 == 1).count();
        assert!((776..=1224).contains(&set) && (776..=1224).contains(&changed), "bit {bit}: {set} set, {changed} changed");
    }
}

#[test]
fn control_frames() {
    let mut protocol = plain();
    protocol.ping(b"a");
    protocol.pong(&[7; 200]);
    protocol.close(Some(CloseCode(4000)), "tired");
    assert!(protocol.is_closed());
    let frames = [data(FIN | PING, b"a"), data(FIN | PONG, &[7; 125]), data(FIN | CLOSE, b"\x0f\xa0tired")];
    assert_eq!(sent(&mut protocol), frames);
}

#[test]
fn nothing_leaves_after_our_close() {
    let mut protocol = plain();
    protocol.close(None, "");
    assert_eq!(sent(&mut protocol), [data(FIN | CLOSE, b"")]);
    protocol.close(Some(CloseCode::NORMAL), "");
    protocol.send("late".into(), None);
    protocol.send_fragment("late".into(), true, true, None).unwrap();
    protocol.ping(b"");
    protocol.pong(b"");
    assert_eq!(feed(&mut protocol, &frame(FIN | PING, b"")), [Seen::Ping(vec![])]);
    assert_eq!(sent(&mut protocol), []);
}

#[test]
fn a_long_reason_is_cut_at_a_character() {
    let mut protocol = plain();
    protocol.close(Some(CloseCode::NORMAL), &"é".repeat(100));
    assert_eq!(sent(&mut protocol)[0].payload[2..], *"é".repeat(61).as_bytes());
}

#[test]
fn other_messages_wait_for_the_last_fragment_and_control_frames_do_not() {
    let mut protocol = plain();
    protocol.send_fragment("ab".into(), true, false, None).unwrap();
    protocol.send("later".into(), None);
    protocol.ping(b"");
    protocol.send_fragment("cd".into(), false, false, None).unwrap();
    assert_eq!(protocol.buffered_amount(), 9);
    assert_eq!(sent(&mut protocol), [data(TEXT, b"ab"), data(FIN | PING, b""), data(CONTINUATION, b"cd")]);
    assert_eq!(protocol.buffered_amount(), 5, "what waits has not left");
    protocol.send_fragment("".into(), false, true, None).unwrap();
    assert_eq!(sent(&mut protocol), [data(FIN | CONTINUATION, b""), data(FIN | TEXT, b"later")]);
    assert_eq!(protocol.buffered_amount(), 0);
}

#[test]
fn fragments_out_of_order_are_an_error() {
    let mut protocol = plain();
    assert!(protocol.send_fragment("a".into(), false, true, None).is_err());
    protocol.send_fragment("a".into(), true, false, None).unwrap();
    assert!(protocol.send_fragment("a".into(), true, true, None).is_err());
    protocol.send_fragment("b".into(), false, true, None).unwrap();
    assert_eq!(sent(&mut protocol), [data(TEXT, b"a"), data(FIN | CONTINUATION, b"b")]);
}

#[test]
fn the_fragments_of_a_message_are_of_one_kind() {
    let mut protocol = plain();
    protocol.send_fragment("a".into(), true, false, None).unwrap();
    let error = protocol.send_fragment(Data::Binary(b"\xff"), false, true, None).unwrap_err();
    assert_eq!(error.code(), crate::error::ErrorCode::InvalidData);
    protocol.send_fragment("b".into(), false, true, None).unwrap();
    assert_eq!(sent(&mut protocol), [data(TEXT, b"a"), data(FIN | CONTINUATION, b"b")]);
}

#[test]
fn a_message_of_one_fragment_is_whole() {
    let mut protocol = plain();
    protocol.send_fragment(Data::Binary(b"a"), true, true, None).unwrap();
    protocol.send("b".into(), None);
    assert_eq!(sent(&mut protocol), [data(FIN | BINARY, b"a"), data(FIN | TEXT, b"b")]);
}

#[test]
fn buffered_amount_counts_payload_that_has_not_left() {
    let mut protocol = plain();
    protocol.send(Data::Binary(&[0; 100]), None);
    protocol.ping(b"not counted");
    protocol.send(Data::Binary(&[0; 50]), None);
    assert_eq!(protocol.buffered_amount(), 150);
    protocol.wrote(6);
    assert_eq!(protocol.buffered_amount(), 150, "the header of the first");
    protocol.wrote(30);
    assert_eq!(protocol.buffered_amount(), 120);
    protocol.wrote(70);
    assert_eq!(protocol.buffered_amount(), 50);
    protocol.wrote(17);
    assert_eq!(protocol.buffered_amount(), 50, "the ping");
    protocol.wrote(protocol.output().len() - 1);
    assert_eq!(protocol.buffered_amount(), 1);
    protocol.wrote(1);
    assert_eq!(protocol.buffered_amount(), 0);
}

#[test]
fn output_survives_any_way_of_writing_it() {
    let payload: Vec<u8> = (0..300_000_u32).map(|index| (index / 7) as u8).collect();
    for step in [1000, 65_536, 70_001, 299_999] {
        let mut protocol = plain();
        let mut wire = Vec::new();
        for part in payload.chunks(30_000) {
            protocol.send(Data::Binary(part), None);
        }
        while !protocol.output().is_empty() {
            let count = step.min(protocol.output().len());
            wire.extend_from_slice(&protocol.output()[..count]);
            protocol.wrote(count);
            assert!(protocol.buffered_amount() <= 300_000 + 80 - wire.len());
        }
        assert_eq!(unmasked(&wire).iter().flat_map(|frame| frame.payload.clone()).collect::<Vec<_>>(), payload);
    }
}

#[test]
fn a_flood_of_pings_costs_no_memory_and_the_last_one_is_answered() {
    let mut protocol = plain();
    for number in 0..100_000_u32 {
        feed(&mut protocol, &frame(FIN | PING, &number.to_be_bytes()));
    }
    assert!(protocol.output().len() < 1000, "{} bytes of pongs", protocol.output().len());
    protocol.send("behind".into(), None);
    let frames = sent(&mut protocol);
    assert_eq!(frames.len(), 65);
    assert_eq!(frames[9], data(FIN | PONG, &9_u32.to_be_bytes()));
    assert_eq!(sent(&mut protocol), [data(FIN | PONG, &99_999_u32.to_be_bytes())]);
    assert_eq!(sent(&mut protocol), []);
}

#[test]
fn idle_keeps_what_waits() {
    let mut protocol = plain();
    protocol.send("a".into(), None);
    protocol.idle();
    assert_eq!(sent(&mut protocol), [data(FIN | TEXT, b"a")]);
    protocol.idle();
    protocol.send_fragment("a".into(), true, false, None).unwrap();
    protocol.idle();
    protocol.send_fragment("b".into(), false, true, None).unwrap();
    assert_eq!(sent(&mut protocol), [data(TEXT, b"a"), data(FIN | CONTINUATION, b"b")]);
}
