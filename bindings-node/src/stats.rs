//! The counts of a socket, or of all of the process, as JSON text. `lib/stats.js` makes its object of it.

use heartwire::binding::{self, Dialect};

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};

/// `stats(handle)`: the counts of a socket; with null, the sum of all that the process has started.
pub(crate) fn stats(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let stats = if js.is_null(arguments.at(0))? {
        binding::stats()
    } else {
        let handle = js.to_integer(arguments.at(0))?;
        environment.socket(handle).map(|socket| socket.connection.stats()).unwrap_or_default()
    };
    js.text(&stats.to_value(Dialect::JavaScript).to_string())
}
