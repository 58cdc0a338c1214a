//! The shared part of the clients in Rust: the job, the clocks, the check of received messages, the result. Knows no library.
//!
//! A client is started as `NAME JOB`, where JOB is JSON as the runner writes it; it prints one line of JSON.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use serde::Deserialize;
use serde_json::{Value, json};

/// Whatever a library gives.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What the runner asks for; lengths are in bytes.
#[derive(Deserialize)]
pub struct Job {
    mode: String,
    /// Where to connect.
    pub url: String,
    batches: Vec<usize>,
    expected: usize,
    turn: usize,
    seconds: f64,
    payload: String,
    binary: bool,
    /// Whether the client offers permessage-deflate.
    pub deflate: bool,
}

/// A message to send.
pub enum Payload {
    /// Text.
    Text(String),
    /// Binary.
    Binary(Vec<u8>),
}

/// An open connection of one library.
#[allow(async_fn_in_trait, reason = "only for the programs beside it")]
pub trait Link: Sized {
    /// Connects.
    async fn open(job: &Job) -> Result<Self>;
    /// Takes a message to be sent; it may wait for the flush.
    async fn send(&mut self, payload: &Payload) -> Result<()>;
    /// Writes every message that `send` took.
    async fn flush(&mut self) -> Result<()>;
    /// Shows the next message to `take`.
    async fn receive(&mut self, take: impl FnMut(&[u8])) -> Result<()>;
    /// Closes the connection.
    async fn close(self) -> Result<()>;
}

/// Plays the job of the command line.
///
/// # Errors
/// Errors of the library, and missing messages.
pub fn run<L: Link>() -> Result<()> {
    let job = std::env::args().nth(1).ok_or("usage: NAME JOB")?;
    let job: Job = serde_json::from_str(&job)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match job.mode.as_str() {
            "connect" => connect::<L>(&job).await,
            "idle" => idle::<L>(&job).await,
            _ => play::<L>(&job).await,
        }
    })?;
    println!("{result}");
    Ok(())
}

/// The time since a batch began.
struct Meter {
    wall: Instant,
    cpu: ProcessTime,
}

impl Meter {
    fn start() -> Self {
        Self { cpu: ProcessTime::now(), wall: Instant::now() }
    }

    fn stop(&self, count: usize) -> Value {
        json!({ "count": count, "wall": self.wall.elapsed().as_secs_f64(), "cpu": self.cpu.elapsed().as_secs_f64() })
    }
}

async fn play<L: Link>(job: &Job) -> Result<Value> {
    let payload = std::fs::read(&job.payload)?;
    let payload = if job.binary { Payload::Binary(payload) } else { Payload::Text(String::from_utf8(payload)?) };
    let go = Payload::Text("go".to_owned());
    let mut link = L::open(job).await?;
    let mut result = Value::Null;
    for &count in &job.batches {
        let mut times = Vec::with_capacity(if job.mode == "echo" { count } else { 0 });
        let mut length = 0;
        let meter = Meter::start();
        match job.mode.as_str() {
            "echo" => {
                let mut last = meter.wall;
                for _ in 0..count {
                    link.send(&payload).await?;
                    link.flush().await?;
                    link.receive(|message| length += message.len()).await?;
                    let now = Instant::now();
                    times.push(now - last);
                    last = now;
                }
            }
            "flood" => {
                link.send(&go).await?;
                link.flush().await?;
                for _ in 0..count {
                    link.receive(|message| length += message.len()).await?;
                }
            }
            "send" => {
                for number in 1..=count {
                    link.send(&payload).await?;
                    if number % job.turn == 0 || number == count {
                        link.flush().await?;
                        tokio::task::yield_now().await;
                    }
                }
                let mut answer = String::new();
                link.receive(|message| answer = String::from_utf8_lossy(message).into_owned()).await?;
                let (got, bytes) = answer.split_once(' ').ok_or("the server says nothing")?;
                if got.parse() != Ok(count) {
                    return Err(format!("the server got {got} messages of {count}").into());
                }
                length = bytes.parse()?;
            }
            other => return Err(format!("no mode {other}").into()),
        }
        result = with_times(meter.stop(count), times);
        result["length"] = length.into();
    }
    if result["length"] != json!(job.expected) {
        return Err(format!("messages of {} together should have come, not {}", job.expected, result["length"]).into());
    }
    link.close().await?;
    Ok(result)
}

async fn connect<L: Link>(job: &Job) -> Result<Value> {
    let mut result = Value::Null;
    for &count in &job.batches {
        let mut times = Vec::with_capacity(count);
        let meter = Meter::start();
        for _ in 0..count {
            let start = Instant::now();
            let link = L::open(job).await?;
            times.push(start.elapsed());
            link.close().await?;
        }
        result = with_times(meter.stop(count), times);
    }
    Ok(result)
}

async fn idle<L: Link>(job: &Job) -> Result<Value> {
    let (mut kept, mut before, mut last) = (Vec::new(), 0, 0);
    for &count in &job.batches {
        (before, last) = (memory()?, count);
        for _ in 0..count {
            kept.push(L::open(job).await?);
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let memory = memory()? - before;
    let meter = Meter::start();
    tokio::time::sleep(Duration::from_secs_f64(job.seconds)).await;
    let mut result = meter.stop(last);
    result["memory"] = json!(memory as f64 / last as f64);
    std::mem::forget(kept); // so many closing handshakes would take too long
    Ok(result)
}

/// The resident bytes of this process.
fn memory() -> Result<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let resident: usize = pages.split(' ').nth(1).ok_or_else(|| io::Error::other("no statm"))?.parse()?;
    Ok(resident * 4096)
}

fn with_times(mut result: Value, mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    if let Some(last) = times.len().checked_sub(1) {
        for point in [10, 50, 99] {
            result[format!("p{point}")] = json!(times[last.min(times.len() * point / 100)].as_secs_f64() * 1e6);
        }
    }
    result
}
