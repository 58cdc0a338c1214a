//! One connection: a transport with a protocol on it, and a finished connection until its last bytes have left. Knows no session.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use url::Url;

use super::teller::Teller;
use crate::close::{CloseCode, CloseFrame};
use crate::dial::Opened;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Batch, Open};
use crate::message::Data;
use crate::options::Options;
use crate::os::RawDescriptor;
use crate::protocol::extension::Agreed;
use crate::protocol::{self, End, Protocol};
use crate::stats::Traffic;
use crate::transport::Transport;

/// Bytes of one read: few at first, and more after a full read, because each read costs a turn, a system call and an acknowledgement.
const READ_ROOM: usize = 64 << 10;
const FLOOD_ROOM: usize = 2 << 20;
/// The time between two checks for traffic: a connection gives its buffers back after one to two times this without messages.
const QUIET: Duration = Duration::from_secs(7);
/// How many reads of a finished connection's input are dropped at once, in case a peer never stops.
const MOST_READS: usize = 256;
/// How long the last bytes of a finished connection may take to leave.
const LINGER: Duration = Duration::from_secs(1);

/// Which connection of a socket; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkId(pub u64);

/// How a connection ended, as it was read. It takes effect when the host has reached it.
pub(super) enum Ending {
    /// The peer's Close.
    Closed(CloseFrame),
    /// The peer broke a rule or a limit. We send it this code.
    Failed(Error, CloseCode),
    /// The TCP connection ended.
    Lost(Option<Error>),
    /// The user wants another connection, to this URL if there is one. The old peer gets this code and reason.
    Replaced(Option<Url>, Option<CloseCode>, String),
}

/// The outcome of a read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Read {
    /// Bytes arrived.
    pub(super) received: bool,
    /// The number of data messages.
    pub(super) data_messages: usize,
    /// Whether there were events of other kinds.
    pub(super) other_events: bool,
    /// There may be more to read at once. Otherwise the kernel had nothing left.
    pub(super) more: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) ending: Option<Ending>,
    /// No more reading: TCP ended, or an ending waits.
    eof: bool,
    transport: Transport,
    protocol: Protocol,
    /// Bytes that came with the upgrade's response.
    leftover: Vec<u8>,
    /// The most that the next read takes.
    room: usize,
    /// The bytes read since the socket was last empty.
    burst: usize,
    /// The last read has not emptied the socket.
    unread: bool,
    /// The protocol has not parsed all that was read.
    unparsed: bool,
    /// Messages passed since the last check.
    busy: bool,
    /// The time of the next check for traffic. `None` while there are no buffers to give back.
    next_look: Option<Instant>,
    write_blocked: bool,
    write_failed: bool,
    /// Bytes that the transport has taken; the count at which the last backlog was gone; the bytes that the peer had acknowledged at the last check.
    taken: u64,
    backlog_end: u64,
    acknowledged: u64,
    /// Payload bytes that a failed write did not send.
    lost: usize,
    /// Tells the log of frames, where somebody wants them.
    teller: Option<Box<Teller>>,
}

impl Link {
    /// Makes the link from the dialled connection and the agreed compression.
    pub(super) fn new(id: LinkId, opened: Opened, agreed: Option<Agreed>, options: &Options, teller: Option<Teller>) -> (Self, Open) {
        let extensions = agreed.as_ref().map(ToString::to_string).unwrap_or_default();
        let config = protocol::Config { max_size: options.max_size, compression: agreed.zip(options.compression.clone()) };
        let link = Self {
            id,
            ending: None,
            eof: false,
            transport: opened.transport,
            protocol: Protocol::new(config),
            leftover: opened.leftover,
            room: READ_ROOM,
            burst: 0,
            unread: true,
            unparsed: false,
            busy: true,
            next_look: None,
            write_blocked: false,
            write_failed: false,
            taken: 0,
            backlog_end: 0,
            acknowledged: 0,
            lost: 0,
            teller: teller.map(Box::new),
        };
        let open = Open { url: opened.url.to_string(), protocol: opened.protocol, extensions, headers: opened.headers };
        (link, open)
    }

