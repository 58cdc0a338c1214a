//! The driver beside: while a socket has another connection beside the present one (`reconnect()` with `overlap`), one task opens and watches that, and
//! pokes the driver of the socket when there is something to read. It never takes a turn itself, so that events stay in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::io::Interest;

use super::watch::{Dial, Watched, register};
use super::{Shared, runtime};

impl Shared {
    /// Has the task look at its orders.
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
    // A turn was asked for. Until it has been taken, nothing is awaited: a descriptor whose peer has closed it stays ready.
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
            // A turn may now close the descriptor that was watched before, and reads what has come on the one that is watched now.
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
                // A byte that comes from now on is a new readiness, and the turn reads all that came before.
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
