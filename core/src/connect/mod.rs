//! `connect`: a connection to receive messages from and to send to, driven by the caller's own task ([`Connection`]) or thread ([`sync`]).

mod connection;
mod receiving;
pub mod sync;

pub use connection::{Connect, Connection, connect};
