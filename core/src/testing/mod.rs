//! The fault server: a WebSocket peer on loopback that behaves, or misbehaves, by a script, and records all that it received. Our own tests and those
//! of bot authors use it, in every language with the same JSON. Owns the server's thread and its public API. It must not use Heartwire's own
//! protocol, session or dial layers: its WebSocket side is tokio-tungstenite's, so a test has a peer that we did not write.
//!
//! ```
//! use heartwire::testing::FaultServer;
//! use serde_json::json;
//! use std::time::Duration;
//!
//! let server = FaultServer::start(&json!([{"do": "accept"}, {"do": "send", "text": "hi"}, {"do": "close", "code": 4000, "reason": "kicked"}]))?;
//! println!("connect the bot to {}", server.url());
//! # let (port, bot) = (server.port(), std::thread::spawn);
//! # bot(move || tokio_tungstenite::tungstenite::connect(format!("ws://127.0.0.1:{port}/")).unwrap().0.read().unwrap());
//! let request = server.wait_for(&json!({"event": "request"}), Duration::from_secs(5))?;
//! assert_eq!(request["target"], "/");
//! # Ok::<(), heartwire::testing::TestError>(())
//! ```
//!
//! The script language is described in `docs/testing.md`.

mod deflate;
mod error;
mod fields;
mod peer;
mod record;
mod script;
mod steps;
mod stream;
mod tls;
mod upgrade;
mod wire;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc as commands, watch};

pub use error::{ErrorKind, TestError};
use record::Log;
pub use record::matches;
use script::Script;
use tls::Identity;

/// A WebSocket server on 127.0.0.1 that follows a script. It stops when dropped.
pub struct FaultServer {
    port: u16,
    shared: Arc<Shared>,
    commands: commands::UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// The state that the server's thread and its owner share.
struct Shared {
    log: Arc<Log>,
    script: Mutex<Arc<Script>>,
    identity: Option<Identity>,
    receive_buffer: Option<usize>,
}

impl Shared {
    fn script(&self) -> Arc<Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The owner's orders to the server's thread. Each is confirmed, so it has taken effect when the call returns.
enum Command {
    Refuse(mpsc::Sender<()>),
    Accept(TcpListener, mpsc::Sender<()>),
    Drop(mpsc::Sender<()>),
}

impl FaultServer {
    /// Starts a server on a free port of 127.0.0.1. `null` as the script is an echo server.
    ///
    /// # Errors
    /// `Script`: all faults of the script at once. `Io`: no socket or thread was available.
    pub fn start(script: &Value) -> Result<Self, TestError> {
        let script = Script::parse(script)?;
        let identity = script.tls.as_ref().map(Identity::make).transpose()?;
        let (receive_buffer, unanswered) = (script.receive_buffer, script.unanswered);
        let listener = listen(0, receive_buffer, if unanswered { 0 } else { 1024 })?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { log: Arc::default(), script: Mutex::new(Arc::new(script)), identity, receive_buffer });
        let full = if unanswered { fill(&listener)? } else { Vec::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, inbox) = commands::unbounded_channel();
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new().name("heartwire-testing".to_owned()).spawn(move || {
                runtime.block_on(serve(listener, full, shared, inbox));
                runtime.shutdown_background();
            })?
        };
        Ok(Self { port, shared, commands, thread: Some(thread) })
    }

    /// The address to connect to: `ws://127.0.0.1:PORT/`, or `wss://localhost:PORT/` with TLS.
    pub fn url(&self) -> String {
        if self.shared.identity.is_some() { format!("wss://localhost:{}/", self.port) } else { format!("ws://127.0.0.1:{}/", self.port) }
    }

    /// The port. It stays the same while connections are refused.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// With TLS: the certificate of the authority that signed the server's, as PEM.
    pub fn ca_pem(&self) -> Option<String> {
        self.shared.identity.as_ref().map(|identity| identity.ca_pem.clone())
    }

    /// With TLS: a certificate and a key that the server accepts from a client, as PEM.
    pub fn client_pem(&self) -> Option<(String, String)> {
        self.shared.identity.as_ref().map(|identity| identity.client_pem.clone())
    }