    pub(super) fn descriptor(&self) -> RawDescriptor {
        self.transport.descriptor()
    }

    pub(super) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.transport.addresses()
    }

    /// Reads once, at most twice `max_bytes` or the usual amount, and parses at most `max_messages` into `batch`.
    pub(super) fn read(&mut self, batch: &mut Batch, max_messages: usize, max_bytes: usize) -> Read {
        if self.eof || self.ending.is_some() {
            return Read::default();
        }
        let (start, mark) = (self.protocol.prepare(&mut batch.bytes), batch.items.len());
        let mut read = Read::default();
        let (mut lost, mut filled) = (None, 0);
        if !self.leftover.is_empty() {
            batch.bytes.append(&mut self.leftover);
            read.received = true;
        } else if self.unparsed {
            // This turn does not read the socket, so more bytes may wait there.
            self.unread = true;
        } else {
            match self.transport.read(&mut batch.bytes, self.room) {
                Ok(0) => lost = Some(None),
                Ok(count) => {
                    read.received = true;
                    self.unread = count >= self.room || self.transport.has_buffered_input();
                    filled = count;
                }
                Err(error) if is_blocked(&error) => (self.unread, self.burst) = (false, 0),
                Err(error) => lost = Some(Some(connection_lost(&error))),
            }
        }
        let received = self.protocol.receive(batch, start, max_messages);
        read.data_messages = received.data_messages;
        read.other_events = received.controls;
        self.busy |= received.data_messages > 0;
        self.unparsed = received.more;
        if filled > 0 {
            self.adapt(filled, max_bytes);
        }
        read.more = received.more || self.unread;
        self.ending = received.end.map(|end| match end {
            End::Close(frame) => Ending::Closed(frame),
            End::Failure { error, code } => Ending::Failed(error, code),
        });
        if let Some(teller) = &self.teller {
            let close = match &self.ending {
                Some(Ending::Closed(frame)) => Some(frame),
                _ => None,
            };
            teller.received(batch, mark, close);
        }
        if let Some(error) = lost {
            self.eof = true;
            read.more = false;
            self.ending = Some(Ending::Lost(error));
        }
        read
    }

    /// Doubles the room after a full read. Halves it after a small read, or if a turn cannot use so much.
    fn adapt(&mut self, filled: usize, max_bytes: usize) {
        self.burst += filled;
        // The few bytes behind a full read belong to the same burst.
        let burst = if self.unread { self.burst } else { std::mem::take(&mut self.burst) };
        // Under TLS a full read brings a little less.
        if self.unparsed || burst < self.room / 8 {
            self.room = (self.room / 2).max(READ_ROOM);
        } else if self.unread && filled >= self.room / 2 {
            self.room = (2 * self.room).min(max_bytes.saturating_mul(2)).clamp(READ_ROOM, FLOOD_ROOM);
        }
    }

    /// The error that ended the connection, if it was one.
    pub(super) fn end_cause(&self) -> Option<Error> {
        match &self.ending {
            Some(Ending::Failed(error, _)) => Some(error.clone()),
            Some(Ending::Lost(error)) => error.clone(),
            Some(Ending::Closed(_) | Ending::Replaced(..)) | None => None,
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.eof || self.ending.is_some()
    }

    pub(super) fn send(&mut self, data: Data<'_>, compress: Option<bool>) {
        self.busy = true;
        if let Some(teller) = &self.teller {
            teller.message(true, data);
        }
        self.protocol.send(data, compress);
    }

    pub(super) fn send_fragment(&mut self, data: Data<'_>, first: bool, last: bool, compress: Option<bool>) -> Result<()> {
        self.busy = true;
        if let Some(teller) = &self.teller {
            teller.message(true, data);
        }
        self.protocol.send_fragment(data, first, last, compress)
    }

    pub(super) fn ping(&mut self, payload: &[u8]) {
        if let Some(teller) = &self.teller {
            teller.control(true, "ping", payload);
        }
        self.protocol.ping(payload);
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        if let Some(teller) = &self.teller {
            teller.control(true, "pong", payload);
        }
        self.protocol.pong(payload);
    }

    pub(super) fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        if let Some(teller) = &self.teller
            && !self.protocol.is_closed()
        {
            teller.close(true, code, reason);
        }
        self.protocol.close(code, reason);
    }

    /// Goes on with the closing handshake at the process's end. True when there is nothing left to wait for.
    pub(super) fn say_goodbye(&mut self, scratch: &mut Batch) -> bool {
        match self.ending.take() {
            Some(Ending::Closed(frame)) => self.close(frame.code, ""),
            Some(Ending::Failed(_, code)) => self.close(Some(code), ""),
            Some(Ending::Lost(_)) => return true,
            Some(Ending::Replaced(..)) | None => self.close(Some(CloseCode::GOING_AWAY), ""),
        }
        self.write();
        for _ in 0..MOST_READS {
            scratch.clear();
            if self.eof || self.write_failed || self.ending.is_some() || !self.read(scratch, usize::MAX, READ_ROOM).more {
                break;
            }
        }
        let answered = self.eof || self.ending.is_some();
        self.write_failed || (answered && !self.write_blocked)
    }

    /// Whether a message in fragments has begun and not ended.
    pub(super) fn is_amid_message(&self) -> bool {
        self.protocol.is_amid_message()
    }

    /// Bytes that wait to be written, with control frames.
    pub(super) fn waiting(&self) -> usize {
        self.protocol.output().len().max(self.buffered_amount())
    }

    /// Payload bytes that have not left. After a failed write they never leave.
    pub(super) fn buffered_amount(&self) -> usize {
        self.lost + self.protocol.buffered_amount()
    }

    /// How many messages wait to be written, whole or in part.
    pub(super) fn unsent_messages(&self) -> usize {
        self.protocol.unsent_messages()
    }

    /// The traffic to the server, and from it.
    pub(super) fn traffic(&self) -> (Traffic, Traffic) {
        (self.protocol.sent(), self.protocol.received())
    }

    /// Bytes that wait to be written, with frame headers.
    pub(super) fn unsent(&self) -> usize {
        self.protocol.output().len()
    }

    /// Whether the kernel has refused a part of the bytes.
    pub(super) fn wants_write(&self) -> bool {
        self.write_blocked && !self.write_failed
    }

    /// Writes as much as the kernel takes. It does not report a failed write: the peer's last bytes come first, and reading meets the same end after
    /// them.
    pub(super) fn write(&mut self) {
        self.write_blocked = false;
        while !self.write_failed && !self.protocol.output().is_empty() {
            match self.transport.write(self.protocol.output()) {
                Ok(count) => {
                    self.protocol.wrote(count);
                    self.taken += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.write_stopped(&error),
            }
        }
        if !self.write_failed
            && let Err(error) = self.transport.flush()
        {
            self.write_stopped(&error);
        }
    }

    fn write_stopped(&mut self, error: &io::Error) {
        if is_blocked(error) {
            self.write_blocked = true;
            self.backlog_end = self.taken + self.unsent() as u64;
        } else {
            self.write_failed = true;
            self.lost = self.protocol.buffered_amount();
            self.protocol.wrote(self.protocol.output().len());
        }
    }

    /// Whether the peer has acknowledged more of the backlog since the last check. Its answers come after the backlog.
    pub(super) fn has_progressed(&mut self) -> bool {
        if self.write_failed || self.acknowledged >= self.backlog_end {
            return false;
        }
        let acknowledged = self.taken.saturating_sub(self.transport.unacknowledged() as u64);
        acknowledged > std::mem::replace(&mut self.acknowledged, acknowledged)
    }

    /// Gives memory back once no message has passed for a while. Not at once: the next message would need the buffers again, and the encoder would
    /// have lost its history. The time of the next look does not move with each message, so no timer has to move.
    pub(super) fn look_for_quiet(&mut self, now: Instant) {
        if self.next_look.is_some_and(|at| now < at) {
            return;
        }
        if std::mem::take(&mut self.busy) {
            self.next_look = now.checked_add(QUIET);
        } else if self.next_look.take().is_some() {
            self.protocol.idle();
        }
    }

    /// The time at which [`Link::look_for_quiet`] must be called if no other turn comes.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Whether messages pass again and no check is planned: a turn of the driver has to plan one.
    pub(super) fn wakes_up(&self) -> bool {
        self.busy && self.next_look.is_none()
    }

    /// Ends the link. `abrupt` drops the unsent bytes; otherwise they may leave for a moment.
    pub(super) fn retire(mut self, now: Instant, abrupt: bool) -> Retired {
        if !abrupt {
            self.write();
        }
        let mut retired = Retired { until: now + LINGER, done: false, counts: true, link: self };
        if abrupt || retired.link.write_failed || retired.link.eof {
            retired.finish();
        } else {
            retired.step();
        }
        retired
    }
}

