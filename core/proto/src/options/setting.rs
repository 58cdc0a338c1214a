//! The arguments of the options' builder methods. Knows no option.

use std::path::{Path, PathBuf};

use serde_json::Value;
use url::Url;

use super::types::{Matcher, Payload, Pem, Proxy};

/// The values that a builder method takes for an option of type `T`: a `T`, and shorter forms. An `Option` takes its value without `Some`, a text a
/// `&str`, a list of names or of pairs an array of them.
///
/// ```
/// # use heartwire_proto::options::{HeartbeatOptions, Options};
/// # use std::time::Duration;
/// let options = Options::new()
///     .headers([("X-Bot", "me")])
///     .origin("https://im.example")
///     .heartbeat(HeartbeatOptions::new("beat").interval(Duration::from_secs(30)))
///     .idle_timeout(None);
/// ```
pub trait IntoSetting<T> {
    /// The value.
    fn into_setting(self) -> T;
}

impl<T> IntoSetting<T> for T {
    fn into_setting(self) -> T {
        self
    }
}

impl<T> IntoSetting<Option<T>> for T {
    fn into_setting(self) -> Option<T> {
        Some(self)
    }
}

/// Implements it for a type, and for an `Option` of that.
macro_rules! short {
    ($($given:ty => $setting:ty, $how:expr;)+) => {$(
        impl IntoSetting<$setting> for $given {
            fn into_setting(self) -> $setting {
                $how(self)
            }
        }

        impl IntoSetting<Option<$setting>> for $given {
            fn into_setting(self) -> Option<$setting> {
                Some($how(self))
            }
        }
    )+};
}

short! {
    &str => String, str::to_owned;
    &str => PathBuf, PathBuf::from;
    &Path => PathBuf, PathBuf::from;
    &str => Payload, |text: &str| Payload::Text(text.to_owned());
    String => Payload, Payload::Text;
    &[u8] => Payload, |bytes: &[u8]| Payload::Binary(bytes.to_owned());
    Vec<u8> => Payload, Payload::Binary;
    &str => Matcher, |text: &str| Matcher::Text(text.to_owned());
    Value => Matcher, Matcher::Json;
    &str => Pem, Pem::from;
    String => Pem, Pem::from;
    Vec<u8> => Pem, Pem::from;
    &Path => Pem, |path: &Path| Pem::from(path.to_owned());
    PathBuf => Pem, Pem::from;
    Url => Proxy, Proxy::Url;
    (&str, &str) => (String, String), |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
}

impl<T, S: IntoSetting<T>, const N: usize> IntoSetting<Vec<T>> for [S; N] {
    fn into_setting(self) -> Vec<T> {
        self.into_iter().map(IntoSetting::into_setting).collect()
    }
}