    /// Replaces the script for later connections. The first of them gets the first list of steps. `tls`, `receive_buffer` and `unanswered` stay as
    /// they were at the start.
    ///
    /// # Errors
    /// `Script`: all faults at once.
    pub fn set_script(&self, script: &Value) -> Result<(), TestError> {
        let script = Arc::new(Script::parse(script)?);
        *self.shared.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
        Ok(())
    }

    /// Everything recorded so far: a list of objects with `event`, `connection` (from 0), `at` (seconds since the start) and more.
    pub fn records(&self) -> Value {
        self.shared.log.all()
    }

    /// Blocks until a record matches `pattern` (earlier or later), and returns it. A pattern is a subset of the record; in addition, `"count": n`
    /// asks for the n-th such record.
    ///
    /// # Errors
    /// `Timeout`, with a list of the records.
    pub fn wait_for(&self, pattern: &Value, at_most: Duration) -> Result<Value, TestError> {
        self.shared.log.wait_for(pattern, at_most)
    }

    /// Refuses new connections to the port from now on, as if no process listened. Open connections continue.
    pub fn refuse_connections(&self) {
        self.command(Command::Refuse);
    }

    /// Accepts connections again, on the same port.
    ///
    /// # Errors
    /// `Io`: another process took the port meanwhile.
    pub fn accept_connections(&self) -> Result<(), TestError> {
        let listener = listen(self.port, self.shared.receive_buffer, 1024)?;
        self.command(|done| Command::Accept(listener, done));
        Ok(())
    }

    /// Resets every open connection, as if the server's host had been cut off.
    pub fn drop_connections(&self) {
        self.command(Command::Drop);
    }

    /// Ends the server and all its connections. The records stay readable.
    pub fn stop(&mut self) {
        // The thread ends when the channel of commands does.
        self.commands = commands::unbounded_channel().0;
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, was printed; a test server has nothing to add.
            let _ = thread.join();
        }
    }

    fn command(&self, make: impl FnOnce(mpsc::Sender<()>) -> Command) {
        let (done, confirmed) = mpsc::channel();
        if self.commands.send(make(done)).is_ok() {
            // An error means that the server has stopped: then nothing listens and nothing is open.
            let _ = confirmed.recv();
        }
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for FaultServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

fn listen(port: u16, receive_buffer: Option<usize>, backlog: i32) -> Result<TcpListener, TestError> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Fills the backlog with connections, until the system answers no further one: the port then looks like that of an absent host.
fn fill(listener: &TcpListener) -> Result<Vec<TcpStream>, TestError> {
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) => waiting.push(stream),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return Ok(waiting),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The server's thread: accepts, obeys its owner, and ends when the owner drops it.
async fn serve(listener: TcpListener, full: Vec<TcpStream>, shared: Arc<Shared>, mut inbox: commands::UnboundedReceiver<Command>) {
    // A full listener is not watched: it would accept the connections that fill it.
    let (mut listener, mut unanswered) =
        if full.is_empty() { (tokio::net::TcpListener::from_std(listener).ok(), None) } else { (None, Some((listener, full))) };
    let (cut, _) = watch::channel(());
    let mut number = 0;
    // Connections are numbered over the server's life; a script counts those since it was set.
    let mut current: (Arc<Script>, usize) = (shared.script(), 0);
    let mut peers = tokio::task::JoinSet::new();
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            command = inbox.recv() => match command {
                None => break,
                Some(Command::Refuse(done)) => {
                    listener = None;
                    drop(unanswered.take());
                    let _ = done.send(());
                }
                Some(Command::Accept(again, done)) => {
                    listener = tokio::net::TcpListener::from_std(again).ok();
                    let _ = done.send(());
                }
                Some(Command::Drop(done)) => {
                    cut.send_replace(());
                    while peers.join_next().await.is_some() {}
                    let _ = done.send(());
                }
            },
            accepted = accepted => {
                if let Ok((stream, _)) = accepted {
                    let script = shared.script();
                    if !Arc::ptr_eq(&script, &current.0) {
                        current = (script, 0);
                    }
                    let steps = current.0.steps_of(current.1);
                    current.1 += 1;
                    peers.spawn(peer::run(number, stream, steps, shared.identity.as_ref().map(|identity| identity.acceptor.clone()), shared.log.clone(), cut.subscribe()));
                    number += 1;
                }
            }
        }
        // Finished ones are removed, so that a long test does not collect them.
        while peers.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests;
