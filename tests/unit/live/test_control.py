"""The operator's line: proven by a secret, named by the system, answered in our words, deaf to everybody else."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import stat

import pytest

from tradewind.errors import DeadlineExceeded, NotFound, SafetyRefusal
from tradewind.live.control import SECRET, SOCKET, ControlServer, ask


def serving(folder, answer, use):
    """Run `use` while a session listens in `folder`."""

    async def run():
        server = ControlServer(folder, answer)
        await server.open()
        try:
            return await use()
        finally:
            await server.close()

    return asyncio.run(run())


async def echo(command):
    return {
        "did": command.name,
        "with": command.arguments,
        "pid": command.actor.pid,
        "user": str(command.actor),
    }


def test_a_command_arrives_with_its_arguments_and_with_who_asked(tmp_path):
    told = serving(tmp_path, echo, lambda: ask(tmp_path, "pause", {"reason": "lunch"}))
    assert told["did"] == "pause"
    assert told["with"] == {"reason": "lunch"}
    assert told["pid"] == os.getpid()
    assert str(os.getpid()) in told["user"]


def test_a_folder_however_deep_can_be_listened_in(tmp_path):
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8)
    deep.mkdir(parents=True)
    assert len(str(deep)) > 108
    assert serving(deep, echo, lambda: ask(deep, "status", {}))["did"] == "status"


def test_socket_and_secret_are_the_owners_alone_and_gone_at_the_end(tmp_path):
    before = os.umask(0)
    try:

        async def modes():
            return [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (SOCKET, SECRET)]

        assert serving(tmp_path, echo, modes) == [0o600, 0o600]
    finally:
        os.umask(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_whoever_cannot_read_the_secret_is_denied(tmp_path):
    async def with_another_secret():
        (tmp_path / SECRET).write_text("00" * 32)
        return await ask(tmp_path, "stop", {})

    with pytest.raises(SafetyRefusal) as caught:
        serving(tmp_path, echo, with_another_secret)
    assert caught.value.code == "CONTROL_DENIED"


def test_a_proof_of_one_command_is_none_of_another(tmp_path):
    done = []

    async def note(command):
        done.append(command.name)
        return {}

    async def swapped():
        secret = bytes.fromhex((tmp_path / SECRET).read_text())
        answers = []
        for name in ("stop", "status"):
            reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET)
            nonce = json.loads(await reader.readline())["nonce"]
            text = json.dumps([nonce, "status", {}])
            proof = hmac.new(secret, text.encode(), "sha256").hexdigest()
            writer.write(json.dumps({"command": name, "arguments": {}, "proof": proof}).encode() + b"\n")
            answers.append(json.loads(await reader.readline()))
            writer.close()
        return answers

    stopped, told = serving(tmp_path, note, swapped)
    assert stopped["error"]["code"] == "CONTROL_DENIED"
    assert (told, done) == ({"ok": {}}, ["status"])


@pytest.mark.parametrize(
    "line", [b"\n", b"nonsense\n", b"[]\n", b'{"command": 3}\n', b"\xff\xfe\n", b'{"a":' * 9000 + b"\n"]
)
def test_nonsense_is_answered_or_hung_up_on_and_the_next_one_is_served(tmp_path, line):
    async def nonsense_first():
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET)
        await reader.readline()
        writer.write(line)
        await reader.read()
        writer.close()
        return await ask(tmp_path, "status", {})

    assert serving(tmp_path, echo, nonsense_first)["did"] == "status"


def test_what_the_session_refuses_is_told_in_its_words(tmp_path):
    async def refuse(command):
        raise SafetyRefusal("LOCKED", "no", hint="later")

    with pytest.raises(SafetyRefusal) as caught:
        serving(tmp_path, refuse, lambda: ask(tmp_path, "flatten", {}))
    assert (caught.value.code, caught.value.message, caught.value.hint) == ("LOCKED", "no", "later")


def test_nobody_there_and_nobody_answering_are_two_things(tmp_path):
    with pytest.raises(NotFound) as caught:
        asyncio.run(ask(tmp_path, "status", {}))
    assert caught.value.code == "SESSION_NOT_RUNNING"

    async def never(command):
        await asyncio.Event().wait()
        return {}

    with pytest.raises(DeadlineExceeded) as late:
        serving(tmp_path, never, lambda: ask(tmp_path, "status", {}, timeout_s=0.05))
    assert late.value.code == "CONTROL_TIMEOUT"
    assert "--takeover" in late.value.hint


def test_an_answer_may_hold_thousands_of_orders(tmp_path):
    orders = [{"cid": number, "instrument": "BTCUSDT", "price": "41552.6"} for number in range(5_000)]

    async def many(command):
        return {"orders": orders}

    assert serving(tmp_path, many, lambda: ask(tmp_path, "status", {}))["orders"] == orders


def test_nobody_is_told_of_a_missing_file_where_no_session_runs(tmp_path):
    with pytest.raises(NotFound) as caught:
        asyncio.run(ask(tmp_path, "flatten", {}))
    assert caught.value.code == "SESSION_NOT_RUNNING"
    assert "Errno" not in str(caught.value)
    assert "--takeover" in caught.value.hint


def test_a_session_that_ends_over_a_question_is_said_to_have_ended(tmp_path):
    async def ends(command):
        raise ConnectionAbortedError

    with pytest.raises(NotFound, match="ended before it answered"):
        serving(tmp_path, ends, lambda: ask(tmp_path, "status", {}))


def test_a_socket_left_behind_by_a_dead_process_is_replaced(tmp_path):
    (tmp_path / SOCKET).write_text("")
    assert serving(tmp_path, echo, lambda: ask(tmp_path, "status", {}))["did"] == "status"
