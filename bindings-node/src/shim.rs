//! TEMPORARY until the options land.
use heartwire::error::Error;
use heartwire::options::{Options, Providers, ReconnectOptions};
pub(crate) enum Dialect {
    JavaScript,
}
pub(crate) trait Shim {
    fn parse(v: &serde_json::Value, d: Dialect) -> Result<(Options, Providers), Error>;
}
impl Shim for Options {
    fn parse(v: &serde_json::Value, _d: Dialect) -> Result<(Options, Providers), Error> {
        let mut o = Options::default();
        if v.get("reconnect").is_some_and(|r| r != false) {
            o.reconnect = Some(ReconnectOptions { min_delay: std::time::Duration::from_millis(10), ..Default::default() });
        }
        Ok((o, Providers::default()))
    }
}
