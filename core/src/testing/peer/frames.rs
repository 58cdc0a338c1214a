//! Frames as a server writes them, whole messages in fragments or compressed.

use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::testing::deflate::compress;
use crate::testing::steps::Content;

pub(super) fn formatted(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len());
    // Writing to a vector cannot fail.
    let _ = frame.format(&mut bytes);
    bytes
}

/// A Close with any content, also one that tungstenite would not make.
pub(super) fn close_frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x88, payload.len().min(125) as u8];
    bytes.extend_from_slice(&payload[..payload.len().min(125)]);
    bytes
}

/// A message in so many frames.
pub(super) fn message_frames(content: &Content, fragments: usize, compressed: bool) -> Vec<u8> {
    let payload = content.bytes();
    let kind = if matches!(content, Content::Text(_)) { Data::Text } else { Data::Binary };
    let payload = if compressed { compress(payload) } else { payload.to_vec() };
    let size = payload.len().div_ceil(fragments).max(1);
    let mut bytes = Vec::new();
    for i in 0..fragments {
        let part = &payload[(i * size).min(payload.len())..((i + 1) * size).min(payload.len())];
        let mut frame = Frame::message(part.to_vec(), OpCode::Data(if i == 0 { kind } else { Data::Continue }), i + 1 == fragments);
        frame.header_mut().rsv1 = compressed && i == 0;
        bytes.extend_from_slice(&formatted(frame));
    }
    bytes
}
