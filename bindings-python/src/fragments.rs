//! A message in parts for Python's asyncio and blocking APIs, which wait between two parts. Knows no loop.

use std::sync::Mutex;

use heartwire::binding::FragmentWriter;
use pyo3::prelude::*;

use crate::lock::lock;
use crate::send;
use crate::socket::Socket;

/// A message that is being sent.
#[pyclass(frozen, module = "heartwire._native")]
pub(crate) struct Fragments {
    socket: Py<Socket>,
    /// `None` while a part is being put, and after the end.
    writer: Mutex<Option<FragmentWriter>>,
}

#[pymethods]
impl Fragments {
    #[new]
    #[pyo3(signature = (socket, text, compress))]
    fn new(py: Python<'_>, socket: Py<Socket>, text: Option<bool>, compress: Option<bool>) -> PyResult<Self> {
        let writer = socket.get().inner(py)?.connection.fragments(text, compress);
        Ok(Self { socket, writer: Mutex::new(Some(writer)) })
    }

    /// Takes a part. It leaves once the next part is there, because the last one is marked.
    fn put(&self, py: Python<'_>, part: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(mut writer) = lock(&self.writer).take() else { return Ok(()) };
        let put = send::put(self.socket.get().inner(py)?, &mut writer, part);
        *lock(&self.writer) = Some(writer);
        put
    }

    /// Sends the last part. A message without parts is empty.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        let Some(writer) = lock(&self.writer).take() else { return Ok(()) };
        send::end(py, self.socket.get().inner(py)?, writer)
    }

    /// Abandons the message. If some parts have left, its connection ends.
    fn abandon(&self) {
        let writer = lock(&self.writer).take();
        drop(writer);
    }

    /// Whether the connection has ended on which the message began.
    #[getter]
    fn is_lost(&self) -> bool {
        lock(&self.writer).as_ref().is_some_and(FragmentWriter::is_lost)
    }
}
