//! The reply of a request: a future, or a call that blocks a thread. It knows the socket only to cancel the request.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use serde_json::Value;

use crate::driver::Connection;
use crate::error::{Error, ErrorCode, Result};
use crate::event::Settled;

/// The pending requests of one socket.
#[derive(Default)]
pub(crate) struct Replies {
    waiting: Mutex<HashMap<u64, Waiting>>,
    settled: Condvar,
    last: AtomicU64,
}

enum Waiting {
    Open(Option<Waker>),
    Done(Result<Value>),
}

impl Replies {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request and returns its ticket.
    pub(crate) fn expect(&self) -> u64 {
        let ticket = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.lock().insert(ticket, Waiting::Open(None));
        ticket
    }

    /// Whether a reply is awaited.
    pub(crate) fn are_awaited(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Removes a request that was not sent.
    pub(crate) fn forget(&self, ticket: u64) {
        self.lock().remove(&ticket);
    }

    /// Stores the end of a request.
    pub(crate) fn settle(&self, settled: Settled) {
        let reply = settled.outcome.and_then(|text| {
            let text = text.unwrap_or_default();
            serde_json::from_str(&text).map_err(|error| Error::new(ErrorCode::Internal, "the reply is no JSON").caused_by(&error))
        });
        let mut waiting = self.lock();
        // Nobody waits for a request that was dropped.
        let waker = match waiting.get_mut(&settled.ticket) {
            Some(place) => match std::mem::replace(place, Waiting::Done(reply)) {
                Waiting::Open(waker) => waker,
                Waiting::Done(_) => None,
            },
            None => None,
        };
        drop(waiting);
        self.settled.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The reply of a request: a future, or [`Reply::wait`]. Dropping it cancels the request.
#[must_use = "dropping it cancels the request"]
pub struct Reply {
    connection: Connection,
    replies: Arc<Replies>,
    ticket: u64,
}

impl Reply {
    pub(crate) fn new(connection: Connection, replies: Arc<Replies>, ticket: u64) -> Self {
        Self { connection, replies, ticket }
    }

    /// Blocks this thread until the reply arrives.
    ///
    /// # Errors
    /// `request_timeout`, `request_failed` with the reply as the error's body, `connection_lost`, `rate_limited`.
    pub fn wait(self) -> Result<Value> {
        let mut waiting = self.replies.lock();
        loop {
            match waiting.remove(&self.ticket) {
                Some(Waiting::Done(reply)) => return reply,
                Some(open) => _ = waiting.insert(self.ticket, open),
                None => return Err(Error::new(ErrorCode::Internal, "the request is settled already")),
            }
            waiting = self.replies.settled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Future for Reply {
    type Output = Result<Value>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiting = self.replies.lock();
        match waiting.remove(&self.ticket) {
            Some(Waiting::Done(reply)) => Poll::Ready(reply),
            Some(Waiting::Open(_)) => {
                waiting.insert(self.ticket, Waiting::Open(Some(cx.waker().clone())));
                Poll::Pending
            }
            None => Poll::Ready(Err(Error::new(ErrorCode::Internal, "the reply was taken already"))),
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if matches!(self.replies.lock().remove(&self.ticket), Some(Waiting::Open(_))) {
            self.connection.cancel_request(self.ticket);
        }
    }
}
