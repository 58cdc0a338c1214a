//! Who listens to which event of a socket: `on...` attributes and listeners, in the DOM's order. Calls nobody.
//!
//! A list is never changed, only replaced: who walks one has a snapshot, and no lock is held while Python runs or objects are dropped.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::errors;

/// The events of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Kind {
    Open,
    Message,
    Error,
    Close,
    Reconnecting,
    Ping,
    Pong,
    Heartbeat,
    Drain,
    Dropped,
}

/// Their names, in the order of [`Kind`].
pub(crate) const NAMES: [&str; 10] = ["open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped"];

/// One listener, or the function of an `on...` attribute.
pub(crate) struct Listener {
    pub(crate) callback: Py<PyAny>,
    pub(crate) once: bool,
    attribute: bool,
    removed: AtomicBool,
}

impl Listener {
    /// Whether it was removed since the snapshot was made.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    fn same(&self, callback: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.callback.is(callback) || self.callback.bind(callback.py()).eq(callback)?)
    }
}

/// The listeners of one event, as they were when asked for.
pub(crate) type List = Arc<[Arc<Listener>]>;

/// The listeners of one socket.
#[derive(Default)]
pub(crate) struct Listeners {
    /// Of the events that somebody listens to: few.
    lists: Mutex<Vec<(Kind, List)>>,
    /// Changes with every change.
    version: AtomicU32,
}

/// The listeners of one event, looked up anew only when something has changed.
#[derive(Default)]
pub(crate) struct Snapshot {
    list: Option<List>,
    version: Option<u32>,
}

impl Snapshot {
    /// The listeners of an event; always to be asked for the same one.
    #[inline]
    pub(crate) fn of(&mut self, listeners: &Listeners, kind: Kind) -> Option<&List> {
        let version = listeners.version.load(Ordering::Acquire);
        if self.version != Some(version) {
            *self = Self { list: listeners.list(kind), version: Some(version) };
        }
        self.list.as_ref()
    }
}

impl Listeners {
    /// The listeners of an event, if there are any.
    pub(crate) fn list(&self, kind: Kind) -> Option<List> {
        self.lock().iter().find(|(known, _)| *known == kind).map(|(_, list)| List::clone(list))
    }

    fn replace(&self, kind: Kind, list: Vec<Arc<Listener>>) {
        let old = {
            let mut lists = self.lock();
            let place = lists.iter().position(|(known, _)| *known == kind);
            let old = place.map(|place| lists.swap_remove(place));
            if !list.is_empty() {
                lists.reserve_exact(1);
                lists.push((kind, list.into()));
            }
            old
        };
        self.version.fetch_add(1, Ordering::AcqRel);
        drop(old);
    }

    fn copy(&self, kind: Kind) -> Vec<Arc<Listener>> {
        self.list(kind).map(|list| list.to_vec()).unwrap_or_default()
    }

    /// Adds a listener; the same function twice counts once.
    pub(crate) fn add(&self, kind: Kind, callback: &Bound<'_, PyAny>, once: bool) -> PyResult<()> {
        let mut list = self.copy(kind);
        for known in &list {
            if !known.attribute && known.same(callback)? {
                return Ok(());
            }
        }
        list.push(Arc::new(Listener { callback: callback.clone().unbind(), once, attribute: false, removed: AtomicBool::new(false) }));
        self.replace(kind, list);
        Ok(())
    }

    /// Removes a listener; nothing happens if there is none such.
    pub(crate) fn remove(&self, kind: Kind, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut list = self.copy(kind);
        for (index, known) in list.iter().enumerate() {
            if !known.attribute && known.same(callback)? {
                list.remove(index).removed.store(true, Ordering::Relaxed);
                self.replace(kind, list);
                break;
            }
        }
        Ok(())
    }

    /// Takes a `once` listener out before it is called; false if somebody else was faster.
    pub(crate) fn take(&self, kind: Kind, listener: &Arc<Listener>) -> bool {
        if listener.removed.swap(true, Ordering::Relaxed) {
            return false;
        }
        let mut list = self.copy(kind);
        list.retain(|known| !Arc::ptr_eq(known, listener));
        self.replace(kind, list);
        true
    }

    /// Sets the `on...` attribute. It keeps its place among the listeners while it is changed, and loses it with `None`.
    pub(crate) fn set_attribute(&self, kind: Kind, callback: Option<&Bound<'_, PyAny>>) {
        let mut list = self.copy(kind);
        let place = list.iter().position(|known| known.attribute);
        if let Some(place) = place {
            list[place].removed.store(true, Ordering::Relaxed);
        }
        let new = callback.map(|callback| {
            Arc::new(Listener { callback: callback.clone().unbind(), once: false, attribute: true, removed: AtomicBool::new(false) })
        });
        match (place, new) {
            (Some(place), Some(new)) => list[place] = new,
            (Some(place), None) => drop(list.remove(place)),
            (None, Some(new)) => list.push(new),
            (None, None) => return,
        }
        self.replace(kind, list);
    }

    /// The `on...` attribute.
    pub(crate) fn attribute(&self, py: Python<'_>, kind: Kind) -> Option<Py<PyAny>> {
        self.list(kind)?.iter().find(|known| known.attribute).map(|known| known.callback.clone_ref(py))
    }

    /// Shows every function to the garbage collector; a list that is being changed right now is shown the next time.
    pub(crate) fn traverse(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        if let Ok(lists) = self.lists.try_lock() {
            for listener in lists.iter().flat_map(|(_, list)| list.iter()) {
                visit.call(&listener.callback)?;
            }
        }
        Ok(())
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        let old = std::mem::take(&mut *self.lock());
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Kind, List)>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kind by its name, or an error that lists the names.
pub(crate) fn kind(py: Python<'_>, name: &str) -> PyResult<Kind> {
    const KINDS: [Kind; NAMES.len()] = [
        Kind::Open,
        Kind::Message,
        Kind::Error,
        Kind::Close,
        Kind::Reconnecting,
        Kind::Ping,
        Kind::Pong,
        Kind::Heartbeat,
        Kind::Drain,
        Kind::Dropped,
    ];
    NAMES.iter().position(|known| *known == name).map(|index| KINDS[index]).ok_or_else(|| {
        let words = format!("there is no event {name:?}; the events are {}", NAMES.join(", "));
        errors::raise(py, heartwire::error::Error::new(heartwire::error::ErrorCode::InvalidOption, words))
    })
}
