//! A thin safe layer over Node-API: values in and out, calls, exceptions. Knows nothing of sockets.
//!
//! Everything here is called on an environment's own thread, inside a callback that the host made (so a handle scope is open).

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use napi::sys;

/// A JavaScript value, valid until the present callback returns.
pub(crate) type Value = sys::napi_value;

/// A call failed. An exception may be pending, which the host throws when the callback returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed(sys::napi_status);

impl Failed {
    pub(crate) fn from_status(status: sys::napi_status) -> Self {
        Self(status)
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// Calls a Node-API function and checks its status.
macro_rules! checked {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the environment and the values are those of the present callback, on its thread, and the out-pointers point to live variables.
        let status = unsafe { sys::$name($($argument),*) };
        if status == sys::Status::napi_ok { Ok(()) } else { Err(Failed(status)) }
    }};
}

/// As `checked!`, for a function whose last argument takes its result.
macro_rules! resulting {
    ($name:ident($($argument:expr),* $(,)?), $zero:expr) => {{
        let mut result = $zero;
        checked!($name($($argument,)* &raw mut result)).map(|()| result)
    }};
}

/// The environment, inside a callback.
#[derive(Clone, Copy)]
pub(crate) struct Js(pub(crate) sys::napi_env);

impl Js {
    pub(crate) fn undefined(self) -> Result<Value> {
        resulting!(napi_get_undefined(self.0), ptr::null_mut())
    }

    pub(crate) fn null(self) -> Result<Value> {
        resulting!(napi_get_null(self.0), ptr::null_mut())
    }

    pub(crate) fn boolean(self, value: bool) -> Result<Value> {
        resulting!(napi_get_boolean(self.0, value), ptr::null_mut())
    }

    pub(crate) fn number(self, value: f64) -> Result<Value> {
        resulting!(napi_create_double(self.0, value), ptr::null_mut())
    }

    pub(crate) fn integer(self, value: u32) -> Result<Value> {
        resulting!(napi_create_uint32(self.0, value), ptr::null_mut())
    }

    /// A string from ASCII, which is most text: a one-byte string, by a copy.
    pub(crate) fn ascii(self, text: &[u8]) -> Result<Value> {
        resulting!(napi_create_string_latin1(self.0, text.as_ptr().cast(), text.len().cast_signed()), ptr::null_mut())
    }

    /// A string from UTF-8 that is not ASCII. It is converted here, because the hosts' own decoders are several times slower. `wide` is room to use.
    pub(crate) fn wide(self, utf8: &[u8], wide: &mut Vec<u16>) -> Result<Value> {
        let length = heartwire::binding::utf16::convert(utf8, wide);
        resulting!(napi_create_string_utf16(self.0, wide.as_ptr(), length.cast_signed()), ptr::null_mut())
    }

    /// A string from UTF-8, off the hot path.
    pub(crate) fn text(self, text: &str) -> Result<Value> {
        let text = text.as_bytes();
        if text.is_ascii() { self.ascii(text) } else { self.wide(text, &mut Vec::new()) }
    }

