//! A small event loop for a thread that has none: it waits for the hosted sockets given to it, and says which of them to drive. Runs no user
//! code: the thread drives and delivers between two waits, and several threads have a loop each.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::{Connection, LinkId, Wake};
use crate::error::{Error, ErrorCode, Result};
use crate::event::Batch;

const WAKER: Token = Token(usize::MAX);
const EVENTS: usize = 256;

/// The loop of one thread.
pub struct OwnLoop {
    poll: Poll,
    events: Events,
    rung: Arc<Rung>,
    sockets: BTreeMap<usize, Socket>,
    next: usize,
}

/// Which sockets were woken since the last wait.
struct Rung {
    waker: Waker,
    tokens: Mutex<Vec<usize>>,
}

struct Socket {
    connection: Connection,
    watched: Option<(LinkId, RawFd)>,
    deadline: Option<Instant>,
    again: bool,
    /// The peer ended its side: that was told once, and is there to be read behind the last bytes.
    hung_up: bool,
}

impl OwnLoop {
    /// A loop without sockets.
    ///
    /// # Errors
    /// `runtime_failed` if the system gives no more descriptors.
    pub fn new() -> Result<Self> {
        Self::make().map_err(|error| Error::new(ErrorCode::RuntimeFailed, "no event loop could be made").caused_by(&error))
    }

    fn make() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let rung = Arc::new(Rung { waker, tokens: Mutex::default() });
        Ok(Self { poll, events: Events::with_capacity(EVENTS), rung, sockets: BTreeMap::new(), next: 0 })
    }

    /// A token for a socket that is to be made, and the wake to make it with.
    pub fn reserve(&mut self) -> (usize, Wake) {
        let token = self.next;
        self.next += 1;
        let rung = Arc::clone(&self.rung);
        let wake = move || {
            rung.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token);
            // It fails only if the loop is gone, and then nobody waits.
            let _ = rung.waker.wake();
        };
        (token, Arc::new(wake))
    }

    /// Adds the hosted socket that was made with the wake of `token`. It is due at once.
    pub fn add(&mut self, token: usize, connection: Connection) {
        self.sockets.insert(token, Socket { connection, watched: None, deadline: None, again: true, hung_up: false });
    }

    /// Whether no socket is left.
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// A handle that ends the present [`OwnLoop::wait`], or the next one, from another thread.
    pub fn interrupter(&self) -> Wake {
        let rung = Arc::clone(&self.rung);
        Arc::new(move || {
            let _ = rung.waker.wake();
        })
    }

    /// Waits until a socket is due, at most for `at_most`; `due` gets the tokens, and is empty when the time is over or the loop was interrupted.
    ///
    /// # Errors
    /// Those of the system; `Interrupted` when a signal came, whose handler of the host may have to run.
    pub fn wait(&mut self, at_most: Option<Duration>, due: &mut Vec<usize>) -> io::Result<()> {
        due.clear();
        due.extend(self.sockets.iter().filter(|(_, socket)| socket.again).map(|(token, _)| *token));
        let now = Instant::now();
        let deadline = self.sockets.values().filter_map(|socket| socket.deadline).min();
        let mut timeout = match (deadline.map(|deadline| deadline.saturating_duration_since(now)), at_most) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if !due.is_empty() {
            timeout = Some(Duration::ZERO);
        }
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            if event.token() == WAKER {
                due.append(&mut self.rung.tokens.lock().unwrap_or_else(PoisonError::into_inner));
            } else {
                due.push(event.token().0);
                if event.is_read_closed()
                    && let Some(socket) = self.sockets.get_mut(&event.token().0)
                {
                    socket.hung_up = true;
                }
            }
        }
        let now = Instant::now();
        due.extend(
            self.sockets.iter().filter(|(_, socket)| socket.deadline.is_some_and(|deadline| deadline <= now)).map(|(token, _)| *token),
        );
        due.sort_unstable();
        due.dedup();
        due.retain(|token| self.sockets.contains_key(token));
        Ok(())
    }

    /// Drives a socket; what happened is put into `batch`, for the caller to deliver. Nothing happens for a token that is gone.
    ///
    /// # Errors
    /// `runtime_failed` if its descriptor cannot be watched.
    pub fn drive(&mut self, token: usize, batch: &mut Batch) -> Result<Option<Connection>> {
        batch.clear();
        let Some(socket) = self.sockets.get_mut(&token) else { return Ok(None) };
        let plan = socket.connection.drive(batch);
        socket.hung_up &= socket.watched == plan.descriptor;
        socket.again = plan.again || (socket.hung_up && plan.want_read);
        socket.deadline = plan.deadline;
        if socket.watched != plan.descriptor {
            if let Some((_, descriptor)) = socket.watched.take() {
                unwatch(self.poll.registry(), descriptor);
            }
            if let Some((_, descriptor)) = plan.descriptor {
                // Edge-triggered, so one registration serves every plan.
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll
                    .registry()
                    .register(&mut SourceFd(&descriptor), Token(token), interest)
                    .map_err(|error| Error::new(ErrorCode::RuntimeFailed, "the socket could not be watched").caused_by(&error))?;
            }
            socket.watched = plan.descriptor;
            socket.connection.watching(plan.descriptor.map(|(id, _)| id));
        }
        let connection = socket.connection.clone();
        if plan.finished {
            self.sockets.remove(&token);
        }
        Ok(Some(connection))
    }
}

impl Drop for OwnLoop {
    fn drop(&mut self) {
        for socket in self.sockets.values_mut() {
            if let Some((_, descriptor)) = socket.watched.take() {
                unwatch(self.poll.registry(), descriptor);
            }
            socket.connection.watching(None);
        }
    }
}

/// An error means that the system has forgotten the descriptor already.
fn unwatch(registry: &Registry, descriptor: RawFd) {
    let _ = registry.deregister(&mut SourceFd(&descriptor));
}
