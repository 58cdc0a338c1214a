//! The listeners of each event of a socket: `on...` attributes and added listeners, in the DOM's order. It calls no user code.
//!
//! A list is never changed, only replaced, and only if it is still the one that was read. So a caller that walks a list has a snapshot, threads that
//! change it at the same time lose nothing, and no lock is held while Python runs or objects are dropped.

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
    Ready,
    Throttled,
}

/// Their names, in the order of [`Kind`].
pub(crate) const NAMES: [&str; 12] =
    ["open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped", "ready", "throttled"];

/// The reason why a function listens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is the function of an `on...` attribute.
    Attribute,
    /// It was added; a `once` listener is called once.
    Added { once: bool },
    /// It is a method of the user's subclass.
    Method,
    /// It belongs to the asyncio or the blocking API; the user neither sees nor replaces it.
    Private,
}

/// One listener.
pub(crate) struct Listener {
    pub(crate) callback: Py<PyAny>,
    /// It is called without the event, because it takes no argument.
    pub(crate) bare: bool,
    role: Role,
    removed: AtomicBool,
}

impl Listener {
    fn new(callback: &Bound<'_, PyAny>, bare: bool, role: Role) -> Arc<Self> {
        Arc::new(Self { callback: callback.clone().unbind(), bare, role, removed: AtomicBool::new(false) })
    }

    /// Whether it is called once.
    pub(crate) fn once(&self) -> bool {
        self.role == Role::Added { once: true }
    }

    /// Whether the user added it. The user may add it twice or remove it.
    fn is_added(&self) -> bool {
        matches!(self.role, Role::Added { .. })
    }

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
    /// Only events with listeners are in it, so it is short.
    lists: Mutex<Vec<(Kind, List)>>,
    /// Changes with every change.
    version: AtomicU32,
}

/// The listeners of one event, looked up again only after a change.
#[derive(Default)]
pub(crate) struct Snapshot {
    list: Option<List>,
    version: Option<u32>,
}

impl Snapshot {
    /// The listeners of an event. Always call it with the same kind.
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

    /// Lets `edit` change a copy of the present list of an event, and makes the copy the list. If `edit` returns `None`, the list stays. `edit` may
    /// run Python, and the list may change meanwhile: then `edit` is called again.
    fn change<T>(&self, kind: Kind, mut edit: impl FnMut(&mut Vec<Arc<Listener>>) -> PyResult<Option<T>>) -> PyResult<Option<T>> {
        loop {
            let seen = self.list(kind);
            let mut next = seen.as_deref().map(<[_]>::to_vec).unwrap_or_default();
            let Some(outcome) = edit(&mut next)? else { return Ok(None) };
            if self.replace(kind, seen.as_ref(), next) {
                return Ok(Some(outcome));
            }
        }
    }

    /// Replaces the list that was read. False: the list has changed meanwhile.
    fn replace(&self, kind: Kind, seen: Option<&List>, next: Vec<Arc<Listener>>) -> bool {
        let old = {
            let mut lists = self.lock();
            let place = lists.iter().position(|(known, _)| *known == kind);
            let present = place.map(|place| &lists[place].1);
            if present.map(Arc::as_ptr) != seen.map(Arc::as_ptr) {
                return false;
            }
            let old = place.map(|place| lists.swap_remove(place));
            if !next.is_empty() {
                lists.reserve_exact(1);
                lists.push((kind, next.into()));
            }
            self.version.fetch_add(1, Ordering::AcqRel);
            old
        };
        drop(old);
        true
    }

    /// Adds a listener; the same function twice counts once.
    pub(crate) fn add(&self, kind: Kind, callback: &Bound<'_, PyAny>, once: bool, bare: bool) -> PyResult<()> {
        self.change(kind, |list| {
            for known in &*list {
                if known.is_added() && known.same(callback)? {
                    return Ok(None);
                }
            }
            list.push(Listener::new(callback, bare, Role::Added { once }));
            Ok(Some(()))
        })?;
        Ok(())
    }

