//! The driver of a second connection: while a socket has one (`reconnect()` with `overlap`), one task opens and watches it, and pokes the socket's
//! driver when there is something to read. It never takes a turn itself, so events stay in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::io::Interest;

use super::watch::{Dial, Watched, register};
use super::{Shared, runtime};

impl Shared {
    /// Makes the task read its orders.
    pub(super) fn summon_beside(self: &Arc<Self>) {
        if self.beside_tasked.swap(true, Ordering::AcqRel) {
            self.beside_poke.notify_one();
        } else if let Ok(runtime) = runtime::handle() {
            runtime.spawn(run(Arc::clone(self)));
        }
    }
}

async fn run(shared: Arc<Shared>) {
    let mut watch: Option<Watched> = None;
    let mut dialling: Option<Dial> = None;
    // A turn was requested. Until it has been taken, the task does not wait for the descriptor: if the peer has closed, it stays ready.
    let mut asked = false;
    loop {
        let wants = shared.client.wants_beside();
        if let Some((_, request)) = wants.dial {
            dialling = Some(Box::pin(crate::dial::dial(*request)));
        } else if wants.cancel_dial {
            dialling = None;
        }
        if watch.as_ref().map(|watch| watch.id) != wants.watch.map(|(id, _)| id) {
            watch = None;
            if let Some((id, descriptor)) = wants.watch {
                match register(descriptor) {
                    Ok(descriptor) => watch = Some(Watched { id, descriptor }),
                    Err(error) => shared.client.fail_beside(Instant::now(), &error),
                }
            }
            shared.client.watches_beside(watch.as_ref().map(|watch| watch.id));
            // A turn may now close the descriptor that was watched before, and reads the bytes that wait on the new one.
            shared.poke();
        }
        if wants.over {
            shared.beside_tasked.store(false, Ordering::Release);
            let wants = shared.client.has_beside();
            if wants && !shared.beside_tasked.swap(true, Ordering::AcqRel) {
                continue;
            }
            return;
        }
        let interest = match (wants.reads, wants.writes) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        let ready = async {
            match (&watch, interest) {
                (Some(watch), Some(interest)) if !asked => watch.descriptor.ready(interest).await,
                _ => std::future::pending().await,
            }
        };
        let dialled = async {
            match &mut dialling {
                Some(dial) => dial.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            result = dialled => {
                dialling = None;
                shared.client.dialled_beside(Instant::now(), result);
                shared.poke();
            }
            guard = ready => {
                // A byte that arrives from now on makes a new readiness, and the turn reads all earlier ones.
                if let Ok(mut guard) = guard {
                    guard.clear_ready_matching(tokio::io::Ready::READABLE);
                    guard.clear_ready_matching(tokio::io::Ready::WRITABLE);
                }
                asked = true;
                shared.poke();
            }
            () = shared.beside_poke.notified() => asked = false,
        }
    }
}
