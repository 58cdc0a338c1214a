//! The scenarios of the server, by the path of the URL. Knows nothing of the form of frames.
//!
//! | path | query | what happens |
//! | --- | --- | --- |
//! | `/echo` | | the server returns every message |
//! | `/flood` | `sample`, `batches=10,1000`, `binary`, `deflate`, `pause` in µs | a message of the client, whatever it says, starts the next batch: so many messages of the sample, as fast as they go or with pauses between |
//! | `/sink` | `batches=10,1000` | takes so many messages, then answers with their number and their bytes |
//! | `/blocked` | `drop` in s | says "go", pings each second, drops a client that is silent for `drop`; says "kept" after 8 s |

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::frames::{self, BINARY, PING, Peer, RSV1, TEXT};
use crate::upgrade::Request;

/// Frames are made ready up to about so many bytes, which leave in one write.
const READY: usize = 256 << 10;
/// How long the line of a blocked client is watched: longer than it is blocked, by more than a ping.
const WATCHED: Duration = Duration::from_secs(8);

/// Plays the requested scenario until the client is gone.
pub(crate) fn play<S: Read + Write>(mut peer: Peer<S>, socket: &TcpStream, request: &Request, samples: &Path) -> io::Result<()> {
    match request.target.path() {
        "/echo" => {}
        "/flood" => flood(&mut peer, &Ready::make(request, samples)?, request)?,
        "/sink" => sink(&mut peer, request)?,
        "/blocked" => blocked(&mut peer, socket, Duration::from_secs(request.number("drop")))?,
        other => return Err(io::Error::other(format!("nothing is played at {other}"))),
    }
    let mut output = Vec::new();
    loop {
        let frame = peer.next()?;
        if frame.is_data() {
            peer.echo(&frame, &mut output)?;
        } else if !peer.control(&frame)? {
            return Ok(());
        }
    }
}

/// Reads to the end of the next data message, and answers the control frames before it.
fn message<S: Read + Write>(peer: &mut Peer<S>) -> io::Result<usize> {
    let mut bytes = 0;
    loop {
        let frame = peer.next()?;
        if !frame.is_data() {
            if !peer.control(&frame)? {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            continue;
        }
        bytes += frame.length();
        if frame.is_last() {
            return Ok(bytes);
        }
    }
}

fn batches(request: &Request) -> Vec<usize> {
    request.query("batches").unwrap_or_default().split(',').filter_map(|count| count.parse().ok()).collect()
}

/// Frames to be written as they are.
struct Ready {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
}

impl Ready {
    /// The sample's lines are the messages, in turn.
    fn make(request: &Request, samples: &Path) -> io::Result<Self> {
        let name = request.query("sample").unwrap_or_default();
        let file = Path::new(&name).file_name().ok_or_else(|| io::Error::other("no sample"))?;
        let sample = std::fs::read(samples.join(file))?;
        let mut payloads: Vec<_> = sample.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let mut kind = if request.query("binary").is_some() { BINARY } else { TEXT };
        if let Some(agreed) = request.deflate {
            payloads = agreed.compress(&payloads)?;
            kind |= RSV1;
        }
        let mut ready = Self { bytes: Vec::new(), ends: Vec::new() };
        while ready.bytes.len() < READY {
            for payload in &payloads {
                frames::message(kind, payload, &mut ready.bytes);
                ready.ends.push(ready.bytes.len());
            }
        }
        Ok(ready)
    }

    fn first(&self, count: usize) -> &[u8] {
        &self.bytes[..count.checked_sub(1).map_or(0, |last| self.ends[last])]
    }

    fn one(&self, index: usize) -> &[u8] {
        let index = index % self.ends.len();
        &self.bytes[index.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[index]]
    }
}

fn flood<S: Read + Write>(peer: &mut Peer<S>, ready: &Ready, request: &Request) -> io::Result<()> {
    let pause = Duration::from_micros(request.number("pause"));
    for count in batches(request) {
        message(peer)?;
        if pause.is_zero() {
            for _ in 0..count / ready.ends.len() {
                peer.write(&ready.bytes)?;
            }
            peer.write(ready.first(count % ready.ends.len()))?;
        } else {
            for index in 0..count {
                peer.write(ready.one(index))?;
                thread::sleep(pause);
            }
        }
    }
    Ok(())
}

fn sink<S: Read + Write>(peer: &mut Peer<S>, request: &Request) -> io::Result<()> {
    for count in batches(request) {
        let mut bytes = 0;
        for _ in 0..count {
            bytes += message(peer)?;
        }
        peer.send(TEXT, format!("{count} {bytes}").as_bytes())?;
    }
    Ok(())
}

fn blocked<S: Read + Write>(peer: &mut Peer<S>, socket: &TcpStream, drop: Duration) -> io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    peer.send(TEXT, b"go")?;
    let start = Instant::now();
    let (mut heard, mut pinged) = (start, start);
    while start.elapsed() < WATCHED {
        match peer.next() {
            Ok(frame) => {
                heard = Instant::now();
                if !frame.is_data() && !peer.control(&frame)? {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        if heard.elapsed() > drop {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if pinged.elapsed() >= Duration::from_secs(1) {
            pinged = Instant::now();
            peer.send(PING, b"bench")?;
        }
    }
    socket.set_read_timeout(None)?;
    peer.send(TEXT, b"kept")
}
