//! The servers that a client meets: each the other end of a pair of sockets, with a deflate that is not ours.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

use super::super::wire::frames;

/// What a sender leaves off each compressed message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// permessage-deflate as this end has agreed to it.
struct Deflate {
    inflate: Box<InflateState>,
    compress: Box<CompressorOxide>,
    fresh_in: bool,
    fresh_out: bool,
}

/// What a peer read.
pub enum Got {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close,
}

pub struct Peer {
    pub stream: Option<UnixStream>,
    /// Read and not yet parsed.
    bytes: Vec<u8>,
    deflate: Option<Deflate>,
    pub sent: u32,
    /// The payloads of its pings that were not answered yet.
    pub pings: Vec<Vec<u8>>,
    /// Its Close was answered, so all earlier messages have arrived.
    pub clean: bool,
    /// Messages of the client may be lost with it: they were under way, or waited, when the connection broke.
    pub lossy: bool,
    pub close_sent: bool,
}

fn compressor() -> Box<CompressorOxide> {
    Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(6, -15, 0)))
}

impl Peer {
    /// The other end of a connection with these extensions in use.
    pub fn new(stream: UnixStream, extensions: &str) -> Self {
        stream.set_nonblocking(true).expect("a socket");
        let deflate = (!extensions.is_empty()).then(|| Deflate {
            inflate: InflateState::new_boxed(DataFormat::Raw),
            compress: compressor(),
            fresh_in: extensions.contains("client_no_context_takeover"),
            fresh_out: extensions.contains("server_no_context_takeover"),
        });
        Self { stream: Some(stream), bytes: Vec::new(), deflate, sent: 0, pings: Vec::new(), clean: false, lossy: false, close_sent: false }
    }

    /// A peer whose client does not read sends nothing. A small write to a unix socket is whole or does not happen.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        if self.close_sent {
            return false;
        }
        self.stream.as_mut().is_some_and(|stream| stream.write(bytes).is_ok_and(|count| count == bytes.len()))
    }

    fn frame(&mut self, first: u8, payload: &[u8]) -> bool {
        let size = payload.len() as u16;
        let mut frame = if size < 126 { vec![first, size as u8] } else { [&[first, 126][..], &size.to_be_bytes()].concat() };
        frame.extend_from_slice(payload);
        self.write(&frame)
    }

    /// Sends the next message: its number, and `fill` bytes.
    pub fn send(&mut self, fill: usize, compress: bool) {
        // A message that is compressed and not sent would be missing from the peer's window.
        let text = format!("{}.{}", self.sent, "y".repeat(fill));
        let sent = match self.deflate.as_mut().filter(|_| compress && !self.close_sent) {
            Some(deflate) => {
                let payload = deflate.compress(text.as_bytes());
                self.frame(0xc1, &payload) || {
                    // Nothing that this peer compresses from here on can be read: it is gone.
                    self.go();
                    false
                }
            }
            None => self.frame(0x81, text.as_bytes()),
        };
        self.sent += u32::from(sent);
    }

    pub fn ping(&mut self, payload: Vec<u8>) {
        if self.frame(0x89, &payload) {
            self.pings.push(payload);
        }
    }

    pub fn pong(&mut self, payload: &[u8]) {
        self.frame(0x8a, payload);
    }

    pub fn close(&mut self, code: u16) {
        self.close_sent |= self.frame(0x88, &code.to_be_bytes());
    }

    /// The bytes that have reached this end and are not read as a message yet.
    pub fn unread(&self) -> usize {
        let waiting = self.stream.as_ref().map_or(0, |stream| rustix::io::ioctl_fionread(stream).expect("a socket"));
        waiting as usize + self.bytes.len()
    }

    /// Goes away, without a word.
    pub fn go(&mut self) {
        self.lossy |= self.stream.is_some() && self.unread() > 0;
        self.stream = None;
    }

    /// Ends its direction of the stream without a Close.
    pub fn end(&mut self) {
        if let Some(stream) = &self.stream {
            // The client may have gone already.
            let _ = stream.shutdown(Shutdown::Write);
            self.close_sent = true;
        }
    }

    /// Answers the client's Close, unless it was the answer to its own, and ends.
    fn answer_close(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            // The client may be gone already.
            let _ = if self.close_sent { Ok(0) } else { stream.write(&[0x88, 0]) };
            self.clean = true;
        }
    }

    /// Reads the available bytes, answers a Close and then ends.
    pub fn read(&mut self) -> Vec<Got> {
        let Some(stream) = &mut self.stream else { return Vec::new() };
        let mut room = vec![0; 1 << 16];
        while let Ok(count @ 1..) = stream.read(&mut room) {
            self.bytes.extend_from_slice(&room[..count]);
        }
        let mut got = Vec::new();
        for (first, payload) in frames(&mut self.bytes) {
            match first {
                0x81 => got.push(Got::Text(String::from_utf8(payload).expect("UTF-8"))),
                0xc1 => {
                    let plain = self.deflate.as_mut().expect("nothing is compressed that was not agreed on").inflate(payload);
                    got.push(Got::Text(String::from_utf8(plain).expect("UTF-8")));
                }
                0x88 => {
                    self.answer_close();
                    got.push(Got::Close);
                    break;
                }
                0x89 => got.push(Got::Ping(payload)),
                0x8a => got.push(Got::Pong(payload)),
                other => panic!("nobody sends {other:x}"),
            }
        }
        got
    }
}

impl Deflate {
    fn inflate(&mut self, mut payload: Vec<u8>) -> Vec<u8> {
        payload.extend_from_slice(&TAIL);
        if self.fresh_in {
            *self.inflate = InflateState::new(DataFormat::Raw);
        }
        let (mut input, mut plain, mut room) = (&payload[..], Vec::new(), vec![0; 1 << 14]);
        loop {
            let done = inflate(&mut self.inflate, input, &mut room, MZFlush::Sync);
            input = &input[done.bytes_consumed..];
            plain.extend_from_slice(&room[..done.bytes_written]);
            match done.status {
                Ok(_) if done.bytes_written == room.len() || !input.is_empty() => {}
                Ok(_) | Err(miniz_oxide::MZError::Buf) => return plain,
                Err(error) => panic!("what the client compressed cannot be read: {error:?}"),
            }
        }
    }

    fn compress(&mut self, text: &[u8]) -> Vec<u8> {
        if self.fresh_out {
            self.compress = compressor();
        }
        let mut payload = vec![0; text.len() + 64];
        let done = deflate(&mut self.compress, text, &mut payload, MZFlush::Sync);
        assert!(done.status == Ok(MZStatus::Ok) && done.bytes_consumed == text.len(), "{done:?}");
        payload.truncate(done.bytes_written);
        assert!(payload.ends_with(&TAIL));
        payload.truncate(payload.len() - TAIL.len());
        payload
    }
}
