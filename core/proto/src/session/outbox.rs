//! The send queue: messages that wait for a connection, within bounds of number, bytes and age. Every message leaves it exactly once:
//! transmitted, or reported as dropped. Knows nothing of connections.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::action::{Outlet, Route};
use super::rate::Key;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{DropReason, Dropped, Event};
use crate::message::{Data, Message};
use crate::options::{Overflow, SendQueueOptions};

/// The messages that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    compress: Option<bool>,
    key: Key,
    since: Instant,
}

impl Outbox {
    /// The payload bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Queues a message, by the overflow rule.
    pub(super) fn push(
        &mut self,
        now: Instant,
        data: Data<'_>,
        compress: Option<bool>,
        key: Option<&str>,
        options: &SendQueueOptions,
        out: &mut Outlet,
    ) -> Result<Route> {
        self.expire(now, options, out);
        let fits_at_all = data.len() <= options.max_bytes && options.max_messages > 0;
        if !self.has_room(data, options) {
            match options.overflow {
                Overflow::Error => {
                    return Err(Error::new(
                        ErrorCode::QueueFull,
                        format!(
                            "the send queue holds {} of {} messages and {} of {} bytes: {} bytes more do not fit",
                            self.waiting.len(),
                            options.max_messages,
                            self.bytes,
                            options.max_bytes,
                            data.len()
                        ),
                    ));
                }
                Overflow::DropOldest if fits_at_all => {
                    let mut dropped = Vec::new();
                    while !self.has_room(data, options)
                        && let Some(oldest) = self.pop()
                    {
                        dropped.push(oldest.message);
                    }
                    report(dropped, DropReason::Overflow, out);
                }
                // A message that can never fit is dropped under every rule: it would only empty the queue.
                Overflow::DropOldest | Overflow::DropNewest => {
                    report(vec![data.to_message()], DropReason::Overflow, out);
                    return Ok(Route::Dropped);
                }
            }
        }
        self.bytes += data.len();
        self.waiting.push_back(Waiting { message: data.to_message(), compress, key: key.map(Arc::from), since: now });
        Ok(Route::Queued)
    }

    fn has_room(&self, data: Data<'_>, options: &SendQueueOptions) -> bool {
        self.waiting.len() < options.max_messages && self.bytes.saturating_add(data.len()) <= options.max_bytes
    }

    fn pop(&mut self) -> Option<Waiting> {
        let oldest = self.waiting.pop_front()?;
        self.bytes -= oldest.message.len();
        Some(oldest)
    }

    /// Drops messages that waited too long.
    pub(super) fn expire(&mut self, now: Instant, options: &SendQueueOptions, out: &mut Outlet) {
        let mut dropped = Vec::new();
        while self.next_deadline(options).is_some_and(|deadline| deadline <= now)
            && let Some(oldest) = self.pop()
        {
            dropped.push(oldest.message);
        }
        report(dropped, DropReason::Expired, out);
    }

    /// When the oldest message has waited too long.
    pub(super) fn next_deadline(&self, options: &SendQueueOptions) -> Option<Instant> {
        self.waiting.front()?.since.checked_add(options.ttl?)
    }

    /// Returns all messages that have not waited too long, in order.
    pub(super) fn take(&mut self, now: Instant, options: &SendQueueOptions, out: &mut Outlet) -> Vec<(Message, Option<bool>, Key)> {
        self.expire(now, options, out);
        self.bytes = 0;
        std::mem::take(&mut self.waiting).into_iter().map(|waiting| (waiting.message, waiting.compress, waiting.key)).collect()
    }

    /// Puts messages back at the front: they left the queue, but not the connection.
    pub(super) fn put_back(&mut self, now: Instant, messages: Vec<(Message, Option<bool>, Key)>) {
        for (message, compress, key) in messages.into_iter().rev() {
            self.bytes += message.len();
            self.waiting.push_front(Waiting { message, compress, key, since: now });
        }
    }

    /// No connection follows: drops everything.
    pub(super) fn drop_all(&mut self, out: &mut Outlet) {
        let dropped = std::mem::take(&mut self.waiting).into_iter().map(|waiting| waiting.message).collect();
        self.bytes = 0;
        report(dropped, DropReason::Closed, out);
    }
}

fn report(messages: Vec<Message>, reason: DropReason, out: &mut Outlet) {
    if !messages.is_empty() {
        out.emit(Event::Dropped(Dropped { messages, reason }));
    }
}
