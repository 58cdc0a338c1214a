//! permessage-deflate's transformations (RFC 7692 section 7.2) on zlib-rs: an encoder that may forget at any message boundary, and a decoder that hands out what it inflates piece by piece, so that its user can stop it. Knows nothing of frames.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::encoders::Context;
use super::extension::Agreed;
use crate::error::{Error, ErrorCode, Result};
use crate::options::CompressionOptions;

/// The end of a flushed block: cut off by the sender, put back by the receiver (RFC 7692 section 7.2.1).
const TRAILER: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// How much of a message's end is inflated together with the trailer: the inflater is slow with the last bytes that it is given.
const JOINED: usize = 512;
/// How much is inflated at a time.
const PIECE: usize = 8 << 10;
/// Scratch memory up to this size is kept between messages.
const KEPT_SCRATCH: usize = 64 << 10;
/// The most bytes of a stored block, and its additional cost at a byte's boundary (RFC 1951 section 3.2.4).
const LONGEST_STORED: usize = 0xffff;
const STORED_HEADER: usize = 5;
/// The smallest window that deflate can use. With an agreed 8 we send everything uncompressed, which is always allowed.
const LEAST_WINDOW_BITS: u8 = 9;

/// Compresses messages.
pub(super) struct Encoder {
    threshold: usize,
    no_context_takeover: bool,
    context: Context,
    scratch: Vec<u8>,
}

impl Encoder {
    /// `None` if the agreed window is too small for deflate.
    pub(super) fn new(agreed: Agreed, options: &CompressionOptions) -> Option<Self> {
        let bits = options.client_max_window_bits.min(agreed.client_max_window_bits.unwrap_or(15)).min(15);
        let config = DeflateConfig { level: options.level.clamp(1, 9).into(), window_bits: -i32::from(bits), ..DeflateConfig::default() };
        (bits >= LEAST_WINDOW_BITS).then(|| Self {
            threshold: options.threshold,
            no_context_takeover: agreed.client_no_context_takeover || options.client_no_context_takeover,
            context: Context::new(config),
            scratch: Vec::new(),
        })
    }

    /// Whether a message of this length is worth it.
    #[inline]
    pub(super) fn wants(&self, length: usize) -> bool {
        length >= self.threshold
    }

    /// Compresses a message.
    pub(super) fn compress_whole(&mut self, data: &[u8]) -> &[u8] {
        let length = self.compress(data, true).len();
        // A message that would grow is stored uncompressed. The window holds the content in either case, so both ends keep the same context.
        let stored = data.len() + data.len().div_ceil(LONGEST_STORED) * STORED_HEADER + 1;
        if length <= stored {
            return &self.scratch[..length];
        }
        self.scratch.clear();
        for block in data.chunks(LONGEST_STORED) {
            let length = block.len() as u16;
            self.scratch.push(0);
            self.scratch.extend_from_slice(&length.to_le_bytes());
            self.scratch.extend_from_slice(&(!length).to_le_bytes());
            self.scratch.extend_from_slice(block);
        }
        self.scratch.push(0);
        &self.scratch
    }

    /// Compresses a fragment of a message.
    pub(super) fn compress(&mut self, data: &[u8], last: bool) -> &[u8] {
        if self.scratch.len() > KEPT_SCRATCH {
            self.scratch = Vec::new();
        }
        let mut length = self.context.with(data, |deflate| deflate_all(deflate, data, &mut self.scratch));
        if last {
            // There were no new bytes to flush, as for an empty message: send an empty block without the trailer.
            if self.scratch[..length].ends_with(&TRAILER) {
                length -= TRAILER.len();
            } else {
                self.scratch[0] = 0;
                length = 1;
            }
            if self.no_context_takeover {
                self.context.restart();
            }
        }
        &self.scratch[..length]
    }

    /// Forgets the messages so far. Call it between two messages: the next one refers to no earlier one.
    pub(super) fn restart(&mut self) {
        self.context.restart();
    }

    /// Gives the memory back. Call it between two messages: the next one refers to no earlier one, which any receiver understands.
    pub(super) fn forget(&mut self) {
        self.context.forget();
        self.scratch = Vec::new();
    }
}

