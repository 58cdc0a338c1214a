//! Bots of the soak in Rust: `soak NAME URL SECONDS BOTS`. Their log is standard output, as tests/soak/accounts.py has it; supervise.py runs it.
//! It owns what a bot does. It must not know the server's faults, nor judge.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use heartwire::{CloseCode, Event, Message, Options, Overflow, ReadyState, ReconnectOptions, Result, SendQueueOptions, WebSocket};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

/// Within which a bot must be through when the faults are over.
const SETTLE: Duration = Duration::from_secs(60);
const MEASURE: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(50);

static LINES: Mutex<String> = Mutex::new(String::new());

fn log(line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(LINES.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
}

/// What a bot says and hears. Of a thread that sends and one that is called: held while a thing happens, so that its line stands at its place.
struct Bot {
    name: String,
    sent: u64,
    /// The number of the last message: once it is acknowledged, the bot says goodbye.
    goodbye: Option<u64>,
    over: bool,
}

impl Bot {
    fn handle(&mut self, ws: &WebSocket, event: Event) -> Result<()> {
        let name = &self.name;
        if let Event::Dropped(dropped) = &event {
            for message in &dropped.messages {
                if let Message::Text(text) = message
                    && text.starts_with("u ")
                {
                    log(format_args!("D {name} {}", number(text)));
                }
            }
            return Ok(());
        }
        match event {
            Event::Open(_) => {
                log(format_args!("O {name}"));
                if self.goodbye.is_some() {
                    self.finish(ws)?;
                }
            }
            Event::Message(Message::Text(text)) => self.hear(ws, &text)?,
            Event::Error(_) => log(format_args!("E {name}")),
            Event::Reconnecting(_) => log(format_args!("N {name}")),
            Event::Close(close) => {
                let reason = if close.reason.is_empty() { "-" } else { &close.reason };
                let (clean, again) = (u8::from(close.was_clean), u8::from(close.will_reconnect));
                log(format_args!("C {name} {} {clean} {again} {reason}", close.code.0));
                self.over = !close.will_reconnect;
            }
            _ => {}
        }
        Ok(())
    }

    fn hear(&self, ws: &WebSocket, text: &str) -> Result<()> {
        let (name, number) = (&self.name, number(text));
        if text.starts_with("a ") {
            log(format_args!("A {name} {number}"));
            return if self.goodbye == Some(number) { ws.close(Some(CloseCode::NORMAL), "") } else { Ok(()) };
        }
        log(format_args!("R {name} {number}"));
        ws.send(format!("k {number}").as_str())
    }

    fn send(&mut self, ws: &WebSocket, size: usize) -> Result<()> {
        let before = ws.ready_state();
        if !matches!(before, ReadyState::Connecting | ReadyState::Open) {
            return Ok(());
        }
        self.sent += 1;
        ws.send(format!("u {} {}", self.sent, "y".repeat(size)).as_str())?;
        let state = match (before, ws.ready_state()) {
            (ReadyState::Open, ReadyState::Open) => 'o',
            (ReadyState::Connecting, ReadyState::Connecting) => 'q',
            _ => '?',
        };
        log(format_args!("S {} {} {state}", self.name, self.sent));
        Ok(())
    }

    /// Sends a last message.
    fn finish(&mut self, ws: &WebSocket) -> Result<()> {
        self.goodbye = Some(self.sent + 1);
        self.send(ws, 0)
    }
}

/// The second word.
fn number(text: &str) -> u64 {
    text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// A bot, its socket, and the thread that delivers to it.
struct Running {
    bot: Arc<Mutex<Bot>>,
    ws: WebSocket,
    thread: JoinHandle<()>,
}

impl Running {
    fn new(name: String, url: &str) -> Result<Self> {
        let options = Options::new()
            .reconnect(
                ReconnectOptions::new()
                    .min_delay(Duration::from_millis(10))
                    .max_delay(Duration::from_millis(300))
                    .min_uptime(Duration::from_millis(500))
                    .max_auth_failures(Some(1_000_000)),
            )
            .send_queue(SendQueueOptions::new().max_messages(16).ttl(Duration::from_secs(1)).overflow(Overflow::DropOldest))
            .ping_interval(Duration::from_secs(1))
            .ping_timeout(Duration::from_secs(1))
            .open_timeout(Duration::from_secs(2))
            .close_timeout(Duration::from_millis(500))
            .connect_limit(1000);
        let url = format!("{url}/{name}");
        let bot = Arc::new(Mutex::new(Bot { name, sent: 0, goodbye: None, over: false }));
        let own = Arc::clone(&bot);
        let (ws, thread) = WebSocket::with_handler(&url, options, move |ws, event| {
            let done = own.lock().unwrap_or_else(PoisonError::into_inner).handle(ws, event);
            if let Err(error) = done {
                log(format_args!("X soak {error}"));
            }
            if rand::rng().random_bool(0.0005) {
                std::thread::sleep(Duration::from_millis(300));
            }
        })?;
        Ok(Self { bot, ws, thread })
    }

    fn with(&self, act: impl FnOnce(&mut Bot, &WebSocket) -> Result<()>) -> Result<()> {
        act(&mut self.bot.lock().unwrap_or_else(PoisonError::into_inner), &self.ws)
    }

    fn tick(&self) -> Result<()> {
        let mut chance = rand::rng();
        let count = if chance.random_bool(0.01) { 30 } else { chance.random_range(0..2) };
        for _ in 0..count {
            let size = *[0, 10, 300, 20_000].choose(&mut chance).unwrap_or(&0);
            self.with(|bot, ws| bot.send(ws, size))?;
        }
        Ok(())
    }
}

fn measure() -> std::io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find(|line| line.starts_with("VmRSS")).and_then(|line| line.split_whitespace().nth(1)).unwrap_or("0");
    let count = |folder| std::fs::read_dir(folder).map(Iterator::count);
    log(format_args!("M {kib} {} {} 0", count("/proc/self/fd")?, count("/proc/self/task")?));
    Ok(())
}

fn flush() -> std::io::Result<()> {
    let lines = std::mem::take(&mut *LINES.lock().unwrap_or_else(PoisonError::into_inner));
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    out.flush()
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, url, seconds, bots] = &words[..] else { return Err("usage: soak NAME URL SECONDS BOTS".into()) };
    let bots: Vec<Running> =
        (0..bots.parse()?).map(|number: usize| Running::new(format!("{name}-{number}"), url)).collect::<Result<_>>()?;
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    let mut next = Instant::now() + MEASURE;
    while Instant::now() < end {
        log(format_args!("T"));
        bots.iter().try_for_each(Running::tick)?;
        if Instant::now() > next {
            next += MEASURE;
            measure()?;
        }
        flush()?;
        std::thread::sleep(TICK);
    }
    bots.iter().try_for_each(|running| running.with(Bot::finish))?;
    let end = Instant::now() + SETTLE;
    while Instant::now() < end && !bots.iter().all(|running| running.thread.is_finished()) {
        std::thread::sleep(TICK);
        log(format_args!("T"));
    }
    // In which nothing may come behind the last close.
    std::thread::sleep(4 * TICK);
    for running in &bots {
        running.with(|bot, ws| {
            if !bot.over {
                log(format_args!("X {} is not through, readyState {:?}", bot.name, ws.ready_state()));
            }
            Ok(())
        })?;
    }
    log(format_args!("Z"));
    Ok(flush()?)
}
