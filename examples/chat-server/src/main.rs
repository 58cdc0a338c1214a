//! The chat server that the examples talk to: `chat-server [--host ADDRESS] [--port PORT] [--silence SECONDS]`.
//! This file owns the command line, the listening socket and the end on SIGTERM and SIGINT. It must not know the messages.

mod page;
mod peer;
mod room;
mod words;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: chat-server [--host 127.0.0.1] [--port 9605] [--silence 75]
  --host ADDRESS     the address to listen on; loopback unless you say otherwise
  --port PORT        the port to listen on; 0 takes a free one
  --silence SECONDS  drop a peer that sends no frame at all for this long (a heartbeat comes every 60 s)";

struct Settings {
    host: IpAddr,
    port: u16,
    silence: Duration,
}

impl Settings {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self { host: Ipv4Addr::LOCALHOST.into(), port: 9605, silence: Duration::from_secs(75) };
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            if !["--host", "--port", "--silence"].contains(&name.as_str()) {
                return Err(format!("{name}: no such option"));
            }
            let value = value.or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"))?;
            let wrong = |rule: &str| format!("{name} {value}: {rule}");
            match name.as_str() {
                "--host" => settings.host = value.parse().map_err(|_| wrong("must be an IP address"))?,
                "--port" => settings.port = value.parse().map_err(|_| wrong("must be 0 to 65535"))?,
                _ => {
                    let seconds = value.parse().ok().filter(|seconds| (0.05..=86_400.0).contains(seconds));
                    settings.silence = Duration::from_secs_f64(seconds.ok_or_else(|| wrong("must be 0.05 to 86400 seconds"))?);
                }
            }
        }
        Ok(settings)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let settings = match Settings::parse(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(fault) => {
            eprintln!("chat-server: {fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-server: cannot listen on {}: {error}", SocketAddr::new(settings.host, settings.port));
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: &Settings) -> std::io::Result<()> {
    let listener = TcpListener::bind((settings.host, settings.port)).await?;
    let address = listener.local_addr()?;
    // A chat's messages are small and must not wait for each other's acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let room = room::Room::new(settings.silence);
    room::log(&format!("listening: http://{address}/ for people, ws://{address}/ws for bots"));

    let ended = async {
        tokio::select! {
            _ = terminate.recv() => room::log("SIGTERM: saying goodbye to everybody"),
            _ = interrupt.recv() => room::log("SIGINT: saying goodbye to everybody"),
        }
        room.end();
    };
    // Stop listening at once, so that a client that comes back finds the next server and not this one.
    tokio::select! {
        result = async { axum::serve(listener, page::router(room.clone())).await } => result?,
        () = ended => {}
    }
    room.wait_until_empty(Duration::from_secs(3)).await;
    Ok(())
}
