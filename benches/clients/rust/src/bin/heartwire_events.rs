//! Heartwire's events as a stream, with the connection driven by the background thread.

use bench_clients::{Job, Link, Payload, Result, run};
use heartwire::{Event, Events, Message, Options, WebSocket};

struct Heartwire {
    ws: WebSocket,
    events: Events,
}

impl Link for Heartwire {
    async fn open(job: &Job) -> Result<Self> {
        let (ws, mut events) = WebSocket::connect(&job.url, Options::default())?;
        match events.next().await {
            Some(Event::Open(_)) => Ok(Self { ws, events }),
            other => Err(format!("not open: {other:?}").into()),
        }
    }

    async fn send(&mut self, payload: &Payload) -> Result<()> {
        match payload {
            Payload::Text(text) => self.ws.send(text.as_str())?,
            Payload::Binary(bytes) => self.ws.send(bytes.as_slice())?,
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        match self.events.next().await {
            Some(Event::Message(Message::Text(text))) => take(text.as_bytes()),
            Some(Event::Message(Message::Binary(bytes))) => take(&bytes),
            other => return Err(format!("no message: {other:?}").into()),
        }
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        self.ws.close(None, "")?;
        while self.events.next().await.is_some() {}
        Ok(())
    }
}

fn main() -> Result<()> {
    run::<Heartwire>()
}
