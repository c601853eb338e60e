"""A browser and run folders, or a reason why not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _load(name: str, path: Path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def builders():
    """The module that makes run folders."""
    return _load("report_builders", Path(__file__).parents[2] / "unit" / "report" / "builders.py")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium with one page."""
    driver = _load("report_browser", Path(__file__).with_name("browser.py"))
    program = driver.find_browser()
    if program is None:
        pytest.skip("no Chromium in PATH: the report cannot be opened (apt-get install chromium)")
    with driver.Browser(program, tmp_path_factory.mktemp("profile")) as found:
        yield found
