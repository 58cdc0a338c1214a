//! A handle of a socket that does not keep its memory. Knows nothing of what a socket does.

use std::sync::{Arc, Weak};

use super::{Connection, Shared};

/// A [`Connection`] that may be gone.
#[derive(Clone)]
pub struct WeakConnection(Weak<Shared>);

impl Connection {
    /// A handle that does not keep the socket's memory.
    pub fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }
}

impl WeakConnection {
    /// The connection, if it is still there.
    pub fn upgrade(&self) -> Option<Connection> {
        self.0.upgrade().map(Connection)
    }
}
