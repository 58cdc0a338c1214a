//! A connection without a network: the result of dialling, and the other end's view of our bytes.

use std::os::unix::net::UnixStream;

use heartwire::internals::dial::Opened;
use heartwire::internals::transport::Transport;

/// What a dial would have opened, with the server's answer to the extensions that were offered.
pub fn opened(stream: UnixStream, extensions: &str) -> Opened {
    stream.set_nonblocking(true).expect("a socket");
    Opened {
        transport: Transport::unix(stream),
        leftover: Vec::new(),
        url: "ws://model/".parse().expect("a URL"),
        protocol: String::new(),
        extensions: extensions.to_owned(),
        headers: Vec::new(),
    }
}

/// Takes the whole masked frames off `bytes`: first byte and payload.
pub fn frames(bytes: &mut Vec<u8>) -> Vec<(u8, Vec<u8>)> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let [first, second, rest @ ..] = &bytes[at..] {
        let (long, size) = match second & 0x7f {
            126 if rest.len() >= 2 => (2, usize::from(u16::from_be_bytes([rest[0], rest[1]]))),
            127 if rest.len() >= 8 => (8, rest[..8].iter().fold(0, |size, byte| size << 8 | usize::from(*byte))),
            size @ 0..126 => (0, usize::from(size)),
            _ => break,
        };
        let Some(mask) = rest.get(long..long + 4) else { break };
        let Some(payload) = rest.get(long + 4..long + 4 + size) else { break };
        frames.push((*first, payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()));
        at += 2 + long + 4 + size;
    }
    bytes.drain(..at);
    frames
}
