//! The counts of a socket, or of all of the process, as JSON text. `_stats.py` makes its tuples of it.

use heartwire::Stats;
use heartwire::binding::{Dialect, stats};
use pyo3::prelude::*;

use crate::socket::Socket;

/// The counts of this socket; without one, the sum of all that the process has started.
#[pyfunction]
#[pyo3(signature = (socket=None))]
pub(crate) fn counts(py: Python<'_>, socket: Option<&Bound<'_, Socket>>) -> PyResult<String> {
    let counts = match socket {
        Some(socket) => {
            let connection = socket.get().inner(py)?.connection.clone();
            py.detach(|| connection.stats())
        }
        None => py.detach(stats),
    };
    Ok(text(&counts))
}

fn text(stats: &Stats) -> String {
    stats.to_value(Dialect::Python).to_string()
}
