"""What a process gives up before it looks at what strangers wrote: memory, time, files, the network, other programs.

The limits of the system hold whatever runs; the hook sees Python's own calls, on systems without seccomp too.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from typing import Any

MEMORY = 1 << 30  # bytes of addresses; Python with a parser needs a quarter
CPU_S = {"pdf": 120, "": 30}  # about 3,000 pages of a PDF; 5 MB of HTML take 2 s
WALL_S = 330  # the parent gives up before
_FILES = 64

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 1, 38, 22, 2
_ALLOW, _KILL, _EPERM = 0x7FFF0000, 0x80000000, 0x00050001
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of classic BPF
_X32 = 0x40000000  # numbers from here on are a second set of system calls of x86-64
# Architecture: its number for seccomp, and its numbers of socket, socketpair, execve, execveat, ptrace, io_uring_setup.
_MACHINES = {"x86_64": (0xC000003E, (41, 53, 59, 322, 101, 425)), "aarch64": (0xC00000B7, (198, 199, 221, 281, 117, 425))}
_FORBIDDEN = ("socket.", "subprocess.", "ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.kill", "pty.")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def confine(kind: str = "") -> None:
    """Give everything up, for good. Call it before the first byte is read."""
    cpu_s = CPU_S.get(kind, CPU_S[""])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))  # SIGXCPU says why it died, SIGKILL comes if that was ignored
    for what, limit in {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _FILES,
    }.items():
        hard = resource.getrlimit(what)[1]
        least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (least, least))
    signal.alarm(WALL_S)
    if sys.platform == "linux":
        _without_system_calls()
    sys.addaudithook(_refuse)


def _without_system_calls() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return
    program = _program(*machine)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, padding, where they are
    described = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.c_void_p(ctypes.addressof(described)), 0, 0)


def _program(architecture: int, numbers: Sequence[int]) -> bytes:
    """Return a filter: EPERM for the numbers, death for a foreign set of system calls, everything else goes on."""
    checks = [(_EQUAL, number) for number in numbers] + [(_AT_LEAST, _X32)]
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    lines += [(how, len(checks) - n, 0, value) for n, (how, value) in enumerate(checks)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _EPERM)]
    return b"".join([struct.pack("HBBI", *line) for line in lines])


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"a document asked for {event}")
    if event == "open" and not _is_module(*arguments):
        raise PermissionError("a document asked for a file")


def _is_module(path: Any, _: Any, flags: Any) -> bool:
    """Return whether a file is opened to be read and is a part of the program: modules are imported when they are first needed."""
    if not isinstance(path, str | bytes) or (isinstance(flags, int) and flags & _WRITING):
        return False
    real = os.path.realpath(os.fsdecode(path))
    return real.startswith(_HOMES)


_HOMES = tuple({os.path.realpath(path) + os.sep for path in (*filter(None, sys.path), sys.prefix, sys.base_prefix)})
