//! The warnings of the core, kept until an environment asks for them: the core warns on any thread, but only a thread of JavaScript can warn the process.

use std::sync::{Mutex, PoisonError};

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};

/// How many are kept. Further ones are dropped.
const MOST: usize = 100;

static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Directs the core's warnings here from now on. Only the first call counts.
pub(crate) fn install() {
    heartwire::binding::warnings::set_hook(|words| {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(words.to_owned());
        }
    });
}

/// `takeWarnings()`: an array of texts, or undefined without any.
pub(crate) fn take(js: Js, _: &mut Environment, _: &Arguments) -> Result<Value> {
    let kept = std::mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner));
    if kept.is_empty() {
        return js.undefined();
    }
    let words = kept.iter().map(|words| js.text(words)).collect::<Result<Vec<_>>>()?;
    js.array(&words)
}
