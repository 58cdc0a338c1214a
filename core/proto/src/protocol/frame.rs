//! Frame headers (RFC 6455 section 5.2): strict reading of the server's, minimal writing of ours. Knows nothing of messages.

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::error::{Error, ErrorCode, Result};

/// The longest payload of a control frame.
pub(super) const MAX_CONTROL: usize = 125;
/// The longest header that we send: two bytes, eight of length, four of mask.
pub(super) const MAX_HEADER: usize = 14;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const OPCODE: u8 = 0x0f;
/// The first bytes of nearly all frames, which need no further check.
const WHOLE_TEXT: u8 = FIN | 1;
const WHOLE_BINARY: u8 = FIN | 2;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// A header as a server may send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The last frame of its message.
    pub(super) fin: bool,
    /// RSV1: the first frame of a compressed message.
    pub(super) compressed: bool,
    /// The kind of frame, none of the reserved ones.
    pub(super) opcode: OpCode,
    /// The length of the header itself.
    pub(super) size: usize,
    /// The length of the payload.
    pub(super) length: u64,
}

impl Header {
    /// Reads the header at the start of `bytes`. `None`: it is incomplete, and correct so far. The verdict never depends on how much of it has
    /// arrived: the first byte is checked first.
    #[inline]
    pub(super) fn parse(bytes: &[u8], may_be_compressed: bool) -> Result<Option<Self>> {
        let &[first, ref rest @ ..] = bytes else { return Ok(None) };
        let opcode = match first {
            WHOLE_TEXT => OpCode::Data(Data::Text),
            WHOLE_BINARY => OpCode::Data(Data::Binary),
            _ => opcode(first, may_be_compressed)?,
        };
        let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
        let &[second, ref rest @ ..] = rest else { return Ok(None) };
        if second & MASKED != 0 {
            return Err(violation("the server masked a frame"));
        }
        let short = second & LENGTH;
        if usize::from(short) > MAX_CONTROL && matches!(opcode, OpCode::Control(_)) {
            return Err(violation("the server sent a control frame of more than 125 bytes"));
        }
        let (size, length) = match short {
            LENGTH_16 => {
                let Some(&length) = rest.first_chunk() else { return Ok(None) };
                (4, minimal(u64::from(u16::from_be_bytes(length)), u64::from(LENGTH_16))?)
            }
            LENGTH_64 => {
                if rest.first().is_some_and(|first| first & 0x80 != 0) {
                    return Err(violation("the server sent a frame whose length has the highest bit set"));
                }
                let Some(&length) = rest.first_chunk() else { return Ok(None) };
                (10, minimal(u64::from_be_bytes(length), 1 << 16)?)
            }
            short => (2, u64::from(short)),
        };
        Ok(Some(Self { fin, compressed, opcode, size, length }))
    }
}

/// The opcode in the first byte of a header, if that byte is right.
fn opcode(first: u8, may_be_compressed: bool) -> Result<OpCode> {
    let opcode = OpCode::from(first & OPCODE);
    let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
    if first & RSV2_RSV3 != 0 || compressed && !may_be_compressed {
        return Err(violation("the server set a reserved bit of a frame"));
    }
    match opcode {
        OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)) => {
            Err(violation(format!("the server sent a frame of the reserved kind {code}")))
        }
        OpCode::Data(Data::Continue) | OpCode::Control(_) if compressed => {
            Err(violation("the server marked a frame as compressed that cannot be the first of a message"))
        }
        OpCode::Control(_) if !fin => Err(violation("the server fragmented a control frame")),
        OpCode::Data(_) | OpCode::Control(_) => Ok(opcode),
    }
}

fn minimal(length: u64, least: u64) -> Result<u64> {
    if length < least {
        return Err(violation("the server did not use the shortest form of a frame's length"));
    }
    Ok(length)
}

/// An error for a broken rule of RFC 6455.
#[cold]
pub(super) fn violation(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::ProtocolError, message)
}

/// Writes the header of a masked frame, and returns it with its length.
#[inline]
pub(super) fn header(fin: bool, compressed: bool, opcode: OpCode, length: usize, key: [u8; 4]) -> ([u8; MAX_HEADER], usize) {
    let mut header = [0; MAX_HEADER];
    header[0] = u8::from(opcode) | if fin { FIN } else { 0 } | if compressed { RSV1 } else { 0 };
    let size = if length < usize::from(LENGTH_16) {
        header[1] = MASKED | length as u8;
        2
    } else if let Ok(length) = u16::try_from(length) {
        header[1] = MASKED | LENGTH_16;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        4
    } else {
        header[1] = MASKED | LENGTH_64;
        header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
        10
    };
    header[size..size + 4].copy_from_slice(&key);
    (header, size + 4)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let opcode = OpCode::Data(Data::Binary);
        for length in [0, 1, 125, 126, 127, 65535, 65536, 1 << 20] {
            let (mut header, size) = header(true, true, opcode, length, [1, 2, 3, 4]);
            assert_eq!(header[size - 4..size], [1, 2, 3, 4]);
            header[1] &= !MASKED;
            let parsed = Header::parse(&header, true).unwrap().unwrap();
            assert_eq!(parsed, Header { fin: true, compressed: true, opcode, size: size - 4, length: length as u64 });
            for cut in 0..size - 4 {
                assert_eq!(Header::parse(&header[..cut], true).unwrap(), None);
            }
        }
    }

    #[test]
    fn the_first_wrong_byte_is_enough() {
        for first in 0..=255 {
            for second in 0..=255 {
                let whole = [first, second, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
                let faults: Vec<Option<String>> =
                    (0..=whole.len()).map(|cut| Header::parse(&whole[..cut], false).err().map(|error| error.message.clone())).collect();
                let fault = faults.iter().flatten().next();
                assert!(faults.iter().skip_while(|fault| fault.is_none()).all(|later| later.as_ref() == fault), "{whole:x?}: {faults:?}");
            }
        }
    }
}
