//! Heartwire's `sync::connect`: an iterator of messages that the thread itself drives.

use bench_clients::{Job, Link, Payload, Result, run};
use heartwire::Message;
use heartwire::sync::Connection;

struct Heartwire(Connection);

impl Link for Heartwire {
    async fn open(job: &Job) -> Result<Self> {
        Ok(Self(heartwire::sync::connect(&job.url).open()?))
    }

    async fn send(&mut self, payload: &Payload) -> Result<()> {
        match payload {
            Payload::Text(text) => self.0.send(text.as_str())?,
            Payload::Binary(bytes) => self.0.send(bytes.as_slice())?,
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        match self.0.next().ok_or("the end")?? {
            Message::Text(text) => take(text.as_bytes()),
            Message::Binary(bytes) => take(&bytes),
        }
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        Ok(self.0.close(None, "")?)
    }
}

fn main() -> Result<()> {
    run::<Heartwire>()
}