/// A finished connection: its last bytes leave, and the peer's are read and dropped. A close with unread bytes would reset the connection and could
/// destroy our Close frame.
pub(super) struct Retired {
    link: Link,
    until: Instant,
    done: bool,
    /// Its unsent bytes count in `buffered_amount`, because the user does not know of the next connection yet.
    counts: bool,
}

impl Retired {
    pub(super) fn id(&self) -> LinkId {
        self.link.id
    }

    pub(super) fn descriptor(&self) -> RawDescriptor {
        self.link.descriptor()
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn buffered_amount(&self) -> usize {
        if self.counts { self.link.buffered_amount() } else { 0 }
    }

    /// Stops counting its unsent bytes.
    pub(super) fn forget_unsent(&mut self) {
        self.counts = false;
    }

    pub(super) fn until(&self) -> Option<Instant> {
        (!self.done).then_some(self.until)
    }

    pub(super) fn wants_write(&self) -> bool {
        !self.done && self.link.wants_write()
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Goes on with the last reads and writes.
    pub(super) fn drive(&mut self, now: Instant) {
        if !self.done {
            if now >= self.until {
                self.finish();
            } else {
                self.step();
            }
        }
    }

    fn step(&mut self) {
        self.link.write();
        if self.link.write_failed {
            return self.finish();
        }
        if !self.link.write_blocked {
            self.link.transport.shutdown_write();
        }
        let mut scratch = Vec::new();
        for _ in 0..MOST_READS {
            scratch.clear();
            match self.link.transport.read(&mut scratch, READ_ROOM) {
                Ok(count) if count > 0 => {}
                Err(error) if is_blocked(&error) => return,
                _ => return self.finish(),
            }
        }
        // The peer sends faster than we read, and its time is over.
        self.finish();
    }

    /// Ends it, and drops unsent bytes.
    pub(super) fn finish(&mut self) {
        self.done = true;
        // The descriptor itself lives until its driver has released it. An error means that the peer closed first.
        let _ = self.link.transport.socket().shutdown(std::net::Shutdown::Both);
    }
}

pub(super) fn is_blocked(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn connection_lost(error: &io::Error) -> Error {
    let words = match error.kind() {
        io::ErrorKind::ConnectionReset => "the peer reset the connection",
        io::ErrorKind::TimedOut => "the network gave the connection up",
        // Only TLS gives this kind. The cause has the details.
        io::ErrorKind::InvalidData => "TLS failed on the open connection",
        _ => "the connection was lost",
    };
    Error::new(ErrorCode::ConnectionLost, words).caused_by(error)
}
