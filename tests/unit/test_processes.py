"""Names of processes: a living one is never taken for an ended one, and an ended one of this machine is known."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mood_core.processes import may_run, number_may_run, this_host, this_process

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")
NAMED = "from mood_core.processes import this_host, this_process; print(this_host(), this_process(), flush=True)"


def _named_by(*command: str) -> tuple[str, str]:
    said = subprocess.run([*command, sys.executable, "-c", NAMED], capture_output=True, text=True, check=True).stdout
    host, process = said.split()
    return host, process


def test_this_process_runs_and_one_that_has_ended_does_not() -> None:
    assert may_run(this_host(), this_process())
    host, process = _named_by()
    assert host == this_host()
    assert not may_run(host, process)


@LINUX
def test_another_process_with_the_number_of_an_ended_one_is_not_taken_for_it() -> None:
    number = this_process().partition("+")[0]
    assert not may_run(this_host(), f"{number}+1")
    assert may_run(this_host(), number)


@LINUX
def test_a_process_that_has_ended_and_that_nobody_has_waited_for_does_not_run() -> None:
    with subprocess.Popen([sys.executable, "-c", NAMED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host, named = process.stdout.readline().split()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not may_run(host, named)


@pytest.mark.parametrize(
    "host",
    [
        "another-host",
        socket.gethostname(),
        f"{socket.gethostname()}+000000000000+1",
        this_host().replace(socket.gethostname(), "another-host"),
        f"{this_host()}1",
    ],
)
def test_of_another_host_boot_or_namespace_nothing_is_known(host: str) -> None:
    assert host == this_host() or may_run(host, "4194304+1")


@LINUX
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root's unshare")
def test_two_containers_with_one_host_name_do_not_take_each_other_for_dead() -> None:
    """Each has a PID namespace of its own, in which the other's number means nothing or another process."""
    inside = ("unshare", "--pid", "--uts", "--fork", "--mount-proc")
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system makes no namespaces")
    first, second = _named_by(*inside), _named_by(*inside)
    assert first[0].partition("+")[0] == second[0].partition("+")[0] == socket.gethostname()
    assert first[0] != this_host()
    assert may_run(*first)
    assert may_run(*second)
    asked = f"from mood_core.processes import may_run, this_host; print(may_run({this_host()!r}, '{os.getpid()}+1'))"
    command = [*inside, sys.executable, "-c", asked]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "True"


def test_of_a_process_that_others_name_by_number_the_number_decides() -> None:
    process = _named_by()[1].partition("+")[0]
    assert number_may_run(socket.gethostname(), str(os.getpid()))
    assert not number_may_run(socket.gethostname(), process)
    assert number_may_run("another-host", process)
