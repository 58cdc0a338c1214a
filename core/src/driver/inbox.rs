//! The inbox of an [`OwnLoop`](super::OwnLoop): other threads leave notes to add, remove, or drive sockets. They never wait for the loop.

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

/// A note that another thread has left for the loop.
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

    /// Adds a hosted socket to the loop under the caller's token. It is due at once.
    pub fn add(&self, token: usize, connection: Connection) {
        self.note(Note::Add(token, connection));
    }

    /// Removes the socket, in whatever state it is.
    pub fn remove(&self, token: usize) {
        self.note(Note::Remove(token));
    }

    /// Makes a socket due. The socket's own wake has to call it.
    pub fn wake(&self, token: usize) {
        self.note(Note::Due(token));
    }

    /// Ends the present wait, or the next one.
    pub fn interrupt(&self) {
        // It fails only if the loop is gone, and then nobody waits.
        let _ = self.0.waker.wake();
    }

    /// The notes left since the last call.
    pub(super) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.lock())
    }

    /// Removes the notes for a socket.
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
