//! The fault server for JavaScript: its calls by handle, JSON text in and out. `lib/testing.js` makes the class of it.

use std::sync::Arc;
use std::time::Duration;

use heartwire::testing::{ErrorKind, FaultServer, TestError};
use serde_json::{Value as Json, json};

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};
use crate::work;

/// An environment's servers, by handle.
#[derive(Default)]
pub(crate) struct Servers(Vec<Option<Arc<FaultServer>>>);

/// The outcome as JSON text: `{"ok": value}`, or `{"kind": ..., "message": ...}`.
fn outcome(result: std::result::Result<Json, TestError>) -> String {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => {
            let kind = match error.kind {
                ErrorKind::Script => "script",
                ErrorKind::Timeout => "timeout",
                _ => "io",
            };
            json!({ "kind": kind, "message": error.message })
        }
    }
    .to_string()
}

/// JSON text that the shim made.
fn json_argument(js: Js, value: Value) -> Result<Json> {
    let mut room = Vec::new();
    Ok(serde_json::from_str(js.to_text(value, &mut room)?).unwrap_or_default())
}

fn server(js: Js, environment: &Environment, arguments: &Arguments) -> Result<Option<Arc<FaultServer>>> {
    let handle = js.to_integer(arguments.at(0))? as usize;
    Ok(environment.servers.0.get(handle).cloned().flatten())
}

fn stopped() -> TestError {
    TestError { kind: ErrorKind::Io, message: "the server was stopped".to_owned() }
}

/// `testStart(script)`: `{handle, url, port, caPem, clientPem}`.
pub(crate) fn start(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let started = FaultServer::start(&json_argument(js, arguments.at(0))?).map(|server| {
        let about = json!({
            "handle": environment.servers.0.len(),
            "url": server.url(),
            "port": server.port(),
            "caPem": server.ca_pem(),
            "clientPem": server.client_pem().map(|(cert, key)| json!({ "cert": cert, "key": key })),
        });
        environment.servers.0.push(Some(Arc::new(server)));
        about
    });
    js.text(&outcome(started))
}

/// `testCall(handle, method, argument)`: `setScript`, `records`, `refuse`, `accept`, `drop` or `stop`.
pub(crate) fn call(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let mut room = Vec::new();
    let method = js.to_text(arguments.at(1), &mut room)?;
    let Some(server) = server(js, environment, arguments)? else { return js.text(&outcome(Err(stopped()))) };
    let done = match method {
        "setScript" => server.set_script(&json_argument(js, arguments.at(2))?).map(|()| Json::Null),
        "records" => Ok(server.records()),
        "accept" => server.accept_connections().map(|()| Json::Null),
        _ => {
            match method {
                "refuse" => server.refuse_connections(),
                "drop" => server.drop_connections(),
                // The last owner ends it: this one, or a wait that still runs.
                _ => environment.servers.0[js.to_integer(arguments.at(0))? as usize] = None,
            }
            Ok(Json::Null)
        }
    };
    js.text(&outcome(done))
}

/// `testWait(handle, pattern, milliseconds)`: a promise.
pub(crate) fn wait(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let pattern = json_argument(js, arguments.at(1))?;
    let at_most = Duration::from_secs_f64((js.to_number(arguments.at(2))? / 1000.0).clamp(0.0, 3600.0));
    let server = server(js, environment, arguments)?;
    work::promise(js, move || outcome(server.ok_or_else(stopped).and_then(|server| server.wait_for(&pattern, at_most))))
}
