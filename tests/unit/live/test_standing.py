"""What a session believed last, in a file: written whole or not at all, and never in the way."""

import asyncio

import pytest

from tradewind.live.standing import STANDING, keep_standing, read_standing, write_standing


def test_the_newest_takes_the_place_of_the_older_one(tmp_path):
    assert read_standing(tmp_path) is None
    for written_ns in (1, 2):
        write_standing(tmp_path, {"now_ns": written_ns, "positions": []}, written_ns)
    last = read_standing(tmp_path)
    assert last is not None
    assert (last.written_ns, last.standing) == (2, {"now_ns": 2, "positions": []})
    assert [path.name for path in tmp_path.iterdir()] == [STANDING]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"written_ns": 1}', b'{"written_ns": "x", "standing": {}}']
)
def test_what_cannot_be_read_is_not_there(tmp_path, data):
    (tmp_path / STANDING).write_bytes(data)
    assert read_standing(tmp_path) is None


def test_a_disk_that_refuses_it_keeps_the_older_one(tmp_path):
    write_standing(tmp_path, {"now_ns": 1}, 1)
    write_standing(tmp_path / "gone", {"now_ns": 2}, 2)
    assert read_standing(tmp_path / "gone") is None
    assert read_standing(tmp_path).written_ns == 1


@pytest.mark.parametrize(("now_ns", "kept"), [(0, False), (7, True)])
def test_it_is_kept_from_the_first_thing_that_was_read_on(tmp_path, now_ns, kept):
    async def a_moment():
        work = asyncio.ensure_future(
            keep_standing(tmp_path, lambda: {"now_ns": now_ns}, lambda: 9, lambda: 4)
        )
        for _ in range(50):
            await asyncio.sleep(0.002)
        work.cancel()

    asyncio.run(a_moment())
    assert (tmp_path / STANDING).exists() is kept
    assert not kept or read_standing(tmp_path).durable == 4
