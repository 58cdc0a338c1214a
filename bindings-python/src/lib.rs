//! `heartwire._native`: the Rust part of the Python package. Registers classes and functions; the other files have the rest.

mod answer;
mod arguments;
mod barrier;
mod calls;
mod convert;
mod corker;
mod deliver;
mod errors;
mod events;
mod fragments;
mod frames;
mod hub;
mod inner;
mod listeners;
mod lock;
mod pending;
mod process;
mod roster;
mod round;
mod send;
mod socket;
mod stall;
mod stats;
mod testing;
mod text;
mod unrun;
mod warnings;
mod watcher;

/// The extension module.
// Needs no GIL: the classes are frozen, and their mutable parts are behind locks.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::events::{
        CloseEvent, DroppedEvent, ErrorEvent, Event, HeartbeatEvent, MessageEvent, OpenEvent, PingEvent, PongEvent, ReconnectingEvent,
        ThrottledEvent,
    };
    #[pymodule_export]
    use crate::fragments::Fragments;
    #[pymodule_export]
    use crate::frames::watch_frames;
    #[pymodule_export]
    use crate::hub::Hub;
    #[pymodule_export]
    use crate::process::{
        Shutdown, end, goodbye, goodbye_and_tell, leave_signal, refuse_subinterpreters, watch_signals, watch_signals_again,
    };
    #[pymodule_export]
    use crate::socket::Socket;
    #[pymodule_export]
    use crate::stats::counts;
    #[pymodule_export]
    use crate::testing::FaultServer;
    #[pymodule_export]
    use crate::unrun::end_unrun;
    #[pymodule_export]
    use crate::warnings::tell_warnings;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::warnings::install();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
