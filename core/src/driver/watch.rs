//! The descriptors that a task of the runtime watches and opens. Knows no socket.

use std::pin::Pin;

use crate::client::LinkId;
use crate::dial::Opened;
use crate::error::{Error, ErrorCode, Result};
use crate::os::{self, RawDescriptor};

pub(super) type Dial = Pin<Box<dyn Future<Output = Result<Opened>> + Send>>;

/// The watched descriptor.
pub(super) struct Watched {
    pub(super) id: LinkId,
    pub(super) descriptor: os::Watched,
}

pub(super) fn register(descriptor: RawDescriptor) -> Result<os::Watched> {
    // SAFETY: the client keeps the descriptor open until `released`, and the watch is dropped before that call.
    unsafe { os::watch(descriptor) }
        .map_err(|error| Error::new(ErrorCode::RuntimeFailed, "the socket could not be watched").caused_by(&error))
}
