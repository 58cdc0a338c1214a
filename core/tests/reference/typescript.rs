//! Makes the options and the codes of errors in the TypeScript declarations.

use std::fmt::Write as _;

use heartwire::ErrorCode;
use heartwire_proto::options::Dialect::JavaScript;
use heartwire_proto::options::{OptionSpec, records, table};

use super::HOW;

const HEAD: &str = "
import type { CloseEvent, WebSocket } from './types.js'

/** A value, or a function that gives it each time it is needed, at once or as a promise. */
export type Provided<T> = T | (() => T | Promise<T>)

/** Names with their values, in order where it is an iterable; `Headers` and `Map` are such. A list stands for several of the same name. */
export type NamedValues = Readonly<Record<string, string | readonly string[]>> | Iterable<readonly [string, string | readonly string[]]>

/** What a heartbeat sends: text, bytes, or any JSON value, which is sent as its JSON text. */
export type HeartbeatMessage = string | ArrayBuffer | ArrayBufferView | object
";

pub(crate) fn options() -> String {
    let mut text = format!("// Made from core/proto/src/options/mod.rs by `{HOW}`; do not edit.\n{HEAD}");
    for (record, about) in records() {
        let name = if record == "Options" { "WebSocketOptions" } else { record };
        let _ = write!(text, "\n/** {} */\nexport interface {name} {{\n", about.trim());
        let members = table().iter().filter(|option| option.record() == record && option.dialects().contains(&JavaScript));
        for option in members {
            let optional = if option.is_required() { "" } else { "?" };
            let _ = writeln!(text, "{}  {}{optional}: {}", doc(option), option.name(JavaScript), option.type_name(JavaScript));
        }
        text.push_str("}\n");
    }
    text
}

pub(crate) fn codes() -> String {
    let mut text = format!("// Made from core/proto/src/error.rs by `{HOW}`; do not edit.\n\n");
    text.push_str("/** The stable codes of errors, the same in every language: docs/errors.md. */\nexport type ErrorCode =\n");
    for code in ErrorCode::ALL {
        let _ = writeln!(text, "  | '{}'", code.as_str());
    }
    text
}

fn doc(option: &OptionSpec) -> String {
    let mut lines = vec![option.doc().to_owned()];
    if let Some(unit) = option.unit(JavaScript) {
        lines.push(format!("Unit: {unit}."));
    }
    lines.push(format!("Allowed: {}.", option.allowed(JavaScript)));
    if let Some(default) = option.default_value(JavaScript) {
        lines.push(format!("@default {default}"));
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("   * {line}\n")).collect();
    format!("  /**\n{}   */\n", lines.concat())
}
