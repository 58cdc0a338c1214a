//! permessage-deflate (RFC 7692) for the fault server, because tungstenite has none. It inflates the client's compressed messages before tungstenite
//! sees them, and compresses the messages that the script wants compressed. Frames are read and written with tungstenite's header type; Heartwire's
//! own codec is not used.

use std::collections::VecDeque;
use std::io::{self, Cursor};

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

/// The end that a sender cuts off each compressed message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The client's direction of a compressed connection.
pub(super) struct Inflater {
    inflate: Inflate,
    input: Vec<u8>,
    /// Whether the present message is compressed.
    compressed: bool,
    /// For each complete data message: whether it was compressed.
    pub(super) messages: VecDeque<bool>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { inflate: Inflate::new(false, 15), input: Vec::new(), compressed: false, messages: VecDeque::new() }
    }

    /// Takes bytes of the wire, and writes the same frames, with their payloads inflated, to `output`.
    pub(super) fn push(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        self.input.extend_from_slice(bytes);
        loop {
            let mut cursor = Cursor::new(self.input.as_slice());
            let Some((mut header, length)) = FrameHeader::parse(&mut cursor).map_err(io::Error::other)? else { return Ok(()) };
            let start = cursor.position() as usize;
            let end = start + length as usize;
            if self.input.len() < end {
                return Ok(());
            }
            if let OpCode::Data(kind) = header.opcode {
                if kind != Data::Continue {
                    self.compressed = header.rsv1;
                }
                if header.is_final {
                    self.messages.push_back(self.compressed);
                }
                if self.compressed {
                    let mut payload = self.input[start..end].to_vec();
                    if let Some(mask) = header.mask {
                        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
                    }
                    let plain = self.inflate(&payload, header.is_final)?;
                    // A mask of zeros leaves it as it is and keeps tungstenite's check of the mask bit alive.
                    header.mask = header.mask.map(|_| [0; 4]);
                    header.rsv1 = header.rsv1 && kind == Data::Continue;
                    header.format(plain.len() as u64, output).map_err(io::Error::other)?;
                    output.extend_from_slice(&plain);
                    self.input.drain(..end);
                    continue;
                }
            }
            output.extend_from_slice(&self.input[..end]);
            self.input.drain(..end);
        }
    }

    fn inflate(&mut self, payload: &[u8], last: bool) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        let mut room = vec![0; 64 << 10];
        for part in [payload, if last { &TAIL } else { &[] }] {
            let mut part = part;
            loop {
                let (read, wrote) = (self.inflate.total_in(), self.inflate.total_out());
                let status =
                    self.inflate.decompress(part, &mut room, InflateFlush::SyncFlush).map_err(|error| io::Error::other(error.as_str()))?;
                let wrote = (self.inflate.total_out() - wrote) as usize;
                part = &part[(self.inflate.total_in() - read) as usize..];
                plain.extend_from_slice(&room[..wrote]);
                if part.is_empty() && wrote < room.len() || status == Status::StreamEnd {
                    break;
                }
            }
        }
        Ok(plain)
    }
}

/// Compresses one message by itself, as a sender without context takeover does.
pub(super) fn compress(payload: &[u8]) -> Vec<u8> {
    let mut deflate = Deflate::new(6, false, 15);
    let mut output = vec![0; zlib_rs::compress_bound(payload.len()) + 64];
    // The bound holds for one block; with it and the room for the flush, one call takes everything.
    let _ = deflate.compress(payload, &mut output, DeflateFlush::SyncFlush);
    output.truncate(deflate.total_out() as usize);
    output.truncate(output.len().saturating_sub(TAIL.len()));
    output
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Inflater, compress};

    #[test]
    fn what_was_compressed_comes_back_also_byte_by_byte() {
        let text = "the same words, the same words, the same words".repeat(20);
        let payload = compress(text.as_bytes());
        assert!(payload.len() < text.len() / 4);
        let mut frame = vec![0xc1, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        frame.extend(payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key));
        let mut plain = vec![0x81, 0x80 | 2, 0, 0, 0, 0, b'o', b'k'];
        let (mut inflater, mut output) = (Inflater::new(), Vec::new());
        for byte in frame.iter().chain(&plain) {
            inflater.push(&[*byte], &mut output).unwrap();
        }
        let mut expected = vec![0x81, 0xfe, (text.len() >> 8) as u8, text.len() as u8, 0, 0, 0, 0];
        expected.extend_from_slice(text.as_bytes());
        expected.append(&mut plain);
        assert_eq!(output, expected);
        assert_eq!(inflater.messages, [true, false]);
    }

    #[test]
    fn the_example_of_rfc_7692_section_7_2_3_1() {
        assert_eq!(Inflater::new().inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], true).unwrap(), b"Hello");
    }
}
