//! A program in Rust for the matrix of ways out (`tests/exits`): `exits HOST WAY` opens a WebSocket at `EXITS_URL`, says `ready`, and leaves as
//! the way says.

use std::error::Error;

use heartwire::{Event, Events, Options, WebSocket};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (host, way) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let url = std::env::var("EXITS_URL")?;
    match host.as_str() {
        "stream" => on_stream(&url, &way),
        "handler" => in_handler(&url, &way),
        "tokio" => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(on_runtime(&url, &way)),
        other => Err(format!("no such host: {other}").into()),
    }
}

fn ready(socket: &WebSocket) -> Result<(), Box<dyn Error>> {
    Ok(socket.send(format!("ready {}", std::process::id()).as_str())?)
}

/// What the way says once `go` came. A program in Rust has no exception but a panic.
fn leave(way: &str) {
    match way {
        "exit" => std::process::exit(3),
        "exception" => panic!("as the test wants it"),
        _ => {}
    }
}

fn on_stream(url: &str, way: &str) -> Result<(), Box<dyn Error>> {
    let (socket, mut events) = WebSocket::connect(url, Options::default())?;
    while let Some(event) = events.next_blocking(None) {
        if told(&socket, &event)? {
            leave(way);
            return Ok(());
        }
    }
    Ok(())
}

async fn on_runtime(url: &str, way: &str) -> Result<(), Box<dyn Error>> {
    let (socket, mut events): (WebSocket, Events) = WebSocket::connect(url, Options::default())?;
    while let Some(event) = events.next().await {
        if told(&socket, &event)? {
            leave(way);
            return Ok(());
        }
    }
    Ok(())
}

/// Answers the first events; true once `go` came.
fn told(socket: &WebSocket, event: &Event) -> Result<bool, Box<dyn Error>> {
    match event {
        Event::Open(_) => ready(socket)?,
        Event::Message(_) => return Ok(true),
        _ => {}
    }
    Ok(false)
}

fn in_handler(url: &str, way: &str) -> Result<(), Box<dyn Error>> {
    let (tell, told) = std::sync::mpsc::channel();
    let own_way = way.to_owned();
    let (_socket, _thread) = WebSocket::with_handler(url, Options::default(), move |socket, event| match event {
        Event::Open(_) => {
            let _ = ready(socket);
        }
        Event::Message(_) => {
            if own_way == "exit" {
                leave(&own_way);
            }
            let _ = tell.send(());
        }
        _ => {}
    })?;
    told.recv()?;
    leave(way);
    Ok(())
}
