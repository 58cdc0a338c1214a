//! Makes the options' part of the Python package: `TypedDict`s for `**options: Unpack[Options]`.

use std::fmt::Write as _;

use heartwire_proto::options::Dialect::Python;
use heartwire_proto::options::{OptionSpec, records, table};

use super::HOW;

const HEAD: &str = r#""""The types of the options, for editors and type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Awaitable, Callable, Iterable, Literal, Mapping, Sequence, Tuple, TypedDict, TypeVar, Union

if TYPE_CHECKING:
    import os

    from ._native import CloseEvent

_T = TypeVar("_T")

Provided = Union[_T, Callable[[], Union[_T, Awaitable[_T]]]]
"""A value, or a function that gives it each time it is needed, plain or `async`."""

NamedValues = Union[Mapping[str, Union[str, Sequence[str]]], Iterable[Tuple[str, Union[str, Sequence[str]]]]]
"""Names with their values, in order where it is a list of pairs. A list as the value stands for several of the same name."""

HeartbeatMessage = Union[str, bytes, bytearray, memoryview, Mapping[str, Any], Sequence[Any]]
"""What a heartbeat sends: text, bytes, or any JSON value, which is sent as its JSON text."""
"#;

pub(crate) fn options() -> String {
    let mut text = format!("# Made from core/proto/src/options/mod.rs by `{HOW}`; do not edit.\n{HEAD}");
    let mut order = records();
    // A class comes after the classes that it names, so any tool can evaluate the file.
    order.reverse();
    for (record, about) in order {
        let members: Vec<&OptionSpec> = table()
            .iter()
            .filter(|option| option.record() == record && option.dialects().contains(&Python))
            // The constructor has a parameter for them.
            .filter(|option| option.path(Python) != "protocols")
            .collect();
        let (required, optional): (Vec<&OptionSpec>, Vec<&OptionSpec>) = members.into_iter().partition(|option| option.is_required());
        let mut parent = "TypedDict";
        let required_name = format!("_{record}Required");
        if !required.is_empty() {
            class(&mut text, &required_name, "TypedDict", &format!("What {record} cannot do without."), &required);
            parent = &required_name;
        }
        class(&mut text, record, &format!("{parent}, total=False"), about.trim(), &optional);
    }
    text
}

fn class(text: &mut String, name: &str, parents: &str, about: &str, members: &[&OptionSpec]) {
    let _ = write!(text, "\n\nclass {name}({parents}):\n    \"\"\"{about}\"\"\"\n");
    for option in members {
        let _ = write!(text, "\n    {}: {}\n    \"\"\"{}\"\"\"\n", option.name(Python), option.type_name(Python), doc(option));
    }
}

fn doc(option: &OptionSpec) -> String {
    let mut doc = option.doc().replace('\\', "\\\\");
    if let Some(unit) = option.unit(Python) {
        let _ = write!(doc, " Unit: {unit}.");
    }
    let _ = write!(doc, "\n\n    Allowed: {}.", option.allowed(Python));
    if let Some(default) = option.default_value(Python) {
        let _ = write!(doc, " Default: {default}.");
    }
    doc
}
