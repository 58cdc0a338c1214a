//! The server of the benches: blocking threads, frames that are ready before the clock runs, none of Heartwire's code.
//!
//! `bench-server SAMPLES` prints one line of JSON with its ports, writes its authority to `SAMPLES/authority.pem`, and serves until its standard input ends. A client
//! chooses its scenario by the path and query of its URL: see [`play`]. Owns listening and the threads; knows nothing of frames.

mod deflate;
mod frames;
mod play;
mod tls;
mod upgrade;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Enough for a player, and little enough for thousands of idle connections.
const STACK: usize = 256 << 10;

fn main() -> io::Result<()> {
    let samples: Arc<Path> =
        std::env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| io::Error::other("usage: bench-server SAMPLES"))?.into();
    let tls = tls::make(&samples.join("authority.pem")).map_err(io::Error::other)?;
    let (plain, secure) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    println!(r#"{{"ws": {}, "wss": {}}}"#, plain.local_addr()?.port(), secure.local_addr()?.port());
    io::stdout().flush()?;
    let shared = Arc::clone(&samples);
    thread::spawn(move || listen(&plain, &shared, None));
    thread::spawn(move || listen(&secure, &samples, Some(&tls)));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn listen(listener: &TcpListener, samples: &Arc<Path>, tls: Option<&Arc<ServerConfig>>) {
    for stream in listener.incoming() {
        let (samples, tls) = (Arc::clone(samples), tls.cloned());
        let serving = thread::Builder::new().stack_size(STACK).spawn(move || {
            // A client that leaves in the middle is no fault here: the client is measured, and it reports its missing messages.
            let _ = stream.and_then(|stream| serve(stream, &samples, tls));
        });
        if let Err(error) = serving {
            eprintln!("no thread for a connection: {error}");
        }
    }
}

fn serve(socket: TcpStream, samples: &Path, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let handle = socket.try_clone()?;
    match tls {
        None => converse(socket, &handle, samples),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            converse(StreamOwned::new(connection, socket), &handle, samples)
        }
    }
}

fn converse<S: Read + Write>(mut stream: S, socket: &TcpStream, samples: &Path) -> io::Result<()> {
    let (request, rest) = upgrade::accept(&mut stream)?;
    play::play(frames::Peer::new(stream, rest), socket, &request, samples)
}
