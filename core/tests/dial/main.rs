//! The dialling layer against real sockets on loopback: servers of tokio-tungstenite where the WebSocket side matters, hand-made peers where
//! misbehaviour does, and real proxies (tinyproxy, dante).
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
