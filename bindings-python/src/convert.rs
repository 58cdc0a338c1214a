//! Python's values as the core's: options and answers as JSON, data to send. Knows no socket.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heartwire::binding::{BYTES, FUNCTION, OTHER};
use heartwire::{Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyMemoryView, PyString, PyTuple};
use serde_json::{Map, Number, Value, json};

use crate::errors;

/// How many items are taken from an iterable that may never end.
const MAX_ITEMS: usize = 10_000;

/// How deep options may nest: deeper is a cycle.
const MAX_DEPTH: usize = 64;

/// An address as Python's `socket` has it.
pub(crate) fn address(py: Python<'_>, address: SocketAddr) -> PyResult<Py<PyAny>> {
    let host = address.ip().to_string();
    Ok(match address {
        SocketAddr::V4(_) => (host, address.port()).into_pyobject(py)?.into_any().unbind(),
        SocketAddr::V6(six) => (host, address.port(), six.flowinfo(), six.scope_id()).into_pyobject(py)?.into_any().unbind(),
    })
}

/// The functions that the user gave as options, by their path.
#[derive(Default)]
pub(crate) struct Functions(Vec<(String, Py<PyAny>)>);

impl Functions {
    pub(crate) fn insert(&mut self, path: &str, function: &Bound<'_, PyAny>) {
        self.0.push((path.to_owned(), function.clone().unbind()));
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>, path: &str) -> Option<Bound<'py, PyAny>> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, function)| function.bind(py).clone())
    }

    /// Replaces the function of that path by the one from `given`, and returns the old one.
    pub(crate) fn replace(&mut self, py: Python<'_>, path: &str, given: &Self) -> Option<Py<PyAny>> {
        let old = self.0.iter().position(|(known, _)| known == path).map(|index| self.0.swap_remove(index).1);
        if let Some(function) = given.get(py, path) {
            self.insert(path, &function);
        }
        old
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.0.iter().map(|(_, function)| function)
    }
}

/// A value given as an option: functions become `{"$function": true}` and are kept in `functions`.
pub(crate) fn option(value: &Bound<'_, PyAny>, path: &str, functions: &mut Functions) -> PyResult<Value> {
    Reader { functions: Some(functions) }.value(value, path, 0)
}

/// A value that a function of the user returned, or a script for the fault server.
pub(crate) fn plain(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    Reader { functions: None }.value(value, "", 0)
}

struct Reader<'a> {
    functions: Option<&'a mut Functions>,
}

impl Reader<'_> {
    /// A value that JSON lacks is sent by its name: the core then refuses it together with all other faults.
    fn value(&mut self, value: &Bound<'_, PyAny>, path: &str, depth: usize) -> PyResult<Value> {
        if depth > MAX_DEPTH {
            Ok(other("a value that is nested too deeply, or contains itself"))
        } else if value.is_none() {
            Ok(Value::Null)
        } else if let Ok(flag) = value.cast::<PyBool>() {
            Ok(Value::Bool(flag.is_true()))
        } else if value.is_instance_of::<PyInt>() {
            Ok(integer(value))
        } else if let Ok(number) = value.cast::<PyFloat>() {
            Ok(float(number.value()))
        } else if let Ok(text) = value.cast::<PyString>() {
            Ok(text.to_cow().map_or_else(|_| other("a text with a lone surrogate"), |text| Value::String(text.into_owned())))
        } else if is_bytes(value) {
            Ok(json!({ BYTES: STANDARD.encode(&*bytes(value)?) }))
        } else if let Ok(mapping) = value.cast::<PyMapping>() {
            let mut object = Map::new();
            for pair in mapping.items()?.iter() {
                let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
                let Ok(key) = key.extract::<String>() else {
                    return Ok(other(&format!("a dict with the key {}", key.repr()?.to_string_lossy())));
                };
                let value = self.value(&value, &join(path, &key), depth + 1)?;
                object.insert(key, value);
            }
            Ok(Value::Object(object))
        } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            let mut list = Vec::new();
            for (index, item) in value.try_iter()?.enumerate() {
                list.push(self.value(&item?, &format!("{path}[{index}]"), depth + 1)?);
            }
            Ok(Value::Array(list))
        } else if value.is_callable()
            && let Some(functions) = &mut self.functions
        {
            // Before the questions that mocks and proxies answer with yes.
            functions.insert(path, value);
            Ok(json!({ FUNCTION: true }))
        } else if value.get_type().hasattr("__fspath__")? {
            self.value(&value.call_method0("__fspath__")?, path, depth + 1)
        } else if value.get_type().hasattr("total_seconds")? {
            Ok(float(value.call_method0("total_seconds")?.extract()?))
        } else if let Ok(items) = value.try_iter() {
            // Any other iterable: a set, a generator, the keys of a dict.
            let mut list = Vec::new();
            for (index, item) in items.enumerate() {
                if index == MAX_ITEMS {
                    return Ok(other(&format!("an iterable with more than {MAX_ITEMS} items")));
                }
                list.push(self.value(&item?, &format!("{path}[{index}]"), depth + 1)?);
            }
            Ok(Value::Array(list))
        } else {
            Ok(other(&format!("an object of type {}", value.get_type().name()?)))
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn other(words: &str) -> Value {
    json!({ OTHER: words })
}

fn integer(value: &Bound<'_, PyAny>) -> Value {
    if let Ok(number) = value.extract::<i64>() {
        number.into()
    } else if let Ok(number) = value.extract::<u64>() {
        number.into()
    } else {
        other("a number beyond 64 bits")
    }
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| other(&number.to_string()), Value::Number)
}

/// The keyword arguments as one JSON object.
pub(crate) fn options(kwargs: &Bound<'_, PyDict>, functions: &mut Functions) -> PyResult<Value> {
    let mut object = Map::new();
    for (name, value) in kwargs.iter() {
        let name: String = name.extract()?;
        let value = option(&value, &name, functions)?;
        object.insert(name, value);
    }
    Ok(Value::Object(object))
}

/// Bytes of any object with a buffer. They are borrowed if the object cannot change.
pub(crate) enum Buffer<'a> {
    Borrowed(&'a [u8]),
    Python(Bound<'a, PyBytes>),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Buffer<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Python(bytes) => bytes.as_bytes(),
            Self::Owned(bytes) => bytes,
        }
    }
}

pub(crate) fn is_bytes(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>()
}

/// The bytes of a bytes, bytearray or memoryview (of any item type, contiguous or not).
pub(crate) fn bytes<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Buffer<'a>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        Ok(Buffer::Borrowed(bytes.as_bytes()))
    } else if let Ok(array) = value.cast::<PyByteArray>() {
        Ok(Buffer::Owned(array.to_vec()))
    } else {
        Ok(Buffer::Python(value.call_method0("tobytes")?.cast_into::<PyBytes>()?))
    }
}

/// Text as UTF-8; a lone surrogate is `invalid_data`, because it cannot be sent.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyString>) -> PyResult<std::borrow::Cow<'a, str>> {
    value.to_cow().map_err(|cause| {
        let py = value.py();
        let words = "the text has a lone surrogate, which UTF-8 cannot carry";
        let error = errors::raise(py, Error::new(ErrorCode::InvalidData, words));
        error.set_cause(py, Some(cause));
        error
    })
}
