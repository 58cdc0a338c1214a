//! A small event loop for a thread without one: it waits for the hosted sockets given to it, and says which of them to drive. It runs no user code:
//! the thread drives and delivers between two waits. Several threads have a loop each.
//!
//! Within another loop that can watch descriptors ([`OwnLoop::drive_within`]), this loop handles only the deadlines and the wakes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use super::inbox::{LoopHandle, Note};
use super::{Connection, LinkId, Plan};
use crate::error::{Error, ErrorCode, Result};
use crate::event::Batch;
use crate::os::{self, Alarm, RawDescriptor, Source};

const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);
const EVENTS: usize = 256;

/// The loop of one thread.
pub struct OwnLoop {
    poll: Poll,
    events: Events,
    handle: LoopHandle,
    sockets: BTreeMap<usize, Socket>,
    /// The time to drive each socket, earliest first. A deadline that moved back keeps its entry: it causes one useless turn.
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Within another loop: the earliest deadline that is taken care of, and the alarm that makes this loop's descriptor readable then, if the system
    /// has one.
    told: Option<Instant>,
    alarm: Option<Alarm>,
    /// The sockets that are due at the next wait in any case.
    again: Vec<usize>,
}

struct Socket {
    connection: Connection,
    watched: Option<(LinkId, RawDescriptor)>,
    /// Its registration in this loop, if there is one.
    source: Option<Source>,
    /// Its interest in reading and writing, for the loop around this one.
    interest: (bool, bool),
    /// Its earliest entry in `deadlines`.
    armed: Option<Instant>,
    /// The peer has closed its side. The system reports it once, and it is read behind the last bytes.
    hung_up: bool,
}

/// The result of [`OwnLoop::drive_within`].
#[derive(Clone, Copy, Debug)]
pub struct Driven {
    /// The new watch for the loop around this one, if it has changed.
    pub watch: Option<Watch>,
    /// Drive again at once, or after the loop's other work.
    pub again: bool,
    /// There is a new earliest deadline: call [`OwnLoop::arm`].
    pub deadline: bool,
}

/// The watch of one socket by the loop around this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The descriptor watched so far.
    pub before: Option<Descriptor>,
    /// The only descriptor to watch now.
    pub now: Option<Descriptor>,
}

