//! A small event loop for a thread that has none: it waits for the hosted sockets given to it, and says which of them to drive. Runs no user
//! code: the thread drives and delivers between two waits, and several threads have a loop each.
//!
//! Within another loop that can watch descriptors ([`OwnLoop::drive_within`]) only the deadlines and the wakes are its matter.

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
    /// When to drive which socket, earliest first. A deadline that moved back keeps its entry: the turn that it causes is for nothing, once.
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Within another loop: the earliest deadline that is seen to, and what makes this one's descriptor readable then, where there is such a thing.
    told: Option<Instant>,
    alarm: Option<Alarm>,
    /// The sockets that are due at the next wait, whatever happens.
    again: Vec<usize>,
}

struct Socket {
    connection: Connection,
    watched: Option<(LinkId, RawDescriptor)>,
    /// The watch of it, if it is this loop's.
    source: Option<Source>,
    /// For what, by a loop around this one.
    interest: (bool, bool),
    /// Its earliest entry in `deadlines`.
    armed: Option<Instant>,
    /// The peer ended its side: that was told once, and is there to be read behind the last bytes.
    hung_up: bool,
}

/// What [`OwnLoop::drive_within`] found.
#[derive(Clone, Copy, Debug)]
pub struct Driven {
    /// What the loop around this one has to watch from now on, if that has changed.
    pub watch: Option<Watch>,
    /// Drive again at once, or after the loop's other work.
    pub again: bool,
    /// A deadline came up that is earlier than the others: [`OwnLoop::arm`] is to be called.
    pub deadline: bool,
}

/// What a loop has to watch for one socket: this and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// What it has watched so far.
    pub before: Option<Descriptor>,
    /// What it has to watch now.
    pub now: Option<Descriptor>,
}

/// A descriptor under watch.
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

    /// For other threads, and for the wakes of the sockets.
    pub fn handle(&self) -> LoopHandle {
        self.handle.clone()
    }

    /// The loop's own descriptor, which is readable while a socket is due, for a loop around this one. None where the system has no such thing.
    pub fn descriptor(&self) -> Option<RawDescriptor> {
        os::descriptor_of(&self.poll)
    }

    /// When a socket is due at the latest, whatever happens on the descriptors.
    fn deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// For a loop within another one: sees to it that this one's descriptor is readable when the next deadline has come. Where the system has no
    /// means for that, the outer loop has to take a turn at the time that is returned, and no earlier one counts any more.
    pub fn arm(&mut self) -> Option<Instant> {
        let next = self.deadline().filter(|next| self.is_news(*next))?;
        self.told = Some(next);
        if self.alarm.is_none() {
            self.alarm = self.make_alarm().ok();
        }
        // A timeout of the outer loop would do, too, but it costs a timer of the kernel's in each of its waits.
        self.alarm.as_ref().is_none_or(|alarm| alarm.set(next).is_err()).then_some(next)
    }

    fn make_alarm(&self) -> io::Result<Alarm> {
        let mut alarm = Alarm::new()?;
        self.poll.registry().register(&mut alarm, ALARM, Interest::READABLE)?;
        Ok(alarm)
    }

    /// Whether nobody has seen to a deadline yet.
    fn is_news(&self, deadline: Instant) -> bool {
        self.told.is_none_or(|told| deadline < told)
    }

    /// Has the descriptor be readable for the sockets that are due whatever happens. For a loop within another one, after each turn.
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

    /// Lets a socket go at once. What it has left to do, sending its last bytes for example, is the background's from here on.
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

    /// Waits until a socket is due, at most for `at_most`; `due` gets the tokens, and is empty when the time is over or the loop was interrupted.
    /// Tokens that were woken are there even if no socket was added under them.
    ///
    /// # Errors
    /// Those of the system; `Interrupted` when a signal came, whose handler of the host may have to run.
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
                // Edge-triggered: nothing is to be read, and the deadlines below say whose it was.
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

    /// Waits for events, or for the time to be over.
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

    /// Waits until a socket is due, and leaves it so: for who waits on a thread of its own, and has the turn taken on another.
    pub fn await_due(&mut self) {
        let mut due = Vec::new();
        // An error ends the wait, too: the next turn meets it.
        let _ = self.wait(None, &mut due);
        self.again.append(&mut due);
    }

    /// Drives a socket; what happened is put into `batch`, for the caller to deliver. Nothing happens for a token that is gone.
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

    /// The same where a loop around this one watches the descriptors and drives a socket when its own is ready (level-triggered will do). Once it
    /// watches what it is told to, tell that with [`Connection::watching`]. Nothing for a token that is gone.
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

    /// Takes a socket away at once, and what was noted of it; the descriptor that the loop around this one watches for it, until it is told otherwise.
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

/// Drives a socket and notes its deadline.
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
