"""Confidence bands: repeatable, in blocks, and about as wide as theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradewind.report import bootstrap, compute_metrics, load_run, write_report
from tradewind.report.bootstrap import bootstrap_bands, draw_days, mean_block_days


@pytest.mark.parametrize(
    ("count", "days"), [(1, 1), (8, 2), (9, 3), (27, 3), (28, 4), (365, 8), (1000, 10), (1001, 11)]
)
def test_mean_block_is_the_cube_root_rounded_up(count, days):
    assert mean_block_days(count) == days


def test_drawn_days_run_on_in_blocks_of_the_stated_mean():
    generator = np.random.Generator(np.random.PCG64(1))
    drawn = np.concatenate([np.diff(draw_days(500, 8, generator)) % 500 for _ in range(200)])
    breaks = np.mean(drawn != 1)
    assert breaks == pytest.approx(1 / 8, abs=0.01)


def test_every_day_is_drawn_equally_often():
    generator = np.random.Generator(np.random.PCG64(2))
    counts = np.bincount(np.concatenate([draw_days(50, 4, generator) for _ in range(4000)]), minlength=50)
    assert counts.min() > 0.9 * counts.mean()
    assert counts.max() < 1.1 * counts.mean()


def test_bands_are_repeatable_and_ordered():
    returns = np.random.default_rng(3).normal(0.001, 0.02, 300)
    first, second = bootstrap_bands(returns), bootstrap_bands(returns)
    assert first.bands == second.bands
    assert np.array_equal(first.fan, second.fan)
    assert [band.metric for band in first.bands] == ["total_return", "sharpe", "max_drawdown"]
    for band in first.bands:
        assert band.low < band.mid < band.high
    assert np.all(np.diff(first.fan, axis=1) >= 0)
    assert first.fan[-1, 1] - 1.0 == pytest.approx(first.bands[0].mid)


def test_band_of_independent_days_is_as_wide_as_theory_says():
    """The Sharpe ratio of n independent days has a standard error of about √(365 / n)."""
    returns = np.random.default_rng(11).normal(0.001, 0.02, 1000)
    band = bootstrap_bands(returns).bands[1]
    assert (band.high - band.low) / (2 * 1.645) == pytest.approx(math.sqrt(365 / 1000), rel=0.2)


def test_too_few_days_give_a_reason():
    found = bootstrap_bands(np.full(bootstrap.DAYS_NEEDED - 1, 0.01))
    assert found.bands == ()
    assert str(bootstrap.DAYS_NEEDED) in found.reason


def test_equal_returns_have_no_band_of_a_ratio():
    assert [band.metric for band in bootstrap_bands(np.zeros(60)).bands] == ["total_return", "max_drawdown"]


def test_samples_and_seed_are_the_files(builders, tmp_path):
    """Another seed gives other bands, another number says so, none leaves them out with the reason."""
    folder, _ = builders.build_run(tmp_path / "run", builders.RunSpec())
    text = (folder / "run.toml").read_text()
    found = {}
    for samples, seed in ((50, 1), (50, 2), (200, 1), (0, 1)):
        (folder / "run.toml").write_text(f"{text}\n[report]\nbootstrap_samples = {samples}\nseed = {seed}\n")
        found[samples, seed] = compute_metrics(load_run(folder)).bands
    assert found[50, 1].bands != found[50, 2].bands
    assert (found[50, 1].resamples, found[200, 1].resamples) == (50, 200)
    assert not found[0, 1].bands
    assert "bootstrap_samples = 0" in found[0, 1].reason


def test_the_heading_of_the_file_is_that_of_the_report(builders, tmp_path):
    folder, bars = builders.build_run(tmp_path / "run", builders.RunSpec())
    (folder / "run.toml").write_text(
        (folder / "run.toml").read_text() + '\n[report]\ntitle = "A quiet <year>"\n'
    )
    page = write_report(folder, bars).read_text()
    assert "<h1>A quiet &lt;year&gt;</h1>" in page
