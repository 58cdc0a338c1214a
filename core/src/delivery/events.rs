//! The events of a socket, for a task or a thread that takes them one by one. With the option `driver` as `host` the taker drives the socket.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;
use tokio::task::coop;

use super::cursor::{self, Cursor, Shown};
use crate::close::CloseCode;
use crate::driver::{Connection, Listener, OwnLoop, TOKEN, TaskDriver, give_back_batch, spare_batch};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Batch, Event};
use crate::reply::Replies;
use crate::trace;

/// So many messages count as much as one read in the budget of a task.
const MESSAGES_A_READ: u8 = 128;

/// The events of a socket, in order. Ends after the last `close`. Dropping it (by a return from `main` or a panic too) sends Close
/// 1001; without `close_on_exit` it drops the connection.
///
/// With `Options::driver(Driver::Host)` the task or the thread that takes the events also drives the connection: no other thread takes part, which
/// halves the time of a round trip. If nobody takes events for [`keeper`](crate::Options::keeper), a thread of Heartwire answers pings and sends
/// heartbeats until somebody does again. A task has to run in a tokio runtime with its I/O driver enabled; in other executors a thread of Heartwire
/// tells the task when there is something to read.
pub struct Events {
    connection: Connection,
    replies: Arc<Replies>,
    listener: Arc<Listener>,
    cursor: Cursor,
    /// Batches behind the one of the cursor.
    ahead: VecDeque<Batch>,
    seat: Seat,
    /// The background has the rest.
    left: bool,
    /// Messages since the last one that used up some of the task's budget.
    taken: u8,
}

/// The driver of the socket.
enum Seat {
    /// The background.
    Background,
    /// Nobody here: no event was asked for yet, or the last one was taken.
    Empty,
    /// The task that polls.
    Task(Box<TaskDriver>),
    /// The thread that waits.
    Thread(Box<OwnLoop>),
}

impl Events {
    /// Of a connection whose wakes ring `listener`.
    pub(crate) fn new(connection: Connection, replies: Arc<Replies>, listener: Arc<Listener>) -> Self {
        let seat = if connection.is_hosted() { Seat::Empty } else { Seat::Background };
        Self { connection, replies, listener, cursor: Cursor::default(), ahead: VecDeque::new(), seat, left: false, taken: 0 }
    }

