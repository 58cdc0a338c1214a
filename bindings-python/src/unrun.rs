//! The sockets that no loop or thread runs yet. One that is dropped like this, or is left at the end of the process, causes a warning. It calls no
//! user code.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use heartwire::binding::PerProcess;
use pyo3::prelude::*;

use crate::warnings;

/// The name of each of them in warnings, by its number.
static UNRUN: PerProcess<BTreeMap<u64, String>> = PerProcess::new();
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Nothing runs this socket yet.
pub(crate) fn expect(id: u64, name: String) {
    if UNRUN.lock().insert(id, name).is_none() {
        COUNT.fetch_add(1, Ordering::AcqRel);
    }
}

/// A loop or a thread runs it, or its user closed it.
pub(crate) fn forget(id: u64) -> Option<String> {
    if COUNT.load(Ordering::Acquire) == 0 {
        return None;
    }
    let name = UNRUN.lock().remove(&id);
    if name.is_some() {
        COUNT.fetch_sub(1, Ordering::AcqRel);
    }
    name
}

/// It is gone.
pub(crate) fn dropped(id: u64) {
    if let Some(name) = forget(id) {
        warnings::keep(&words(&name));
    }
}

fn words(name: &str) -> String {
    format!("{name} was never run, so it never connected: call its run_forever() or start(), or make it while an asyncio loop runs")
}

/// The warnings for all remaining sockets; with `forget` they are forgotten instead.
#[pyfunction]
#[pyo3(signature = (forget=false))]
pub(crate) fn end_unrun(forget: bool) {
    let left = std::mem::take(&mut *UNRUN.lock());
    if forget {
        // Also in a forked child, which inherits its parent's count.
        COUNT.store(0, Ordering::Release);
    } else {
        COUNT.fetch_sub(left.len(), Ordering::AcqRel);
        for name in left.values() {
            warnings::keep(&words(name));
        }
    }
}
