//! Arguments of the socket's constructor and methods: reads them, checks them, and raises errors for wrong ones. Knows no socket.

use std::time::Duration;

use heartwire::{CloseCode, Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde_json::Value;

use crate::convert::{self, Functions};
use crate::errors;
use crate::listeners::{self, Kind};

/// The placeholder of the URL until the user's function has given it.
const UNKNOWN_URL: &str = "ws://localhost/";

/// The URL and the `protocols` argument beside the options.
pub(crate) fn arguments(
    url: &Bound<'_, PyAny>,
    protocols: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
    functions: &mut Functions,
) -> PyResult<(String, bool, Value)> {
    let mut given = convert::options(options, functions)?;
    let (url, is_function) = if let Ok(text) = url.cast::<PyString>() {
        (convert::text(text)?.into_owned(), false)
    } else if url.is_callable() {
        functions.insert("url", url);
        (UNKNOWN_URL.to_owned(), true)
    } else {
        return Err(errors::wrong_type("url", "a str, or a function that returns one", url));
    };
    let protocols = if let Ok(text) = protocols.cast::<PyString>() {
        Value::Array(vec![Value::String(convert::text(text)?.into_owned())])
    } else {
        convert::option(protocols, "protocols", functions)?
    };
    if protocols != Value::Null
        && protocols != Value::Array(Vec::new())
        && let Value::Object(given) = &mut given
    {
        given.insert("protocols".to_owned(), protocols);
    }
    Ok((url, is_function, given))
}

pub(crate) fn close_code(py: Python<'_>, code: Option<i64>, allowed: &str) -> PyResult<Option<CloseCode>> {
    let Some(number) = code else { return Ok(None) };
    let Ok(code) = u16::try_from(number) else {
        let words = format!("the close code is {number}: allowed are {allowed}");
        return Err(errors::raise(py, Error::new(ErrorCode::InvalidClose, words)));
    };
    Ok(Some(CloseCode(code)))
}

/// A time in seconds, above zero.
pub(crate) fn duration(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(|| {
        errors::raise(py, Error::new(ErrorCode::InvalidData, format!("{name} must be a number of seconds above 0; got {seconds}")))
    })
}

pub(crate) fn callable(py: Python<'_>, r#type: &str, function: Option<&Bound<'_, PyAny>>) -> PyResult<Kind> {
    let kind = listeners::kind(py, r#type)?;
    match function {
        Some(function) if !function.is_callable() => {
            Err(errors::wrong_type(&format!("a handler of {type:?}", r#type = r#type), "a function", function))
        }
        _ => Ok(kind),
    }
}
