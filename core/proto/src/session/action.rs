//! The output of a session: the actions that it wants, and the outlet that collects them. Knows no rule of when to emit them.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use url::Url;

use crate::close::CloseCode;
use crate::event::{Ask, Event, Question};
use crate::message::Message;

/// An order of the session. After every call to the session, carry out all that [`Session::poll`](super::Session::poll) returns, in order,
/// before the next call.
#[derive(Debug)]
pub enum Action {
    /// Open a connection; report with `handle_opened` or `handle_dial_failed`.
    Dial(Target),
    /// Give up the present dial; its outcome is not reported any more.
    CancelDial,
    /// Hand a message to the protocol; the second says whether to compress it, as in `SendOptions`.
    Transmit(Message, Option<bool>),
    /// Hand a ping to the protocol.
    Ping(Bytes),
    /// Hand a Close frame to the protocol.
    SendClose(Option<CloseCode>, String),
    /// Write as much as possible without waiting, then drop the connection. Exactly one for each that was opened.
    Drop,
    /// Give the event to the host.
    Emit(Event),
    /// Report with `handle_open_delivered` and `handle_hand_over` once the host has reached it: the handlers of all events before it have run.
    Barrier,
    /// The server asked its clients to connect again. Call `reconnect` with these values once everything that was read is delivered.
    Replace(Option<Url>, CloseCode),
    /// For the connection that is opened beside the present one: a dial, a message, a ping, a Close, a drop, or an event, which is held.
    Beside(Box<Self>),
    /// The second connection becomes the present one, and its events are held. The old one is drained: report its end with `handle_parting_close` or
    /// `handle_parting_lost`.
    HandOver,
    /// Drop the old connection, as `Drop` does.
    DropParting,
    /// The connection or the dial beside the present one, which was dropped, takes its place.
    Promote,
    /// The held events of the second connection go to the host now, or are dropped. From now on its events are not held.
    Held {
        /// Whether the host gets them.
        deliver: bool,
    },
}

/// The values of the user's functions for an attempt; `None` means that the options decide. `Debug` shows only which were given, because all may
/// be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The URL to connect to.
    pub url: Option<Url>,
    /// The headers of the upgrade request, instead of `options.headers`.
    pub headers: Option<Vec<(String, String)>>,
    /// The subprotocols to offer, instead of `options.protocols`.
    pub protocols: Option<Vec<String>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = [("url", self.url.is_some()), ("headers", self.headers.is_some()), ("protocols", self.protocols.is_some())];
        f.debug_list().entries(given.iter().filter(|(_, given)| *given).map(|(name, _)| name)).finish()
    }
}

/// The way of an outbound message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The caller hands it to the protocol now.
    Transmit,
    /// The session keeps a copy until the next connection.
    Queued,
    /// The queue was full and its rule dropped this message; `Event::Dropped` reports it.
    Dropped,
    /// The connection is ending: it goes nowhere, and only `buffered_amount` grows.
    Discarded,
}

/// Collects actions in order, and numbers the questions to the host.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    actions: VecDeque<Action>,
    /// With a rate limit, the messages of heartbeat and login wait here until they are counted.
    metered: Option<VecDeque<Message>>,
    last_id: u64,
}

impl Outlet {
    /// An outlet. If `metered`, it holds messages back until they are counted.
    pub(super) fn metered(metered: bool) -> Self {
        Self { metered: metered.then(VecDeque::new), ..Self::default() }
    }

    /// Sends a message of the session's own.
    pub(super) fn send(&mut self, message: Message) {
        match &mut self.metered {
            Some(metered) => metered.push_back(message),
            None => self.push(Action::Transmit(message, None)),
        }
    }

    /// The next message to be counted.
    pub(super) fn take_metered(&mut self) -> Option<Message> {
        self.metered.as_mut()?.pop_front()
    }

    /// Numbers its questions after those of another outlet, so that two outlets never use the same number.
    pub(super) fn number_after(&mut self, other: &Self) {
        self.last_id = self.last_id.max(other.last_id + (1 << 32));
    }

    pub(super) fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.push(Action::Emit(event));
    }

    /// Asks the host; its answer comes back with the id.
    pub(super) fn ask(&mut self, question: Question) -> u64 {
        self.last_id += 1;
        self.emit(Event::Ask(Ask { id: self.last_id, question }));
        self.last_id
    }

    pub(super) fn poll(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        // Idle sockets are many, and most have nothing to do for long.
        if action.is_none() && self.actions.capacity() > 0 {
            self.actions = VecDeque::new();
        }
        action
    }
}
