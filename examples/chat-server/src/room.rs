//! The room: its peers, and the sending from one to all the others. It must not know sockets.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::words;

/// How many lines may wait for a peer; one that reads slower than that is dropped.
const PATIENCE: usize = 1024;

/// Prints a line of the server's log. A closed standard output is no reason to stop.
pub(crate) fn log(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// All connected peers.
pub(crate) struct Room {
    /// How long a peer may be silent.
    pub(crate) silence: Duration,
    peers: Mutex<Peers>,
    end: watch::Sender<bool>,
}

#[derive(Default)]
struct Peers {
    last: u64,
    here: BTreeMap<u64, Peer>,
}

struct Peer {
    /// `None` until it logs in or speaks: it only listens.
    name: Option<String>,
    /// It speaks plain text, so it gets plain text: the messages of the others, and nothing else.
    plain: bool,
    lines: mpsc::Sender<String>,
}

/// A peer's place in the room. Gives it up when dropped.
pub(crate) struct Place {
    room: Arc<Room>,
    id: u64,
    lines: mpsc::Receiver<String>,
    end: watch::Receiver<bool>,
}

/// What the room has for a peer.
pub(crate) enum Next {
    /// Send it this.
    Line(String),
    /// Its lines have piled up.
    TooSlow,
    /// The server ends.
    End,
}

impl Room {
    pub(crate) fn new(silence: Duration) -> Arc<Self> {
        Arc::new(Self { silence, peers: Mutex::default(), end: watch::Sender::new(false) })
    }

    /// Lets a peer in, as a listener.
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        let (sender, lines) = mpsc::channel(PATIENCE);
        let mut peers = self.peers();
        peers.last += 1;
        let id = peers.last;
        peers.here.insert(id, Peer { name: None, plain: false, lines: sender });
        Place { room: self.clone(), id, lines, end: self.end.subscribe() }
    }

    /// Asks every peer to close.
    pub(crate) fn end(&self) {
        self.end.send_replace(true);
    }

    /// Waits until everybody has left, but not for longer than that.
    pub(crate) async fn wait_until_empty(&self, at_most: Duration) {
        // Each place holds a receiver of `end`.
        let _ = tokio::time::timeout(at_most, self.end.closed()).await;
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peers {
    fn names(&self) -> Vec<&str> {
        self.here.values().filter_map(|peer| peer.name.as_deref()).collect()
    }

    /// The name, or the name with a number if it is taken.
    fn free_name(&self, wanted: &str) -> String {
        let names = self.names();
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !names.contains(&name.as_str())).unwrap_or_default()
    }

    /// Sends a line to one peer; one whose lines pile up loses its place.
    fn send(&mut self, id: u64, line: String) {
        if self.here.get(&id).is_some_and(|peer| peer.lines.try_send(line).is_err()) {
            self.here.remove(&id);
        }
    }

    /// Sends to all but one; to those who hear plain text, `plain` or nothing.
    fn tell_others(&mut self, id: u64, line: &str, plain: Option<&str>) {
        let others: Vec<u64> = self.here.keys().copied().filter(|other| *other != id).collect();
        for other in others {
            let line = if self.here[&other].plain { plain } else { Some(line) };
            if let Some(line) = line {
                self.send(other, line.to_owned());
            }
        }
    }

    /// Takes the name of `id` away, and tells the others.
    fn forget_name(&mut self, id: u64, why: &str) {
        if let Some(name) = self.here.get_mut(&id).and_then(|peer| peer.name.take()) {
            self.tell_others(id, &words::leave(&name), None);
            log(&format!("- {name} {why}"));
        }
    }

    /// Gives `id` a name as near as possible to the wanted one, and tells the others.
    fn give_name(&mut self, id: u64, wanted: &str) {
        let name = self.free_name(wanted);
        if let Some(peer) = self.here.get_mut(&id) {
            peer.name = Some(name.clone());
            self.tell_others(id, &words::join(&name), None);
            log(&format!("+ {name} joined, {} here", self.names().len()));
        }
    }
}

impl Place {
    /// Gives the peer a name. With a new name it counts as a new peer.
    pub(crate) fn login(&self, wanted: &str) {
        let mut peers = self.room.peers();
        let Some(peer) = peers.here.get_mut(&self.id) else { return };
        peer.plain = false;
        let wanted = wanted.trim();
        if !words::is_name(wanted) {
            peers.send(self.id, words::mistake("a name has 1 to 32 characters, none of them a control character"));
            return;
        }
        if peer.name.as_deref() != Some(wanted) {
            peers.forget_name(self.id, "takes another name");
            peers.give_name(self.id, wanted);
        }
        let name = peers.here[&self.id].name.clone().unwrap_or_default();
        let welcome = words::welcome(&name, &peers.names());
        peers.send(self.id, welcome);
    }

    /// The peer says something to all the others. A nameless one becomes a guest.
    pub(crate) fn say(&self, text: &str, plain: bool) {
        let mut peers = self.room.peers();
        let Some(peer) = peers.here.get_mut(&self.id) else { return };
        peer.plain = plain;
        if peer.name.is_none() {
            peers.give_name(self.id, &format!("guest-{}", self.id));
        }
        let name = peers.here[&self.id].name.clone().unwrap_or_default();
        log(&format!("  {name}: {text}"));
        peers.tell_others(self.id, &words::message(&name, text), Some(text));
    }

    /// The peer sent a heartbeat.
    pub(crate) fn heart_beat(&self) {
        if let Some(name) = self.room.peers().here.get(&self.id).and_then(|peer| peer.name.as_deref()) {
            log(&format!("~ {name} heartbeat"));
        }
    }

    /// The peer leaves; nothing more is sent to it.
    pub(crate) fn leave(&self, why: &str) {
        let mut peers = self.room.peers();
        peers.forget_name(self.id, why);
        peers.here.remove(&self.id);
    }

    /// The next message for the peer, or its end.
    pub(crate) async fn next(&mut self) -> Next {
        let next = tokio::select! {
            _ = self.end.wait_for(|ended| *ended) => Next::End,
            line = self.lines.recv() => line.map_or(Next::TooSlow, Next::Line),
        };
        // When the server ends, no peer needs the leaving of the others.
        if *self.end.borrow() { Next::End } else { next }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave("is lost");
    }
}
