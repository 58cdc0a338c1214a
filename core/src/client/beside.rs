//! The second connection of a socket: the next one while it is being opened, or the old one while it is drained. Knows no client.

use std::sync::Arc;

use super::link::{Link, LinkId};
use crate::dial;
use crate::event::Batch;
use crate::os::RawDescriptor;
use crate::process::Slot;

/// A request to dial, and the number of its link.
pub type Order = (LinkId, Box<dial::Request>);

/// The state of an attempt.
pub(super) enum DialState {
    Idle,
    /// Ordered, and not yet taken by the driver.
    Ordered(LinkId, Box<dial::Request>),
    Running,
    /// The driver has to end it.
    Cancelled,
}

/// The connection beside the present one.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Beside {
    pub(super) dial: DialState,
    pub(super) id: LinkId,
    /// The connection beside which it was opened has ended, so the attempt is now the socket's own.
    pub(super) promoted: bool,
    pub(super) next: Option<Link>,
    pub(super) old: Option<Link>,
    /// The present connection is the new one, and its events are held until the old one has ended.
    pub(super) holds: bool,
    /// The events of the new connection.
    pub(super) held: Batch,
    /// Whether the next and the old connection are read, as the session was last told.
    pub(super) reading: bool,
    pub(super) reads_old: bool,
    pub(super) slot: Arc<Slot>,
}

/// The orders for the driver of the second connection.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Default)]
pub struct Wants {
    /// Open this connection, and report with `Client::dialled_beside`.
    pub dial: Option<Order>,
    /// Give up the attempt.
    pub cancel_dial: bool,
    /// Watch this descriptor.
    pub watch: Option<(LinkId, RawDescriptor)>,
    /// Request a turn when the descriptor is readable.
    pub reads: bool,
    /// Request a turn when the descriptor is writable.
    pub writes: bool,
    /// The second connection is gone.
    pub over: bool,
}

impl Beside {
    pub(super) fn new() -> Self {
        Self {
            dial: DialState::Idle,
            id: LinkId(0),
            promoted: false,
            next: None,
            old: None,
            holds: false,
            held: Batch::default(),
            reading: true,
            reads_old: true,
            slot: Slot::register(),
        }
    }

    pub(super) fn link(&self) -> Option<&Link> {
        self.next.as_ref().or(self.old.as_ref())
    }

    pub(super) fn is_over(&self) -> bool {
        self.link().is_none() && !self.holds && matches!(self.dial, DialState::Idle)
    }

    /// Whether fewer than `most` bytes are held.
    pub(super) fn has_room(&self, most: usize) -> bool {
        self.held.weight() < most
    }

    /// Whether the old connection's peer has acknowledged more bytes of the backlog: its answer to our Close comes after them.
    pub(super) fn has_progressed(&mut self) -> bool {
        self.reads_old && self.old.as_mut().is_some_and(Link::has_progressed)
    }

    pub(super) fn buffered_amount(&self) -> usize {
        self.next.iter().chain(&self.old).map(Link::buffered_amount).sum()
    }

    pub(super) fn into_links(self) -> Vec<Link> {
        self.slot.set(None);
        self.next.into_iter().chain(self.old).collect()
    }

    /// In a forked child: drops the links without closing their descriptors.
    pub(super) fn forget(mut self) {
        std::mem::forget(self.next.take());
        std::mem::forget(self.old.take());
    }

    /// Sends Close frames, without waiting for the answers.
    pub(super) fn say_goodbye(&mut self) {
        for link in self.next.iter_mut().chain(&mut self.old) {
            link.say_goodbye(&mut Batch::default());
        }
    }
}
