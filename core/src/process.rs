//! The process: its fork generation, the resources that a forked child must release, and random bytes that no other process shares. A leaf: knows no
//! socket, only descriptors.
//!
//! After a fork the child owns nothing of its parent's connections: their threads do not exist there, and a byte from the child would corrupt the
//! parent's stream. So every socket remembers the generation in which it was made, and the fork handler closes the child's copies of the descriptors
//! without a Close frame.

mod per_process;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError, Weak};

use rand::TryRng as _;
use rand::rngs::SysRng;

pub use per_process::PerProcess;

use crate::os::{self, RawDescriptor};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static DESCRIPTORS: Mutex<Vec<Weak<Slot>>> = Mutex::new(Vec::new());
static HANDLERS: Once = Once::new();
/// The function that a forked child calls at once, too.
static IN_CHILD: OnceLock<fn()> = OnceLock::new();

thread_local! {
    /// Locks the list while this thread forks.
    static HELD: RefCell<Option<MutexGuard<'static, Vec<Weak<Slot>>>>> = const { RefCell::new(None) };
}

/// How many forks lie between the first process and this one.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Random bytes of the system. A generator in memory, as threads and hash maps have, is the same in every child of a fork.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_or_else(|_| rand::random(), |()| bytes)
}

/// Makes every forked child call `undo` at once, in its fork handler: it may do only what is safe there. Only the first call counts.
pub fn in_child(undo: fn()) {
    let _ = IN_CHILD.set(undo);
}

/// The place where a socket stores its descriptor, so that a forked child can close its copy.
#[derive(Debug)]
pub struct Slot {
    descriptor: os::Shared,
    /// A foreign loop knows the number, and a fork copies that loop.
    lent: AtomicBool,
}

impl Slot {
    /// A slot without a descriptor. From now on forks are handled.
    pub fn register() -> Arc<Self> {
        HANDLERS.call_once(|| os::at_fork(before_fork, after_fork_in_parent, after_fork_in_child));
        let slot = Arc::new(Self { descriptor: os::Shared::none(), lent: AtomicBool::new(false) });
        let mut slots = DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() == slots.capacity() {
            slots.retain(|slot| slot.strong_count() > 0);
        }
        slots.push(Arc::downgrade(&slot));
        slot
    }

    /// The descriptor in use.
    pub fn get(&self) -> Option<RawDescriptor> {
        self.descriptor.get()
    }

    /// Stores the descriptor in use, or clears it.
    pub fn set(&self, descriptor: Option<RawDescriptor>) {
        self.descriptor.set(descriptor);
    }

    /// From now on a foreign loop watches the descriptor. A forked child may copy that loop and go on using the number, and libuv aborts on a closed
    /// one. So the child duplicates a never-ready pipe onto the number.
    pub fn lend(&self) {
        self.lent.store(true, Ordering::Relaxed);
    }
}

extern "C" fn before_fork() {
    let guard = DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner);
    HELD.with(|held| *held.borrow_mut() = Some(guard));
}

extern "C" fn after_fork_in_parent() {
    HELD.with(|held| held.borrow_mut().take());
}

extern "C" fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    if let Some(undo) = IN_CHILD.get() {
        undo();
    }
    HELD.with(|held| {
        if let Some(mut slots) = held.borrow_mut().take() {
            let mut stand_in = None;
            for slot in slots.iter().filter(|slot| slot.strong_count() > 0) {
                // SAFETY: the count is not zero and no other thread runs in this process, so the slot lives while the handler runs.
                let slot = unsafe { &*slot.as_ptr() };
                if let Some(descriptor) = slot.descriptor.take() {
                    let stand_in = if slot.lent.load(Ordering::Relaxed) { *stand_in.get_or_insert_with(os::never_ready) } else { None };
                    os::give_up(descriptor, stand_in);
                }
            }
            slots.clear();
        }
    });
}
