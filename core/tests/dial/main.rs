//! The dialling layer against real sockets on loopback: servers of tokio-tungstenite if the WebSocket side matters, hand-made peers for misbehaviour,
//! and real proxies (tinyproxy, dante).
#![expect(clippy::unwrap_used, reason = "tests")]

mod certificates;
mod network;
mod plain;
mod proxies;
mod redirects;
mod refusals;
mod request;
mod support;
mod tls;
mod transport;
