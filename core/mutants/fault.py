"""Defines a fault, and the tests that should find it. The faults are in `faults_proto.py` and `faults_core.py`."""

from __future__ import annotations

from typing import NamedTuple

PROTO = "core/proto/src/"
CORE = "core/src/"

#: Tests to run first: a binary, and a part of their names, each. `heartwire` and `heartwire_proto` are the tests inside the crates.
Tests = tuple[tuple[str, str], ...]
SESSION: Tests = (("heartwire_proto", "session::"),)
PROTOCOL: Tests = (("heartwire_proto", "protocol::"), ("protocol_memory", ""))
CLIENT: Tests = (("heartwire", "client::"),)
DIAL: Tests = (("dial", ""), ("heartwire", "dial::"))
REFUSALS: Tests = (("dial", "refus"),)
PROXIES: Tests = (("heartwire", "proxy::"), ("dial", "proxies::"), ("proxies", ""))
TRANSPORT: Tests = (("heartwire", "transport::"), ("dial", "transport::"), ("drivers", ""))
PROCESS: Tests = (("process", ""), ("exits", ""))
KEEPER: Tests = (("keeper", ""), ("time", ""))
#: The model checker of the hand-over between host and background.
HANDOVER: Tests = (("heartwire", "driver::"),)

#: Gives the lock of a turn back too early, and goes on with a value of its own.
ALONE = (
    "let mut held: Box<dyn std::ops::DerefMut<Target = super::host::Held> + '_> = "
    "if FAULT { drop(held); Box::new(Box::new(super::host::Held::default())) } else { Box::new(held) };\n"
)


class Fault(NamedTuple):
    """One fault."""

    name: str
    file: str
    #: Stands in the file once.
    right: str
    #: Takes its place. `FAULT` stands for the condition that switches the fault on.
    wrong: str
    #: The tests that should find it.
    tests: Tests
    #: Why no caller and no peer can see it, if that is so.
    equivalent: str = ""
