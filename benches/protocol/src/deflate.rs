//! The measurements behind the defaults of `compression.level` and `compression.threshold`: chat-like JSON of many sizes, at each level, with and
//! without context takeover. `cargo bench -p heartwire-protocol-bench --bench deflate` prints, for a message, its size on the wire as a share of its
//! own size, and the microseconds of its compression (the least of several rounds).

use std::time::{Duration, Instant};

use heartwire_proto::message::Data;
use heartwire_proto::options::CompressionOptions;
use heartwire_proto::protocol::extension::Agreed;
use heartwire_proto::protocol::{Config, Protocol};

const LEVELS: [u8; 5] = [1, 2, 3, 6, 9];
const SIZES: [usize; 8] = [32, 64, 128, 256, 512, 1024, 4096, 16_384];
const MESSAGES: usize = 400;
const ROUNDS: usize = 5;

fn main() {
    for takeover in [true, false] {
        println!("{} context takeover: share of the size, microseconds", if takeover { "with" } else { "without" });
        print!("{:>10}", "bytes");
        for level in LEVELS {
            print!("{:>18}", format!("level {level}"));
        }
        println!();
        for size in SIZES {
            print!("{size:>10}");
            let messages: Vec<String> = (0..MESSAGES as u64).map(|index| chat(index, size)).collect();
            for level in LEVELS {
                let (share, took) =
                    (0..ROUNDS).map(|_| measure(&messages, level, takeover)).min_by_key(|(_, took)| *took).unwrap_or_default();
                print!("{share:>10.3}{:>8.2}", took.as_secs_f64() * 1e6 / MESSAGES as f64);
            }
            println!();
        }
    }
}

fn measure(messages: &[String], level: u8, takeover: bool) -> (f64, Duration) {
    let agreed = Agreed { client_no_context_takeover: !takeover, ..Agreed::default() };
    let options = CompressionOptions::new().level(level).threshold(0);
    let mut protocol = Protocol::new(Config { max_size: 1 << 20, compression: Some((agreed, options)) });
    // The encoder is made with the first message.
    protocol.send(Data::Text(&messages[0]), None);
    protocol.wrote(protocol.output().len());
    let (mut wire, begun) = (0, Instant::now());
    for message in messages {
        protocol.send(Data::Text(message), None);
        let length = protocol.output().len();
        wire += length;
        protocol.wrote(length);
    }
    let took = begun.elapsed();
    let plain: usize = messages.iter().map(|message| message.len() + header(message.len())).sum();
    (wire as f64 / plain as f64, took)
}

/// The length of the header of our frame.
fn header(length: usize) -> usize {
    match length {
        0..126 => 6,
        126..65536 => 8,
        _ => 14,
    }
}

/// Messages as a chat's: the same fields, other people, words, numbers and times (xorshift).
fn chat(seed: u64, size: usize) -> String {
    const WORDS: [&str; 24] = [
        "the",
        "server",
        "said",
        "hello",
        "to",
        "everyone",
        "in",
        "room",
        "und",
        "жду",
        "ответ",
        "こんにちは",
        "please",
        "look",
        "at",
        "this",
        "later",
        "ok",
        "thanks",
        "deploy",
        "failed",
        "again",
        "why",
        "🙂",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as usize % most
    };
    let mut text = format!(
        r#"{{"id":"{:08x}","ts":{},"room":{},"from":"user-{}","type":"message","text":""#,
        next(1 << 32),
        1_780_000_000_000_u64 + seed * 733,
        next(5),
        next(40)
    );
    while text.len() + 2 < size {
        text.push_str(WORDS[next(WORDS.len())]);
        text.push(' ');
    }
    let mut end = size.saturating_sub(2).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str("\"}");
    text
}
