"""Finds out how the main thread ended: by returning, or by an exception. Knows no socket.

Python waits for threads in both cases, and does not say which one it was: no trace of an uncaught `sys.exit()` is left by then. But the
outermost frame of the main thread keeps the place where it stopped: at a `return`, or elsewhere.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import dis
    from types import FrameType

_outermost: FrameType | None = None


def remember() -> None:
    """Keep the outermost frame of the main thread. Call it from any thread while that thread runs."""
    global _outermost
    if _outermost is None:
        import threading

        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        while frame is not None and frame.f_back is not None:
            frame = frame.f_back
        _outermost = frame


def forget() -> None:
    """Forget it, in a forked child: the thread that forked is the main one there."""
    global _outermost
    _outermost = None


def is_by_exception() -> bool:
    """Tell whether an exception, SystemExit and KeyboardInterrupt too, ended the main thread. Call it on that thread, at its end.

    An interactive session always counts as ended by an exception. A script that ends with `sys.exit(main())`, as the scripts of installers
    do, ends as `main()` does: by an exception if one left it, otherwise by returning.
    """
    frame = _outermost
    if hasattr(sys, "ps1"):
        return True
    if frame is None:
        return False
    if _is_running(frame):
        return bool(_exit_code_of_child())
    if getattr(sys, "last_value", None) is not None:
        return True
    import dis

    before: list[dis.Instruction] = []
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset > frame.f_lasti:
            break
        if instruction.opname not in ("CACHE", "PRECALL"):
            before.append(instruction)
    if not before or before[-1].opname.startswith("RETURN_"):
        return False
    return not _exits_with_a_result(before)


def _is_running(frame: FrameType) -> bool:
    running: FrameType | None = sys._getframe()
    while running is not None:
        if running is frame:
            return True
        running = running.f_back
    return False


def _exit_code_of_child() -> int:
    """Return the exit code of a child of multiprocessing: it waits for threads before its frames are left."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "_bootstrap" and isinstance(frame.f_locals.get("exitcode"), int):
            return int(frame.f_locals["exitcode"])
        frame = frame.f_back
    return 0


def _exits_with_a_result(instructions: list[dis.Instruction]) -> bool:
    """Tell whether the last instruction leaves by `sys.exit(f())` or `raise SystemExit(f())`, when `f` has returned."""
    last = instructions.pop()
    if last.opname == "RAISE_VARARGS" and instructions and instructions[-1].opname.startswith("CALL"):
        instructions.pop()
    elif not last.opname.startswith("CALL"):
        return False
    if not instructions or not instructions[-1].opname.startswith("CALL"):
        return False
    line = [instruction for instruction in reversed(instructions[-12:]) if instruction.opname.startswith("LOAD_")]
    return any(instruction.argval in ("exit", "SystemExit") for instruction in line[:4])
