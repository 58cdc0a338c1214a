//! Frames of RFC 6455 as a server sees them: read from one buffer, and encoded for writing. Knows nothing of their purpose.

use std::io::{self, Read, Write};
use std::ops::Range;

/// So much is read at once.
const ROOM: usize = 256 << 10;
/// The bit of a compressed message.
pub(crate) const RSV1: u8 = 0x40;
/// The bit of a message's last frame.
const FIN: u8 = 0x80;

/// Opcodes.
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A whole frame of the client, still masked, in the buffer that it was read to.
pub(crate) struct Frame {
    first: u8,
    mask: [u8; 4],
    payload: Range<usize>,
}

impl Frame {
    pub(crate) fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    /// Whether it is of a message, and not about the connection.
    pub(crate) fn is_data(&self) -> bool {
        self.opcode() < CLOSE
    }

    /// Whether it ends its message.
    pub(crate) fn is_last(&self) -> bool {
        self.first & FIN != 0
    }

    pub(crate) fn length(&self) -> usize {
        self.payload.len()
    }
}

/// A client: its stream, and the bytes that were read from it.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
    /// The bytes of the buffer that were read and belong to no frame yet.
    unread: Range<usize>,
    /// Whether a read ever took all the room there was.
    filled: bool,
}

impl<S: Read + Write> Peer<S> {
    /// A client that sent `rest` right after its request.
    pub(crate) fn new(stream: S, rest: Vec<u8>) -> Self {
        let unread = 0..rest.len();
        Self { stream, buffer: rest, unread, filled: false }
    }

    /// The next frame; it is there until the next call.
    ///
    /// # Errors
    /// Those of the stream, and its end.
    pub(crate) fn next(&mut self) -> io::Result<Frame> {
        loop {
            let missing = match parse(&self.buffer[self.unread.clone()])? {
                Parsed::Frame { mut frame, length } => {
                    frame.payload = self.unread.start + frame.payload.start..self.unread.start + frame.payload.end;
                    self.unread.start += length;
                    return Ok(frame);
                }
                Parsed::Missing(missing) => missing,
            };
            self.read(missing)?;
        }
    }

    fn read(&mut self, missing: usize) -> io::Result<()> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.buffer.len() - self.unread.end < missing {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        // An idle connection has no large buffer: it grows when it is filled, or when a frame does not fit.
        let needed = self.unread.end + missing;
        let wanted = if self.filled { needed.max(ROOM) } else { needed.max(512) };
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.unread.end..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.end += read;
        self.filled |= self.unread.end == self.buffer.len();
        Ok(())
    }

    /// The payload of the frame that was read last, unmasked.
    pub(crate) fn payload(&mut self, frame: &Frame) -> &[u8] {
        let payload = &mut self.buffer[frame.payload.clone()];
        payload.iter_mut().zip(frame.mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        payload
    }

    /// Sends the frame back as it is, through `output`.
    pub(crate) fn echo(&mut self, frame: &Frame, output: &mut Vec<u8>) -> io::Result<()> {
        output.clear();
        encode(frame.first, self.payload(frame), output);
        self.write(output)
    }

    /// Answers a control frame; returns whether the connection continues.
    pub(crate) fn control(&mut self, frame: &Frame) -> io::Result<bool> {
        let mut output = Vec::new();
        match frame.opcode() {
            CLOSE => encode(FIN | CLOSE, self.payload(frame), &mut output),
            PING => encode(FIN | PONG, self.payload(frame), &mut output),
            _ => return Ok(true),
        }
        self.write(&output)?;
        Ok(frame.opcode() != CLOSE)
    }

    /// Sends one whole frame.
    pub(crate) fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut output = Vec::new();
        encode(FIN | opcode, payload, &mut output);
        self.write(&output)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }
}

enum Parsed {
    Frame {
        frame: Frame,
        length: usize,
    },
    /// So many bytes more are needed to know more.
    Missing(usize),
}

fn parse(input: &[u8]) -> io::Result<Parsed> {
    let [first, second, ..] = *input else { return Ok(Parsed::Missing(2 - input.len())) };
    if second & 0x80 == 0 {
        return Err(io::Error::other("a client masks its frames"));
    }
    let extra = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let head = 2 + extra + 4;
    if input.len() < head {
        return Ok(Parsed::Missing(head - input.len()));
    }
    let length = match extra {
        0 => usize::from(second & 0x7f),
        _ => input[2..2 + extra].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    let end = head + length;
    if input.len() < end {
        return Ok(Parsed::Missing(end - input.len()));
    }
    let mask = [input[head - 4], input[head - 3], input[head - 2], input[head - 1]];
    Ok(Parsed::Frame { frame: Frame { first, mask, payload: head..end }, length: end })
}

/// A whole message in one frame; `kind` is an opcode, with [`RSV1`] if the payload is compressed.
pub(crate) fn message(kind: u8, payload: &[u8], output: &mut Vec<u8>) {
    encode(FIN | kind, payload, output);
}

fn encode(first: u8, payload: &[u8], output: &mut Vec<u8>) {
    output.push(first);
    match payload.len() {
        length @ 0..126 => output.push(length as u8),
        length @ 126..=0xffff => {
            output.push(126);
            output.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            output.push(127);
            output.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    output.extend_from_slice(payload);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::{self, Cursor, Read, Write};

    use super::{Peer, TEXT};

    /// Gives a few bytes at each read.
    struct Drip(Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Drip {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let few = room.len().min(3);
            self.0.read(&mut room[..few])
        }
    }

    impl Write for Drip {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn frames_of_all_lengths_are_echoed_however_they_are_cut() {
        let (mut sent, mut wanted) = (Vec::new(), Vec::new());
        for length in [0, 1, 125, 126, 600, 65_535, 65_536, 70_000, 3] {
            let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
            super::message(TEXT, &payload, &mut wanted);
            let mut masked = Vec::new();
            super::message(TEXT, &payload, &mut masked);
            let head = masked.len() - payload.len();
            masked[1] |= 0x80;
            let keyed: Vec<u8> = payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            sent.extend_from_slice(&masked[..head]);
            sent.extend_from_slice(&[1, 2, 3, 4]);
            sent.extend_from_slice(&keyed);
        }
        let rest = sent.drain(..5).collect();
        let mut peer = Peer::new(Drip(Cursor::new(sent), Vec::new()), rest);
        let mut output = Vec::new();
        while let Ok(frame) = peer.next() {
            assert!(frame.is_data() && frame.is_last());
            peer.echo(&frame, &mut output).unwrap();
        }
        assert_eq!(peer.stream.1, wanted);
    }
}
