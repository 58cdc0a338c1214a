//! Heartwire's `connect`: a stream of messages that the task itself drives.

use bench_clients::{Job, Link, Payload, Result, run};
use heartwire::{Connection, Message};

struct Heartwire(Connection);

impl Link for Heartwire {
    async fn open(job: &Job) -> Result<Self> {
        Ok(Self(heartwire::connect(&job.url).await?))
    }

    async fn send(&mut self, payload: &Payload) -> Result<()> {
        match payload {
            Payload::Text(text) => self.0.send(text.as_str()).await?,
            Payload::Binary(bytes) => self.0.send(bytes.as_slice()).await?,
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        match self.0.next().await.ok_or("the end")?? {
            Message::Text(text) => take(text.as_bytes()),
            Message::Binary(bytes) => take(&bytes),
        }
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        Ok(self.0.close(None, "").await?)
    }
}

fn main() -> Result<()> {
    run::<Heartwire>()
}
