//! yawc, with SIMD for its check of UTF-8, which every other client does by itself, and zlib-rs for compression.

use bench_clients::{Job, Link, Payload, Result, run};
use futures_util::{SinkExt, StreamExt};
use yawc::{Frame, OpCode, Options, TcpWebSocket};

struct Yawc(TcpWebSocket);

impl Link for Yawc {
    async fn open(job: &Job) -> Result<Self> {
        let options = Options::default().with_utf8().with_no_delay();
        let options = if job.deflate { options.with_low_latency_compression() } else { options };
        Ok(Self(yawc::WebSocket::connect(job.url.parse()?).with_options(options).await?))
    }

    async fn send(&mut self, payload: &Payload) -> Result<()> {
        let frame = match payload {
            Payload::Text(text) => Frame::text(text.clone()),
            Payload::Binary(bytes) => Frame::binary(bytes.clone()),
        };
        Ok(self.0.feed(frame).await?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush().await?)
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        let frame = self.0.next().await.ok_or("the end")?;
        if frame.opcode() == OpCode::Close {
            return Err("closed".into());
        }
        take(frame.payload());
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        self.0.close().await?;
        while self.0.next().await.is_some() {}
        Ok(())
    }
}

fn main() -> Result<()> {
    run::<Yawc>()
}
