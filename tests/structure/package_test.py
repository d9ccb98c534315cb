"""The Python package is built with the tools that scripts/setup pins."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_build_tools_are_the_pinned_ones():
    pins = re.search(r"PACKAGE_TOOLS=\(([^)]*)\)", (REPOSITORY / "scripts/pins.sh").read_text()).group(1).split()
    asked = re.search(r"requires = \[([^\]]*)\]", (REPOSITORY / "pyproject.toml").read_text()).group(1)
    named = re.findall(r'"([^"]+)"', asked)
    assert named
    assert set(named) <= set(pins)