    /// Adds a listener that cannot be removed: one of the package itself, or a method of the user's subclass.
    pub(crate) fn add_fixed(&self, kind: Kind, callback: &Bound<'_, PyAny>, private: bool, bare: bool) -> PyResult<()> {
        let role = if private { Role::Private } else { Role::Method };
        self.change(kind, |list| {
            list.push(Listener::new(callback, bare, role));
            Ok(Some(()))
        })?;
        Ok(())
    }

    /// Whether a function of the user listens to an event.
    pub(crate) fn user_listens(&self, kind: Kind) -> bool {
        self.list(kind).is_some_and(|list| list.iter().any(|known| known.role != Role::Private))
    }

    /// Whether the asyncio or the blocking API listens to an event.
    pub(crate) fn package_listens(&self, kind: Kind) -> bool {
        self.list(kind).is_some_and(|list| list.iter().any(|known| known.role == Role::Private))
    }

    /// Removes a listener, if it is there.
    pub(crate) fn remove(&self, kind: Kind, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        let removed = self.change(kind, |list| {
            for index in 0..list.len() {
                if list[index].is_added() && list[index].same(callback)? {
                    return Ok(Some(list.remove(index)));
                }
            }
            Ok(None)
        })?;
        if let Some(listener) = removed {
            listener.removed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Removes a `once` listener before it is called. False if another caller was first.
    pub(crate) fn take(&self, kind: Kind, listener: &Arc<Listener>) -> PyResult<bool> {
        if listener.removed.swap(true, Ordering::Relaxed) {
            return Ok(false);
        }
        self.change(kind, |list| {
            let place = list.iter().position(|known| Arc::ptr_eq(known, listener));
            Ok(place.map(|place| list.remove(place)))
        })?;
        Ok(true)
    }

    /// Sets the `on...` attribute. It keeps its place among the listeners while it is changed, and loses it with `None`. A method of the
    /// user's subclass was the attribute until then.
    pub(crate) fn set_attribute(&self, kind: Kind, callback: Option<&Bound<'_, PyAny>>, bare: bool) -> PyResult<()> {
        let new = callback.map(|callback| Listener::new(callback, bare, Role::Attribute));
        let replaced = self.change(kind, |list| {
            let place = list.iter().position(|known| matches!(known.role, Role::Attribute | Role::Method));
            Ok(match (place, new.clone()) {
                (Some(place), Some(new)) => Some(Some(std::mem::replace(&mut list[place], new))),
                (Some(place), None) => Some(Some(list.remove(place))),
                (None, Some(new)) => {
                    list.push(new);
                    Some(None)
                }
                (None, None) => None,
            })
        })?;
        if let Some(Some(listener)) = replaced {
            listener.removed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The `on...` attribute.
    pub(crate) fn attribute(&self, py: Python<'_>, kind: Kind) -> Option<Py<PyAny>> {
        self.list(kind)?.iter().find(|known| known.role == Role::Attribute).map(|known| known.callback.clone_ref(py))
    }

    /// Shows every function to the garbage collector. A list that is being changed at this moment is skipped until the next collection.
    pub(crate) fn traverse(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        if let Ok(lists) = self.lists.try_lock() {
            for listener in lists.iter().flat_map(|(_, list)| list.iter()) {
                visit.call(&listener.callback)?;
            }
        }
        Ok(())
    }

    /// Removes all listeners.
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
        Kind::Ready,
        Kind::Throttled,
    ];
    NAMES.iter().position(|known| *known == name).map(|index| KINDS[index]).ok_or_else(|| {
        let words = format!("there is no event {name:?}; the events are {}", NAMES.join(", "));
        errors::raise(py, heartwire::Error::new(heartwire::ErrorCode::InvalidOption, words))
    })
}
