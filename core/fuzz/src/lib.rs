//! The fuzz targets: each takes any bytes and panics if an invariant breaks. libFuzzer runs them (run.py), and so does `cargo test` with the corpus
//! (core/tests/fuzz.rs).

pub mod client;
pub mod deflate;
pub mod extension;
pub mod options;
pub mod protocol_in;
pub mod proxy;
mod script;
pub mod session;
pub mod upgrade;
mod wire;
