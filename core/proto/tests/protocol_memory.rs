//! The allocations of the protocol layer: none for a small message once it is warm, and never much more than `max_size`, whatever a server sends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use heartwire_proto::event::Batch;
use heartwire_proto::message::Data;
use heartwire_proto::options::CompressionOptions;
use heartwire_proto::protocol::extension::Agreed;
use heartwire_proto::protocol::{Config, End, Protocol};

/// Counts the allocations of the current thread.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn note(allocations: usize, bytes: isize) {
    COUNT.with(|count| count.set(count.get() + allocations));
    let now = NOW.with(|now| {
        now.set(now.get() + bytes);
        now.get()
    });
    PEAK.with(|peak| peak.set(peak.get().max(now)));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size().cast_signed());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -layout.size().cast_signed());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often `work` allocates.
fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

/// How much more than before is allocated at the worst moment of `work`.
fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.with(Cell::get);
    PEAK.with(|peak| peak.set(before));
    work();
    (PEAK.with(Cell::get) - before).cast_unsigned()
}

fn held() -> isize {
    NOW.with(Cell::get)
}

fn protocol(max_size: usize, compress: bool) -> Protocol {
    let options = CompressionOptions::new().threshold(0);
    Protocol::new(Config { max_size, compression: compress.then(|| (Agreed::default(), options)) })
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 127];
    match payload.len() {
        length @ 0..126 => frame[1] = length as u8,
        length @ 126..65536 => {
            frame[1] = 126;
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => frame.extend_from_slice(&(length as u64).to_be_bytes()),
    }
    frame.extend_from_slice(payload);
    frame
}

/// As [`frame`], for a message that a client compressed: its output is unmasked.
fn compressed(client: &mut Protocol, message: &[u8]) -> Vec<u8> {
    client.send(Data::Binary(message), Some(true));
    let output = client.output();
    let at = match output[1] & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let (key, payload) = output[at..].split_first_chunk::<4>().unwrap();
    let payload: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let frame = frame(output[0], &payload);
    client.wrote(client.output().len());
    frame
}

/// One read, as a driver does it. Returns the number of messages, and the code of a failure.
fn read(protocol: &mut Protocol, batch: &mut Batch, bytes: &[u8]) -> (usize, Option<u16>) {
    batch.clear();
    let start = protocol.prepare(&mut batch.bytes);
    batch.bytes.extend_from_slice(bytes);
    let received = protocol.receive(batch, start, usize::MAX);
    let code = received.end.map(|end| match end {
        End::Failure { code, .. } => code.0,
        End::Close(_) => panic!("no Close was sent"),
    });
    (received.data_messages, code)
}

/// Connections that talk at the same time.
const MANY: isize = 1000;

#[test]
fn a_small_message_allocates_nothing() {
    for compress in [false, true] {
        let mut protocol = protocol(1 << 20, compress);
        let mut client = protocol_that_compresses();
        let mut batch = Batch::default();
        let mut reads: Vec<Vec<u8>> = Vec::new();
        for _ in 0..4 {
            reads.push(frame(0x81, "a text with ż in it".as_bytes()));
            reads.push(frame(0x82, &[7; 500]));
            reads.push([frame(0x01, b"in "), frame(0x80, b"fragments")].concat());
            let cut = frame(0x81, &[b'a'; 200]);
            reads.push(cut[..100].to_vec());
            reads.push(cut[100..].to_vec());
            if compress {
                reads.push(compressed(&mut client, b"a compressed message, a compressed message"));
            }
        }
        let mut turn = || {
            for bytes in &reads {
                assert_eq!(read(&mut protocol, &mut batch, bytes).1, None);
                protocol.send(Data::Text("an answer, quite short"), None);
                protocol.send(Data::Binary(&[3; 300]), Some(false));
                protocol.wrote(protocol.output().len());
            }
        };
        // The same compressed messages again: their references reach back as far as they did. The sent messages fill the encoder's history.
        for _ in 0..40 {
            turn();
        }
        assert_eq!(allocations(turn), 0, "compressed: {compress}");
    }
}

fn protocol_that_compresses() -> Protocol {
    protocol(usize::MAX, true)
}

