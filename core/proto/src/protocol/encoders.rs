//! The deflate encoders that all connections of the process share. An encoder takes some 330 KiB, so there are few. A connection keeps only the end
//! of its sent data; an encoder that served another connection restores its context from that. Knows no frames.
//!
//! No code here waits for a lock. If another thread holds it (or held it when the process was forked), that encoder is not used.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use zlib_rs::{Deflate, DeflateConfig};

/// How many encoders are kept: so many connections may send at the same time without one taking the encoder of another.
const SLOTS: usize = 16;
/// How much sent data a connection keeps: the context for an encoder that another connection used meanwhile.
const HISTORY: usize = 8 << 10;
/// The history is cut only when it is longer by this, so that it is not moved for each message.
const SLACK: usize = 1 << 10;

static ENCODERS: [Mutex<Slot>; SLOTS] = [const { Mutex::new(Slot { user: NOBODY, encoder: None }) }; SLOTS];
static NEXT_USER: AtomicU64 = AtomicU64::new(NOBODY + 1);
static NEXT_VICTIM: AtomicUsize = AtomicUsize::new(0);
const NOBODY: u64 = 0;

struct Slot {
    /// The connection whose context the encoder holds.
    user: u64,
    encoder: Option<(DeflateConfig, Box<Deflate>)>,
}

/// A connection's part in the shared encoders: the context of its compression.
pub(super) struct Context {
    config: DeflateConfig,
    user: u64,
    /// The slot of its last encoder.
    slot: usize,
    /// The end of the compressed data, oldest first.
    history: Vec<u8>,
}

impl Context {
    pub(super) fn new(config: DeflateConfig) -> Self {
        Self { config, user: NEXT_USER.fetch_add(1, Ordering::Relaxed), slot: 0, history: Vec::new() }
    }

    /// Calls `compress` with an encoder that has this context. `data` is the text to compress.
    pub(super) fn with<R>(&mut self, data: &[u8], compress: impl FnOnce(&mut Deflate) -> R) -> R {
        let result = if let Some(mut slot) = self.slot() {
            let is_ready = slot.user == self.user;
            let encoder = match slot.encoder.take() {
                Some((config, encoder)) if config == self.config => encoder,
                _ => Box::new(Deflate::new_with_config(self.config)),
            };
            let (_, encoder) = slot.encoder.insert((self.config, encoder));
            if !is_ready {
                encoder.reset();
                self.take_up(encoder);
            }
            let result = compress(encoder);
            slot.user = self.user;
            result
        } else {
            // Each is in use at this moment.
            let mut encoder = Deflate::new_with_config(self.config);
            self.take_up(&mut encoder);
            compress(&mut encoder)
        };
        self.remember(data);
        result
    }

    fn take_up(&self, encoder: &mut Deflate) {
        if !self.history.is_empty() {
            // It is refused only in the middle of a stream with a header, and there is no header.
            let _ = encoder.set_dictionary(&self.history);
        }
    }

    /// Its own slot, else a free one, else one that another connection has used.
    fn slot(&mut self) -> Option<MutexGuard<'static, Slot>> {
        if let Some(slot) = try_lock(self.slot).filter(|slot| slot.user == self.user) {
            return Some(slot);
        }
        let unused = (0..SLOTS).find_map(|index| Some((index, try_lock(index).filter(|slot| slot.user == NOBODY)?)));
        let victim = || {
            let first = NEXT_VICTIM.fetch_add(1, Ordering::Relaxed);
            (0..SLOTS).map(|step| first.wrapping_add(step) % SLOTS).find_map(|index| Some((index, try_lock(index)?)))
        };
        let (index, slot) = unused.or_else(victim)?;
        self.slot = index;
        Some(slot)
    }

    fn remember(&mut self, data: &[u8]) {
        let tail = &data[data.len().saturating_sub(HISTORY)..];
        if self.history.len() + tail.len() > HISTORY + SLACK {
            let kept = HISTORY - tail.len();
            self.history.drain(..self.history.len().saturating_sub(kept));
        }
        let length = self.history.len() + tail.len();
        if length > self.history.capacity() {
            let room = (2 * length).min(HISTORY + SLACK);
            self.history.reserve_exact(room - self.history.len());
        }
        self.history.extend_from_slice(tail);
    }

    /// Forgets the data compressed so far. The encoder may serve another connection.
    pub(super) fn restart(&mut self) {
        self.history.clear();
        if let Some(mut slot) = try_lock(self.slot).filter(|slot| slot.user == self.user) {
            slot.user = NOBODY;
        } else {
            // Another thread reads that slot at this moment. With a new user number, this connection no longer owns it.
            self.user = NEXT_USER.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As [`Context::restart`], and gives the memory back.
    pub(super) fn forget(&mut self) {
        self.history = Vec::new();
        if let Some(mut slot) = try_lock(self.slot).filter(|slot| slot.user == self.user) {
            slot.user = NOBODY;
            slot.encoder = None;
        }
        self.user = NEXT_USER.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.forget();
    }
}

fn try_lock(index: usize) -> Option<MutexGuard<'static, Slot>> {
    match ENCODERS[index].try_lock() {
        Ok(slot) => Some(slot),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