/// A watched descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The link that it belongs to, for [`Connection::watching`].
    pub id: LinkId,
    /// Its number.
    pub number: RawDescriptor,
    /// Drive the socket when it is readable.
    pub read: bool,
    /// Drive the socket when it is writable.
    pub write: bool,
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
        let handle = LoopHandle::new(waker);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            handle,
            sockets: BTreeMap::new(),
            deadlines: BinaryHeap::new(),
            told: None,
            alarm: None,
            again: Vec::new(),
        })
    }

    /// The handle for other threads, and for the wakes of the sockets.
    pub fn handle(&self) -> LoopHandle {
        self.handle.clone()
    }

    /// The loop's own descriptor, for a loop around this one: it is readable while a socket is due. `None` if the system has no such descriptor.
    pub fn descriptor(&self) -> Option<RawDescriptor> {
        os::descriptor_of(&self.poll)
    }

    /// The time at which a socket is due at the latest.
    fn deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// For a loop within another one: makes this loop's descriptor readable at the next deadline. If the system cannot do that, it returns the time
    /// of the outer loop's next turn, which replaces all earlier ones.
    pub fn arm(&mut self) -> Option<Instant> {
        let next = self.deadline().filter(|next| self.is_news(*next))?;
        self.told = Some(next);
        if self.alarm.is_none() {
            self.alarm = self.make_alarm().ok();
        }
        // A timeout of the outer loop would do, but it costs a kernel timer in each of its waits.
        self.alarm.as_ref().is_none_or(|alarm| alarm.set(next).is_err()).then_some(next)
    }

    fn make_alarm(&self) -> io::Result<Alarm> {
        let mut alarm = Alarm::new()?;
        self.poll.registry().register(&mut alarm, ALARM, Interest::READABLE)?;
        Ok(alarm)
    }

    /// Whether this deadline is not taken care of yet.
    fn is_news(&self, deadline: Instant) -> bool {
        self.told.is_none_or(|told| deadline < told)
    }

    /// Makes the descriptor readable if a socket is due. For a loop within another one; call it after each turn.
    pub fn remind(&self) {
        if !self.again.is_empty() {
            self.handle.interrupt();
        }
    }

    /// Reads the notes of other threads.
    fn read_notes(&mut self, due: &mut Vec<usize>) {
        let notes = self.handle.take_notes();
        for note in notes {
            match note {
                Note::Add(token, connection) => {
                    self.sockets.insert(token, Socket::new(connection));
                    due.push(token);
                }
                Note::Remove(token) => self.remove(token),
                Note::Due(token) => due.push(token),
            }
        }
    }

    /// Releases a socket at once. The background does the rest, such as sending its last bytes.
    pub fn remove(&mut self, token: usize) {
        if let Some(socket) = self.sockets.remove(&token) {
            self.forget(socket);
        }
    }

    fn forget(&self, socket: Socket) {
        // A forked child shares the loop with its parent, whose thread may hold any lock.
        if socket.connection.is_ours() {
            if let Some(source) = socket.source {
                source.deregister(self.poll.registry());
            }
            socket.connection.watching(None);
        }
    }

    /// Waits until a socket is due, at most for `at_most`. `due` gets the tokens; it is empty when the time is over or the loop was interrupted.
    /// Woken tokens are in it even if no socket was added under them.
    ///
    /// # Errors
    /// Those of the system; `Interrupted` after a signal, because a handler of the host may have to run.
    pub fn wait(&mut self, at_most: Option<Duration>, due: &mut Vec<usize>) -> io::Result<()> {
        due.clear();
        due.append(&mut self.again);
        self.read_notes(due);
        let timeout = if due.is_empty() {
            let next = self.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match (next, at_most) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            }
        } else {
            Some(Duration::ZERO)
        };
        if let Err(error) = self.poll(timeout) {
            self.again.append(due);
            return Err(error);
        }
        let mut woken = false;
        for event in &self.events {
            match event.token() {
                WAKER => woken = true,
                // Edge-triggered: there is nothing to read, and the deadlines below name the socket.
                ALARM => {}
                Token(token) => {
                    due.push(token);
                    if event.is_read_closed()
                        && let Some(socket) = self.sockets.get_mut(&token)
                    {
                        socket.hung_up = true;
                    }
                }
            }
        }
        if woken {
            self.read_notes(due);
        }
        let now = Instant::now();
        self.told = self.told.filter(|told| *told > now);
        while let Some(&Reverse((at, token))) = self.deadlines.peek()
            && at <= now
        {
            self.deadlines.pop();
            if let Some(socket) = self.sockets.get_mut(&token).filter(|socket| socket.armed == Some(at)) {
                socket.armed = None;
                due.push(token);
            }
        }
        due.sort_unstable();
        due.dedup();
        Ok(())
    }

    /// Waits for events, or until the time is over.
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if !os::ENDS_WAITS_EARLY {
            return self.poll.poll(&mut self.events, timeout);
        }
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let rest = until.map(|until| until.saturating_duration_since(Instant::now()));
            self.poll.poll(&mut self.events, rest)?;
            if !self.events.is_empty() || rest == Some(Duration::ZERO) {
                return Ok(());
            }
        }
    }

    /// Waits until a socket is due, and leaves it due: for a caller that waits on one thread and drives on another.
    pub fn await_due(&mut self) {
        let mut due = Vec::new();
        // An error ends the wait, too: the next turn sees it.
        let _ = self.wait(None, &mut due);
        self.again.append(&mut due);
    }

    /// Drives a socket, and puts the events into `batch` for the caller to deliver. It does nothing for a token that is gone.
    ///
    /// # Errors
    /// `runtime_failed` if its descriptor cannot be watched.
    pub fn drive(&mut self, token: usize, batch: &mut Batch) -> Result<Option<Connection>> {
        let Some((socket, plan)) = advance(&mut self.sockets, &mut self.deadlines, token, batch) else { return Ok(None) };
        socket.hung_up &= socket.watched == plan.descriptor;
        let again = plan.again || (socket.hung_up && plan.want_read);
        self.again.pop_if(|last| *last == token);
        if again {
            self.again.push(token);
        }
        let registry = self.poll.registry();
        let failed = |error: io::Error| Error::new(ErrorCode::RuntimeFailed, "the socket could not be watched").caused_by(&error);
        if socket.watched == plan.descriptor {
            if let Some(source) = &mut socket.source {
                source.renew(registry, Token(token), plan.want_read, plan.want_write).map_err(failed)?;
            }
        } else {
            socket.watched = None;
            if let Some(source) = socket.source.take() {
                source.deregister(registry);
            }
            if let Some((_, descriptor)) = plan.descriptor {
                let source = Source::register(registry, descriptor, Token(token), plan.want_read, plan.want_write);
                socket.source = Some(source.map_err(failed)?);
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

    /// Whether the socket that was driven last is due again at once.
    pub fn goes_on(&self, token: usize) -> bool {
        self.again.last() == Some(&token)
    }

    /// As [`OwnLoop::drive`], for a loop that is watched by another one, which drives a socket when its descriptor is ready (level-triggered is
    /// enough). Call [`Connection::watching`] once the outer loop watches the new descriptor. It does nothing for a token that is gone.
    pub fn drive_within(&mut self, token: usize, batch: &mut Batch) -> Option<Driven> {
        let (socket, plan) = advance(&mut self.sockets, &mut self.deadlines, token, batch)?;
        let before = socket.descriptor();
        socket.watched = plan.descriptor;
        socket.interest = (plan.want_read, plan.want_write);
        let now = socket.descriptor();
        if plan.finished {
            self.sockets.remove(&token);
        }
        let deadline = self.deadline().is_some_and(|next| self.is_news(next));
        Some(Driven { watch: (before != now).then_some(Watch { before, now }), again: plan.again, deadline })
    }

    /// Removes a socket and its notes at once. Returns the descriptor that the loop around this one still watches for it.
    pub fn take_away(&mut self, token: usize) -> Option<Descriptor> {
        self.handle.forget(token);
        self.sockets.remove(&token)?.descriptor()
    }
}

impl Socket {
    fn new(connection: Connection) -> Self {
        Self { connection, watched: None, source: None, interest: (false, false), armed: None, hung_up: false }
    }

    fn descriptor(&self) -> Option<Descriptor> {
        let (read, write) = self.interest;
        self.watched.map(|(id, number)| Descriptor { id, number, read, write })
    }
}

/// Drives a socket and stores its deadline.
fn advance<'a>(
    sockets: &'a mut BTreeMap<usize, Socket>,
    deadlines: &mut BinaryHeap<Reverse<(Instant, usize)>>,
    token: usize,
    batch: &mut Batch,
) -> Option<(&'a mut Socket, Plan)> {
    batch.clear();
    let socket = sockets.get_mut(&token)?;
    let plan = socket.connection.drive(batch);
    if let Some(deadline) = plan.deadline
        && socket.armed.is_none_or(|armed| deadline < armed)
    {
        socket.armed = Some(deadline);
        deadlines.push(Reverse((deadline, token)));
    }
    Some((socket, plan))
}

impl Drop for OwnLoop {
    fn drop(&mut self) {
        for (_, socket) in std::mem::take(&mut self.sockets) {
            self.forget(socket);
        }
    }
}
