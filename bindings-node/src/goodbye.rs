//! The goodbye as JavaScript asks for it: for the whole process, for one environment, and before signals that nobody listens to.

use heartwire::driver::exit;

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};

/// `goodbye()`: the process ends.
pub(crate) fn of_process(js: Js, environment: &mut Environment, _: &Arguments) -> Result<Value> {
    environment.end_turn();
    exit::goodbye(None);
    js.undefined()
}

/// `leave()`: this environment ends, the process may go on.
pub(crate) fn of_environment(js: Js, environment: &mut Environment, _: &Arguments) -> Result<Value> {
    environment.say_goodbye();
    js.undefined()
}

/// `leaveSignal(signal)`: somebody in JavaScript listens to it from now on.
pub(crate) fn leave_signal(js: Js, _: &mut Environment, arguments: &Arguments) -> Result<Value> {
    exit::leave_signal_to_host(js.to_integer(arguments.at(0))?.cast_signed());
    js.undefined()
}

/// `watchSignals(inherited, signal, signal, signal)`: signals that nobody in JavaScript listens to. `inherited`: the host has a handler of its own
/// even there, which is to stand again before the signal does its work.
pub(crate) fn watch_signals(js: Js, _: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let signals =
        (1..arguments.given()).map(|index| js.to_integer(arguments.at(index)).map(u32::cast_signed)).collect::<Result<Vec<_>>>()?;
    exit::watch_inherited_signals(&signals, js.to_boolean(arguments.at(0))?);
    js.undefined()
}
