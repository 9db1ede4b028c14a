"""Permissions of files, which the root user obeys in tests too."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

# of linux/prctl.h and linux/capability.h
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, VERSION_3 = 24, 1, 2, 0x20080522
_DROPPED = (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("thread", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def obey_permissions() -> None:
    """Takes from the root user, for the next program of this process, the right to pass over permissions of files."""
    if os.geteuid() == 0:
        system = ctypes.CDLL(None)
        for capability in _DROPPED:
            assert system.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


@contextmanager
def obeyed() -> Iterator[None]:
    """A context in which this thread of the root user, and threads that it starts, obey the permissions of files."""
    if os.geteuid() != 0:
        yield
        return
    system, header, found = ctypes.CDLL(None), _Header(VERSION_3, 0), (_Capabilities * 2)()
    assert system.capget(ctypes.byref(header), found) == 0
    effective = found[0].effective
    found[0].effective = effective & ~sum(1 << capability for capability in _DROPPED)
    assert system.capset(ctypes.byref(header), found) == 0
    try:
        yield
    finally:
        found[0].effective = effective
        assert system.capset(ctypes.byref(header), found) == 0