    /// An `ArrayBuffer` with a copy of the bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<Value> {
        let mut data: *mut c_void = ptr::null_mut();
        let buffer = resulting!(napi_create_arraybuffer(self.0, bytes.len(), &raw mut data), ptr::null_mut())?;
        if !bytes.is_empty() {
            // SAFETY: the host has just made room for as many bytes at `data`, and no other code has a pointer to it yet.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len()) };
        }
        Ok(buffer)
    }

    pub(crate) fn array(self, items: &[Value]) -> Result<Value> {
        let array = resulting!(napi_create_array_with_length(self.0, items.len()), ptr::null_mut())?;
        for (index, item) in items.iter().enumerate() {
            checked!(napi_set_element(self.0, array, index as u32, *item))?;
        }
        Ok(array)
    }

    /// A plain object with these members.
    pub(crate) fn object(self, members: &[(&CStr, Value)]) -> Result<Value> {
        let object = resulting!(napi_create_object(self.0), ptr::null_mut())?;
        for (name, value) in members {
            self.set(object, name, *value)?;
        }
        Ok(object)
    }

    pub(crate) fn set(self, object: Value, name: &CStr, value: Value) -> Result<()> {
        checked!(napi_set_named_property(self.0, object, name.as_ptr(), value))
    }

    pub(crate) fn function(self, name: &CStr, callback: sys::napi_callback, data: *mut c_void) -> Result<Value> {
        resulting!(napi_create_function(self.0, name.as_ptr(), name.count_bytes().cast_signed(), callback, data), ptr::null_mut())
    }

    /// Calls a JavaScript function. Its exception stays pending.
    pub(crate) fn call(self, function: Value, arguments: &[Value]) -> Result<()> {
        let this = self.undefined()?;
        checked!(napi_call_function(self.0, this, function, arguments.len(), arguments.as_ptr(), ptr::null_mut()))
    }

    /// Calls a JavaScript function while no JavaScript runs, as a task of the host: its microtasks and ticks run before this returns. Their
    /// exception stays pending.
    pub(crate) fn task(self, function: Value, arguments: &[Value]) -> Result<()> {
        let global = self.global()?;
        checked!(napi_make_callback(self.0, ptr::null_mut(), global, function, arguments.len(), arguments.as_ptr(), ptr::null_mut()))
    }

    /// Runs `run`, and then frees the values that it has made.
    pub(crate) fn scoped<T>(self, run: impl FnOnce() -> T) -> Result<T> {
        let scope = resulting!(napi_open_handle_scope(self.0), ptr::null_mut())?;
        let outcome = run();
        checked!(napi_close_handle_scope(self.0, scope))?;
        Ok(outcome)
    }

    /// Throws an `Error` with these words, unless an exception is pending already.
    pub(crate) fn throw(self, failed: Failed, words: &str) {
        if !resulting!(napi_is_exception_pending(self.0), false).unwrap_or(true) {
            let words = format!("{words} (Node-API status {})\0", failed.0);
            let _ = checked!(napi_throw_error(self.0, ptr::null(), words.as_ptr().cast::<c_char>()));
        }
    }

    /// Hands a pending exception to the host as an uncaught one. Returns false without one.
    pub(crate) fn report_pending(self) -> bool {
        if !resulting!(napi_is_exception_pending(self.0), false).unwrap_or(false) {
            return false;
        }
        let Ok(exception) = resulting!(napi_get_and_clear_last_exception(self.0), ptr::null_mut()) else { return false };
        self.report(exception).is_ok()
    }

    /// Hands an exception to the host as an uncaught one.
    pub(crate) fn report(self, exception: Value) -> Result<()> {
        checked!(napi_fatal_exception(self.0, exception))
    }

    /// A strong reference, which lives as long as the environment.
    pub(crate) fn keep(self, value: Value) -> Result<Kept> {
        resulting!(napi_create_reference(self.0, value, 1), ptr::null_mut()).map(Kept)
    }

    /// A reference that does not keep the value, unless it is held.
    pub(crate) fn keep_weakly(self, value: Value) -> Result<Kept> {
        resulting!(napi_create_reference(self.0, value, 0), ptr::null_mut()).map(Kept)
    }

    /// Sets whether a reference of `keep_weakly` keeps its value.
    pub(crate) fn hold(self, kept: Kept, held: bool) {
        // It can fail only while the environment ends, and then it does not matter.
        let _ = if held {
            checked!(napi_reference_ref(self.0, kept.0, ptr::null_mut()))
        } else {
            checked!(napi_reference_unref(self.0, kept.0, ptr::null_mut()))
        };
    }

    /// Deletes a reference.
    pub(crate) fn forget(self, kept: Kept) {
        let _ = checked!(napi_delete_reference(self.0, kept.0));
    }

    /// Makes the host call `then` with `data` when `object` is collected, or at the environment's end.
    pub(crate) fn when_collected(
        self,
        object: Value,
        data: *mut c_void,
        then: unsafe extern "C" fn(sys::napi_env, *mut c_void, *mut c_void),
    ) -> Result<()> {
        checked!(napi_add_finalizer(self.0, object, data, Some(then), ptr::null_mut(), ptr::null_mut()))
    }

    fn global(self) -> Result<Value> {
        resulting!(napi_get_global(self.0), ptr::null_mut())
    }

    /// The `process` of the realm in which the addon was loaded: the host's own, even if a test runner shows another one to its tests.
    pub(crate) fn process(self) -> Result<Value> {
        self.get(self.global()?, c"process")
    }

    pub(crate) fn get(self, object: Value, name: &CStr) -> Result<Value> {
        resulting!(napi_get_named_property(self.0, object, name.as_ptr()), ptr::null_mut())
    }

    /// Calls a method.
    pub(crate) fn invoke(self, object: Value, method: &CStr, arguments: &[Value]) -> Result<Value> {
        let function = self.get(object, method)?;
        resulting!(napi_call_function(self.0, object, function, arguments.len(), arguments.as_ptr()), ptr::null_mut())
    }

    pub(crate) fn kept(self, kept: Kept) -> Result<Value> {
        let value = resulting!(napi_get_reference_value(self.0, kept.0), ptr::null_mut())?;
        if value.is_null() { Err(Failed(sys::Status::napi_generic_failure)) } else { Ok(value) }
    }

    pub(crate) fn is_null(self, value: Value) -> Result<bool> {
        Ok(resulting!(napi_typeof(self.0, value), sys::ValueType::napi_undefined)? == sys::ValueType::napi_null)
    }

    pub(crate) fn is_text(self, value: Value) -> Result<bool> {
        Ok(resulting!(napi_typeof(self.0, value), sys::ValueType::napi_undefined)? == sys::ValueType::napi_string)
    }

    /// As [`Js::to_text`]; `None` for null.
    pub(crate) fn to_optional_text(self, value: Value, room: &mut Vec<u8>) -> Result<Option<&str>> {
        if self.is_null(value)? { Ok(None) } else { self.to_text(value, room).map(Some) }
    }

    pub(crate) fn to_number(self, value: Value) -> Result<f64> {
        resulting!(napi_get_value_double(self.0, value), 0.0)
    }

    pub(crate) fn to_integer(self, value: Value) -> Result<u32> {
        resulting!(napi_get_value_uint32(self.0, value), 0)
    }

    pub(crate) fn to_boolean(self, value: Value) -> Result<bool> {
        resulting!(napi_get_value_bool(self.0, value), false)
    }

    /// The text of a string, with U+FFFD for lone surrogates, in `room`, which is used again from call to call.
    pub(crate) fn to_text(self, value: Value, room: &mut Vec<u8>) -> Result<&str> {
        const FIRST: usize = 4096;
        if room.len() < FIRST {
            room.resize(FIRST, 0);
        }
        let mut length = self.copy_text(value, room)?;
        // The host cuts at a character, so less than one free character at the end may mean that there is more.
        if length + 8 > room.len() {
            let needed = resulting!(napi_get_value_string_utf8(self.0, value, ptr::null_mut(), 0), 0)? + 9;
            if needed > room.len() {
                room.resize(needed, 0);
                length = self.copy_text(value, room)?;
            }
        }
        if std::str::from_utf8(&room[..length]).is_err() {
            // No known host writes invalid UTF-8, but if one does, it is replaced here.
            *room = String::from_utf8_lossy(&room[..length]).into_owned().into_bytes();
            length = room.len();
        }
        // SAFETY: it was checked, or made from a string, just above.
        Ok(unsafe { std::str::from_utf8_unchecked(&room[..length]) })
    }

    fn copy_text(self, value: Value, room: &mut [u8]) -> Result<usize> {
        resulting!(napi_get_value_string_utf8(self.0, value, room.as_mut_ptr().cast(), room.len()), 0)
    }

    /// Gives the bytes of an `ArrayBuffer` or a `Uint8Array` to `take`, without a copy.
    pub(crate) fn with_bytes<T>(self, value: Value, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let mut data: *mut c_void = ptr::null_mut();
        let mut length = 0_usize;
        if resulting!(napi_is_typedarray(self.0, value), false)? {
            checked!(napi_get_typedarray_info(
                self.0,
                value,
                ptr::null_mut(),
                &raw mut length,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut()
            ))?;
        } else {
            checked!(napi_get_arraybuffer_info(self.0, value, &raw mut data, &raw mut length))?;
        }
        if data.is_null() || length == 0 {
            return Ok(take(&[]));
        }
        // SAFETY: the host guarantees `length` bytes at `data`; `take` runs no JavaScript, and the shim refuses shared memory, so nobody writes to
        // them or moves them meanwhile.
        Ok(take(unsafe { std::slice::from_raw_parts(data.cast(), length) }))
    }
}

/// A reference to a JavaScript value that the environment keeps to its end.
#[derive(Clone, Copy)]
pub(crate) struct Kept(sys::napi_ref);

/// The arguments of a call, and the data bound to the function when it was made.
pub(crate) struct Arguments {
    values: [Value; Self::MOST],
    pub(crate) data: *mut c_void,
}

impl Arguments {
    const MOST: usize = 6;

    pub(crate) fn read(js: Js, info: sys::napi_callback_info) -> Result<Self> {
        let mut arguments = Self { values: [ptr::null_mut(); Self::MOST], data: ptr::null_mut() };
        let mut given = Self::MOST;
        checked!(napi_get_cb_info(js.0, info, &raw mut given, arguments.values.as_mut_ptr(), ptr::null_mut(), &raw mut arguments.data))?;
        Ok(arguments)
    }

    /// The argument at `index`. The host fills missing ones with `undefined`.
    pub(crate) fn at(&self, index: usize) -> Value {
        self.values[index]
    }
}
