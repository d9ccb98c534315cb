"""How much of the machine the program takes for its own."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from tools import millrace

QUOTAS = ("cpu.max", "cpu.cfs_quota_us")


def cores_said(text: str) -> int:
    return int(re.search(r", (\d+) cores?\b", text)[1])


def cores_on(cpus) -> int:
    """What `millrace devices` says on these CPUs alone."""
    ended = millrace("devices", "--json", before=["taskset", "-c", ",".join(map(str, cpus))])
    assert ended.code == 0, ended
    return cores_said(json.loads(ended.out)["devices"][0]["description"])


def has_quota() -> bool:
    """Whether any cgroup that can be seen has a quota of CPU time."""
    files = (file for name in QUOTAS for file in Path("/sys/fs/cgroup").rglob(name))
    return any(file.read_text().split()[0] not in ("max", "-1") for file in files)


def test_cores_are_those_of_the_affinity():
    cpus = sorted(os.sched_getaffinity(0))
    assert all(cores_on([cpu]) == 1 for cpu in cpus[:4])
    free = cores_on(cpus)
    assert free == len(cpus) or (1 <= free < len(cpus) and has_quota())
    for count in range(2, min(free, 8)):
        assert cores_on(cpus[-count:]) == count
    table = millrace("devices")
    assert cores_said(table.out.decode()) == free
