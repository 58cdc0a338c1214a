//! `heartwire._native`: what the Python package needs from Rust. Registers classes and functions; the pieces know the rest.

mod burst;
mod convert;
mod deliver;
mod errors;
mod events;
mod hub;
mod inner;
mod listeners;
mod process;
mod round;
mod send;
mod socket;
mod stall;
mod testing;
mod text;
mod watcher;

/// The extension module.
// gil_used: everything here is behind locks and frozen classes, but no free-threaded interpreter was at hand to prove it.
#[pyo3::pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::events::{
        CloseEvent, DroppedEvent, ErrorEvent, Event, HeartbeatEvent, MessageEvent, OpenEvent, PingEvent, PongEvent, ReconnectingEvent,
    };
    #[pymodule_export]
    use crate::hub::Hub;
    #[pymodule_export]
    use crate::process::{end, goodbye, refuse_subinterpreters, watch_signals};
    #[pymodule_export]
    use crate::socket::Socket;
    #[pymodule_export]
    use crate::testing::FaultServer;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