#[test]
fn a_bomb_allocates_no_more_than_the_limit() {
    const MAX_SIZE: usize = 3 << 20;
    let bomb = compressed(&mut protocol_that_compresses(), &vec![0; 200 << 20]);
    for first in [0xc1, 0xc2] {
        let mut bomb = bomb.clone();
        bomb[0] = first;
        for size in [1000, 70_000, bomb.len()] {
            let mut protocol = protocol(MAX_SIZE, true);
            let mut batch = Batch::default();
            let mut code = None;
            let peak = peak(|| {
                for part in bomb.chunks(size) {
                    code = code.or(read(&mut protocol, &mut batch, part).1);
                }
            });
            assert_eq!(code, Some(1009));
            let input = 2 * batch.bytes.capacity();
            assert!(peak < MAX_SIZE + input + (128 << 10), "{peak} bytes at once for parts of {size}, {input} of them for the input");
        }
    }
}

#[test]
fn an_announcement_allocates_little() {
    let mut protocol = protocol(1 << 30, false);
    let mut batch = Batch::default();
    let header = [0x82, 127, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3];
    let peak = peak(|| assert_eq!(read(&mut protocol, &mut batch, &header), (0, None)));
    assert!(peak < (1 << 20) + 4096, "{peak}");
}

#[test]
fn a_large_message_is_allocated_once() {
    let bytes = frame(0x82, &vec![7; 1 << 16]);
    let mut protocol = protocol(1 << 20, false);
    let mut batch = Batch::default();
    batch.bytes.reserve(20_000);
    batch.items.reserve(10);
    let count = allocations(|| {
        for part in bytes.chunks(10_000) {
            assert_eq!(read(&mut protocol, &mut batch, part).1, None);
        }
    });
    assert!(count <= 3, "{count}: the message, its event, and the count of its owners at most");
}

#[test]
fn idle_gives_the_memory_back() {
    let mut client = protocol_that_compresses();
    let message = compressed(&mut client, &vec![b'a'; 300_000]);
    let mut protocol = protocol(1 << 20, true);
    let fresh = held();
    {
        let mut batch = Batch::default();
        for part in message.chunks(100) {
            assert_eq!(read(&mut protocol, &mut batch, part).1, None);
        }
        protocol.send(Data::Text(&"b".repeat(100_000)), None);
        protocol.send(Data::Binary(&vec![0; 100_000]), Some(false));
        protocol.wrote(protocol.output().len());
    }
    assert!(held() - fresh > 300 << 10, "the encoder is there");
    protocol.idle();
    let rest = held() - fresh;
    assert!(rest < 48 << 10, "{rest} bytes: no more than the window that the server may refer to");
}

/// The figures of the option's documentation.
#[test]
fn compression_costs_what_the_documentation_says() {
    let message = compressed(&mut protocol_that_compresses(), &[b'a'; 300]);
    let mut batch = Batch::default();
    let receive = |protocol: &mut Protocol, batch: &mut Batch| assert_eq!(read(protocol, batch, &message).1, None);
    receive(&mut protocol(1 << 20, true), &mut batch);
    let kib = |before: isize| (held() - before) >> 10;

    let before = held();
    let mut quiet = protocol(1 << 20, true);
    assert_eq!(kib(before), 0, "nothing compressed has passed");
    receive(&mut quiet, &mut batch);
    quiet.idle();
    let received = kib(before);
    assert!((40..48).contains(&received), "{received} KiB after a message of the server's");
    let talk = |protocol: &mut Protocol| {
        for number in 0..200 {
            protocol.send(Data::Text(&format!("{number} ").repeat(100)), None);
            protocol.wrote(protocol.output().len());
        }
    };
    talk(&mut quiet);
    let sent = kib(before) - received;
    assert!((250..400).contains(&sent), "{sent} KiB more after some of ours, of an encoder that others may use");
    quiet.idle();
    assert_eq!(kib(before), received);

    let before = held();
    let mut many: Vec<_> = (0..MANY).map(|_| protocol(1 << 20, true)).collect();
    let empty = held();
    many.iter_mut().for_each(talk);
    let each = (held() - empty - ((16 * 400) << 10)) / MANY;
    assert!(each < 11 << 10, "{each} bytes for each of many that talk, beside the shared encoders");
    many.iter_mut().for_each(Protocol::idle);
    assert!(held() - empty < MANY * 64, "all of it is given back");
    drop(many);
    assert_eq!(kib(before), 0);

    let options = CompressionOptions::new().threshold(0);
    let agreed = Agreed { server_no_context_takeover: true, ..Agreed::default() };
    let before = held();
    let mut without = Protocol::new(Config { max_size: 1 << 20, compression: Some((agreed, options)) });
    receive(&mut without, &mut batch);
    without.idle();
    assert_eq!(kib(before), 0, "a server that keeps no context");
}
