//! Frames on their way to the log of JavaScript. The core keeps them; `lib/log.js` asks for them.

use heartwire::binding::frames;
use serde_json::json;

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};

/// `watchFrames(watched)`: whether frames of connections that begin from now on are kept.
pub(crate) fn watch(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    environment.watch_frames(js.to_boolean(arguments.at(0))?);
    js.undefined()
}

/// `takeFrames()`: JSON text, `{frames: [{url, sent, kind, length, shown}], lost}`; or undefined if nothing was kept.
pub(crate) fn take(js: Js, _: &mut Environment, _: &Arguments) -> Result<Value> {
    if !frames::waiting() {
        return js.undefined();
    }
    let (frames, lost) = frames::take();
    let frames: Vec<_> = frames
        .iter()
        .map(|frame| {
            let line = frame.to_string();
            json!({ "url": &*frame.place, "sent": frame.sent, "kind": frame.kind, "length": frame.length, "shown": frame.shown, "line": line })
        })
        .collect();
    js.text(&json!({ "frames": frames, "lost": lost }).to_string())
}
