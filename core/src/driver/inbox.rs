//! The inbox of an [`OwnLoop`](super::OwnLoop): other threads leave sockets to add, to remove, or to drive. They never wait for the loop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;

use super::Connection;

/// A handle for other threads. No call waits for the loop.
#[derive(Clone)]
pub struct LoopHandle(Arc<Inbox>);

struct Inbox {
    waker: Waker,
    notes: Mutex<Vec<Note>>,
}

/// A task that another thread has left for the loop.
pub(super) enum Note {
    Add(usize, Connection),
    Remove(usize),
    Due(usize),
}

impl Note {
    fn token(&self) -> usize {
        match self {
            Self::Add(token, _) | Self::Remove(token) | Self::Due(token) => *token,
        }
    }
}

impl LoopHandle {
    pub(super) fn new(waker: Waker) -> Self {
        Self(Arc::new(Inbox { waker, notes: Mutex::default() }))
    }

    /// Gives the loop a hosted socket under a token of the caller's. It is due at once.
    pub fn add(&self, token: usize, connection: Connection) {
        self.note(Note::Add(token, connection));
    }

    /// Takes it away again, as it is.
    pub fn remove(&self, token: usize) {
        self.note(Note::Remove(token));
    }

    /// Makes a socket due: what the socket's own wake has to do.
    pub fn wake(&self, token: usize) {
        self.note(Note::Due(token));
    }

    /// Ends the present wait, or the next one.
    pub fn interrupt(&self) {
        // It fails only if the loop is gone, and then nobody waits.
        let _ = self.0.waker.wake();
    }

    /// The tasks left since the last call.
    pub(super) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.lock())
    }

    /// Takes back what was left for a socket.
    pub(super) fn forget(&self, token: usize) {
        self.lock().retain(|note| note.token() != token);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: Note) {
        let first = {
            let mut notes = self.lock();
            notes.push(note);
            notes.len() == 1
        };
        if first {
            self.interrupt();
        }
    }
}
