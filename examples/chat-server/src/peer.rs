//! One connection: frames in, lines out, and the ends: the peer's, silence, slowness, the server's own. It must not know the others.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::{Instant, timeout, timeout_at};

use crate::room::{Next, Place};
use crate::words::{self, Word};

/// How long a write and the closing handshake may take.
const GRACE: Duration = Duration::from_secs(2);

/// How a connection ends.
enum End {
    /// It is gone; this is how.
    Gone(String),
    /// We close it, with this code and reason.
    Goodbye(u16, String),
}

/// Serves one peer until its end.
pub(crate) async fn run(mut socket: WebSocket, mut place: Place, silence: Duration) {
    let (why, frame) = match converse(&mut socket, &mut place, silence).await {
        End::Gone(how) => (how, None),
        End::Goodbye(code, reason) => {
            (format!("is sent away: {code} {reason}"), Some(Message::Close(Some(CloseFrame { code, reason: reason.into() }))))
        }
    };
    place.leave(&why);
    // The closing handshake, from either side: ours goes out, theirs comes in, and reading on sends the answer to theirs.
    let _ = timeout(GRACE, async {
        if let Some(frame) = frame {
            socket.send(frame).await?;
        }
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<_, axum::Error>(())
    })
    .await;
}

async fn converse(socket: &mut WebSocket, place: &mut Place, silence: Duration) -> End {
    let mut deadline = Instant::now() + silence;
    loop {
        let answer = tokio::select! {
            frame = timeout_at(deadline, socket.recv()) => {
                deadline = Instant::now() + silence;
                match frame {
                    Err(_) => return End::Goodbye(4408, format!("no frame for {} s", silence.as_secs_f64())),
                    Ok(None) => return End::Gone("dropped the connection".to_owned()),
                    Ok(Some(Err(error))) => return End::Gone(format!("failed: {error}")),
                    Ok(Some(Ok(frame))) => match receive(place, &frame) {
                        Ok(answer) => answer,
                        Err(end) => return end,
                    },
                }
            }
            line = place.next() => match line {
                Next::Line(line) => Some(line),
                Next::TooSlow => return End::Goodbye(1013, "you read too slowly".to_owned()),
                Next::End => return End::Goodbye(1001, "the server goes away".to_owned()),
            },
        };
        if let Some(answer) = answer
            && !matches!(timeout(GRACE, socket.send(answer.into())).await, Ok(Ok(())))
        {
            return last_words(socket, place).await;
        }
    }
}

/// Finds out why a peer takes no more data: its last frames may wait to be read, above all a Close.
async fn last_words(socket: &mut WebSocket, place: &mut Place) -> End {
    while let Ok(Some(Ok(frame))) = timeout(GRACE, socket.recv()).await {
        if let Err(end) = receive(place, &frame) {
            return end;
        }
    }
    End::Gone("takes no more data".to_owned())
}

/// What to answer to a frame. Pings are answered by axum; here they count as life, as any frame does.
fn receive(place: &Place, frame: &Message) -> Result<Option<String>, End> {
    match frame {
        Message::Text(text) => match words::read(text) {
            Word::Login(name) => place.login(&name),
            Word::Say(text, plain) => place.say(&text, plain),
            Word::HeartBeat => {
                place.heart_beat();
                return Ok(Some(words::HEART_BEAT.to_owned()));
            }
            Word::Mistake(text) => return Ok(Some(words::mistake(&text))),
        },
        Message::Binary(_) => return Ok(Some(words::mistake("only text is spoken here"))),
        Message::Ping(_) | Message::Pong(_) => {}
        Message::Close(Some(frame)) => {
            return Err(End::Gone(format!("says goodbye: {} {}", frame.code, frame.reason).trim_end().to_owned()));
        }
        Message::Close(None) => return Err(End::Gone("says goodbye".to_owned())),
    }
    Ok(None)
}
