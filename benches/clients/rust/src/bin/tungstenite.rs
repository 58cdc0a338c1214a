//! tokio-tungstenite, with a read buffer of 16 KiB: with its default of 128 KiB it spends more on zeroing that than on small messages.

use bench_clients::{Job, Link, Payload, Result, run};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

struct Tungstenite(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Link for Tungstenite {
    async fn open(job: &Job) -> Result<Self> {
        let config = WebSocketConfig::default().read_buffer_size(16 << 10);
        let (ws, _) = connect_async_with_config(&job.url, Some(config), true).await?;
        Ok(Self(ws))
    }

    async fn send(&mut self, payload: &Payload) -> Result<()> {
        let message = match payload {
            Payload::Text(text) => Message::text(text.as_str()),
            Payload::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
        };
        Ok(self.0.feed(message).await?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush().await?)
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        match self.0.next().await.ok_or("the end")?? {
            Message::Text(text) => take(text.as_bytes()),
            Message::Binary(bytes) => take(&bytes),
            other => return Err(format!("no message: {other:?}").into()),
        }
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        self.0.close(None).await?;
        while let Some(message) = self.0.next().await {
            if let Err(error) = message
                && !matches!(error, Error::ConnectionClosed | Error::Io(_))
            {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    run::<Tungstenite>()
}