    /// The next event; `None` after the last. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_shown(cx)).await.map(Event::from)
    }

    /// The next event, blocking this thread; `None` after the last, or when `at_most` is over.
    pub fn next_blocking(&mut self, at_most: Option<Duration>) -> Option<Event> {
        let until = at_most.and_then(|at_most| Instant::now().checked_add(at_most));
        self.shown_until(until).map(Event::from)
    }

    /// [`Events::next`] as a poll, with messages apart.
    pub(crate) fn poll_shown(&mut self, cx: &mut Context<'_>) -> Poll<Option<Shown>> {
        self.taken = self.taken.saturating_add(1);
        if self.taken >= MESSAGES_A_READ {
            ready!(coop::poll_proceed(cx)).made_progress();
            self.taken = 0;
        }
        loop {
            if let Some(shown) = self.pop() {
                return Poll::Ready(Some(shown));
            }
            if self.is_finished() {
                return Poll::Ready(None);
            }
            ready!(self.poll_ahead(cx));
        }
    }

    /// [`Events::next_blocking`], with messages apart.
    pub(crate) fn shown_until(&mut self, until: Option<Instant>) -> Option<Shown> {
        loop {
            if let Some(shown) = self.pop() {
                return Some(shown);
            }
            if self.is_finished() || !self.wait_ahead(until) {
                return None;
            }
        }
    }

    /// Whether something that was read, and not taken yet, ends the connection or waits for what comes before it.
    pub(crate) fn meets_end(&self) -> bool {
        self.cursor.meets_end() || self.ahead.iter().any(|batch| cursor::meet_end(&batch.items))
    }

    /// Whether the last event was taken.
    fn is_finished(&mut self) -> bool {
        let finished = self.connection.is_finished();
        if finished {
            self.leave();
        }
        finished
    }

    /// The next event of what has come.
    pub(crate) fn pop(&mut self) -> Option<Shown> {
        loop {
            if let Some(shown) = self.cursor.next(&self.connection, |settled| self.replies.settle(settled)) {
                return Some(shown);
            }
            if let Some(batch) = self.cursor.unload() {
                self.connection.delivered(&batch);
                give_back_batch(batch);
            }
            self.cursor.load(self.ahead.pop_front()?);
            trace::frames();
        }
    }

    /// Keeps a batch until its turn comes. Ends of requests are told at once.
    fn keep(&mut self, mut batch: Batch) {
        if self.replies.are_awaited() {
            self.connection.settle_requests(&mut batch);
        }
        if batch.is_empty() {
            give_back_batch(batch);
        } else {
            self.ahead.push_back(batch);
        }
    }

    /// Goes on with the socket once, on this task: what comes waits for [`Events::poll_shown`].
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self.seat, Seat::Background) {
            self.listener.listen(cx.waker());
            // After listening: a batch that came before has woken nobody.
            let mut batch = Batch::default();
            if self.connection.take(&mut batch) {
                self.ahead.push_back(batch);
            } else if !self.connection.is_finished() {
                return Poll::Pending;
            }
            return Poll::Ready(());
        }
        if !matches!(self.seat, Seat::Task(_)) {
            self.leave_seat();
            self.seat = Seat::Task(Box::new(TaskDriver::new(Arc::clone(&self.listener))));
        }
        let Seat::Task(driver) = &mut self.seat else { return Poll::Pending };
        let mut batch = spare_batch();
        let turn = driver.poll_turn(cx, &self.connection, &mut batch);
        self.keep(batch);
        turn
    }

    /// Goes on with the socket once, on this thread. Returns false when the time is over.
    pub(crate) fn wait_ahead(&mut self, until: Option<Instant>) -> bool {
        if matches!(self.seat, Seat::Background) {
            let mut batch = Batch::default();
            let came = self.connection.take(&mut batch);
            if came {
                self.ahead.push_back(batch);
            }
            return came || self.connection.is_finished() || self.listener.wait(until);
        }
        match self.wait_in_loop(until) {
            Ok(came) => came,
            Err(error) => {
                self.connection.fail(error);
                let mut batch = spare_batch();
                self.connection.drive(&mut batch);
                self.keep(batch);
                true
            }
        }
    }

    fn wait_in_loop(&mut self, until: Option<Instant>) -> Result<bool> {
        if !matches!(self.seat, Seat::Thread(_)) {
            self.leave_seat();
            let own = OwnLoop::new()?;
            own.handle().add(TOKEN, self.connection.clone());
            self.listener.listen_in(Some(own.handle()));
            self.seat = Seat::Thread(Box::new(own));
        }
        let Seat::Thread(own) = &mut self.seat else { return Ok(false) };
        let mut due = Vec::new();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match own.wait(left, &mut due) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(Error::new(ErrorCode::RuntimeFailed, "the event loop could not wait").caused_by(&error));
            }
            // A signal, which is no end of the time.
            Err(_) => return Ok(true),
            Ok(()) if due.is_empty() => return Ok(left.is_none_or(|left| !left.is_zero())),
            Ok(()) => {}
        }
        let mut batch = spare_batch();
        own.drive(TOKEN, &mut batch)?;
        self.keep(batch);
        Ok(true)
    }

    /// Watches nothing any more; the background may go on.
    fn leave(&mut self) {
        if matches!(self.seat, Seat::Background) || std::mem::replace(&mut self.left, true) {
            return;
        }
        self.leave_seat();
        // In a forked child the parent may hold any lock for ever.
        if self.connection.is_ours() {
            self.connection.leave();
        }
    }

    fn leave_seat(&mut self) {
        self.listener.listen_in(None);
        self.seat = Seat::Empty;
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_shown(cx).map(|shown| shown.map(Event::from))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if self.connection.closes_on_exit() {
            self.connection.go_away(CloseCode::GOING_AWAY);
        } else {
            self.connection.terminate();
        }
        self.leave();
    }
}
