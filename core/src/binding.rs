//! The parts of the core that bindings for other languages need beyond the public API. It changes with them: user programs should not use it.

pub use heartwire_proto::event::{Batch, Item};
pub use heartwire_proto::options::{BYTES, Dialect, FUNCTION, OTHER, read_heartbeat};
pub use heartwire_proto::{close, utf16};

pub use crate::driver::shutdown::Shutdown;
pub use crate::driver::stats::stats;
pub use crate::driver::{
    Connection, Descriptor, Driven, FragmentWriter, LinkId, LoopHandle, OwnLoop, PerProcess, Plan, Wake, Watch, WeakConnection, exit,
    times_stood_in, warnings,
};

/// Frames for the program's log.
pub mod frames {
    pub use crate::frames::{Frame, take, waiting, want};
}

/// Functions that differ between systems.
pub mod os {
    pub use crate::os::{CHECK_FOR_INTERRUPTS, RawDescriptor, coarse_time, find_symbol};
}
