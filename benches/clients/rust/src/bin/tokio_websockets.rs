//! tokio-websockets, with the feature `fastrand` for its masks.

use bench_clients::{Job, Link, Payload, Result, run};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

struct TokioWebsockets(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Link for TokioWebsockets {
    async fn open(job: &Job) -> Result<Self> {
        let (ws, _) = ClientBuilder::new().uri(&job.url)?.connect().await?;
        let MaybeTlsStream::Plain(stream) = ws.get_ref();
        stream.set_nodelay(true)?;
        Ok(Self(ws))
    }

    async fn send(&mut self, payload: &Payload) -> Result<()> {
        let message = match payload {
            Payload::Text(text) => Message::text(text.clone()),
            Payload::Binary(bytes) => Message::binary(Bytes::copy_from_slice(bytes)),
        };
        Ok(self.0.feed(message).await?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush().await?)
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        let message = self.0.next().await.ok_or("the end")??;
        if message.is_close() {
            return Err("closed".into());
        }
        take(message.as_payload());
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        self.0.close().await?;
        while self.0.next().await.is_some() {}
        Ok(())
    }
}

fn main() -> Result<()> {
    run::<TokioWebsockets>()
}