/// Deflates and flushes into `scratch`. Returns the length.
fn deflate_all(deflate: &mut Deflate, mut data: &[u8], scratch: &mut Vec<u8>) -> usize {
    let mut length = 0;
    loop {
        if scratch.len() - length < 64 {
            scratch.resize((2 * scratch.len()).max(1 << 10), 0);
        }
        let (consumed, produced) = (deflate.total_in(), deflate.total_out());
        let result = deflate.compress(data, &mut scratch[length..], DeflateFlush::SyncFlush);
        data = &data[(deflate.total_in() - consumed) as usize..];
        length += (deflate.total_out() - produced) as usize;
        // Deflate fails only if its own state is broken, and this code cannot break it. It is done when it leaves room.
        if result.is_err() || (data.is_empty() && length < scratch.len()) {
            break;
        }
    }
    length
}

/// Inflates messages.
pub(super) struct Decoder {
    no_context_takeover: bool,
    inflate: Option<Box<Inflate>>,
    scratch: Vec<u8>,
    /// Whether the present message has brought bytes since it started, or since the stream within it did.
    fed: bool,
}

impl Decoder {
    pub(super) fn new(agreed: Agreed) -> Self {
        Self { no_context_takeover: agreed.server_no_context_takeover, inflate: None, scratch: Vec::new(), fed: false }
    }

    /// Inflates a part of a message into `sink`, at most [`PIECE`] bytes a call.
    pub(super) fn feed(&mut self, part: &[u8], sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.inflate(part, 0, sink)
    }

    /// As [`Decoder::feed`], with the last part of a message, which may be empty.
    pub(super) fn finish(&mut self, part: &[u8], mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (start, end) = part.split_at(part.len().saturating_sub(JOINED));
        self.inflate(start, 0, &mut sink)?;
        if self.fed || !end.is_empty() {
            let mut joined = [0; JOINED + TRAILER.len()];
            joined[..end.len()].copy_from_slice(end);
            joined[end.len()..][..TRAILER.len()].copy_from_slice(&TRAILER);
            self.inflate(&joined[..end.len() + TRAILER.len()], TRAILER.len(), sink)?;
            self.fed = false;
        }
        if self.no_context_takeover
            && let Some(inflate) = &mut self.inflate
        {
            inflate.reset(false);
        }
        Ok(())
    }

    /// Inflates `input`, which ends with the trailer if there is one.
    fn inflate(&mut self, mut input: &[u8], trailer: usize, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if input.is_empty() {
            return Ok(());
        }
        // The largest window understands every smaller one, and costs no more memory.
        let inflate = self.inflate.get_or_insert_with(|| Box::new(Inflate::new(false, 15)));
        self.scratch.resize(PIECE, 0);
        loop {
            self.fed = true;
            let before = (inflate.total_in(), inflate.total_out());
            let result = inflate.decompress(input, &mut self.scratch, InflateFlush::SyncFlush);
            let stuck = before == (inflate.total_in(), inflate.total_out()) && !input.is_empty();
            input = &input[(inflate.total_in() - before.0) as usize..];
            let produced = (inflate.total_out() - before.1) as usize;
            // Before the check of the bytes behind it, so that the outcome does not depend on how the bytes were split.
            sink(&self.scratch[..produced])?;
            match result {
                // A last block may end the stream at any place (RFC 7692 section 7.2.3.4). A new stream follows.
                Ok(Status::StreamEnd) => {
                    inflate.reset(false);
                    self.fed = false;
                    if input.len() == trailer {
                        return Ok(());
                    }
                }
                Ok(Status::Ok | Status::BufError) if !stuck => {}
                _ => return Err(Error::new(ErrorCode::InvalidPayload, "the server sent compressed data that cannot be inflated")),
            }
            if input.is_empty() && produced < PIECE {
                return Ok(());
            }
        }
    }

    /// Gives back the memory that the next message does not need. Call it between two messages.
    pub(super) fn forget(&mut self) {
        self.scratch = Vec::new();
        if self.no_context_takeover {
            self.inflate = None;
        }
    }
}
