//! fastwebsockets, by its handshake over hyper and its collector of fragments. It has no queue for sending.

use std::future::Future;

use bench_clients::{Job, Link, Payload, Result, run};
use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, handshake};
use http::Uri;
use http::header::{CONNECTION, HOST, UPGRADE};
use http_body_util::Empty;
use hyper::Request;
use hyper::rt::Executor;
use hyper::upgrade::Upgraded;
use tokio::net::TcpStream;

struct Fastwebsockets(FragmentCollector<hyper_util::rt::TokioIo<Upgraded>>);

struct Spawn;

impl<F> Executor<F> for Spawn
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        tokio::task::spawn(future);
    }
}

impl Link for Fastwebsockets {
    async fn open(job: &Job) -> Result<Self> {
        let uri: Uri = job.url.parse()?;
        let host = uri.authority().ok_or("no host")?.as_str();
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let request = Request::get(&job.url)
            .header(HOST, host)
            .header(UPGRADE, "websocket")
            .header(CONNECTION, "upgrade")
            .header("Sec-WebSocket-Key", handshake::generate_key())
            .header("Sec-WebSocket-Version", "13")
            .body(Empty::<Bytes>::new())?;
        let (ws, _) = handshake::client(&Spawn, request, stream).await?;
        Ok(Self(FragmentCollector::new(ws)))
    }

    async fn send(&mut self, payload: &Payload) -> Result<()> {
        let frame = match payload {
            Payload::Text(text) => Frame::text(text.as_bytes().into()),
            Payload::Binary(bytes) => Frame::binary(bytes.as_slice().into()),
        };
        Ok(self.0.write_frame(frame).await?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        let frame = self.0.read_frame().await?;
        if frame.opcode == OpCode::Close {
            return Err("closed".into());
        }
        take(&frame.payload);
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        self.0.write_frame(Frame::close(1000, b"")).await?;
        while self.0.read_frame().await?.opcode != OpCode::Close {}
        Ok(())
    }
}

fn main() -> Result<()> {
    run::<Fastwebsockets>()
}
