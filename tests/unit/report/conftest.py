"""The builders of run folders, for every test of the report."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def builders():
    """The module that makes run folders; test folders are no packages, so it is loaded by its path."""
    path = Path(__file__).with_name("builders.py")
    spec = importlib.util.spec_from_file_location("report_builders", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small_run(builders, tmp_path_factory):
    """A run of 52 days with thirty trades, and its bars."""
    return builders.build_run(tmp_path_factory.mktemp("runs") / "small")
