"""``tradewind keys``: the keys of accounts and other secrets, kept encrypted and never shown."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.failures import Leave
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.seen_keys import note_key
from tradewind.cli.texts import refuse_bad_address, try_text
from tradewind.cli.workspace import open_workspace
from tradewind.errors import AuthFailed, ConfigError, Exit, SafetyRefusal, UsageError

if TYPE_CHECKING:
    from tradewind.config import AccountEntry, Workspace
    from tradewind.venues.keys import AccountKeys, Asking, KeyStore, Secret, StoredText, Vault
    from tradewind.venues.keys.store import Opener

__all__ = ["app", "asking", "key_store"]

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, help="Keys of accounts: add, list, test, remove."
)

_STDIN_MAX = 65_536
_PASSPHRASE_MIN = 8

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account, as in [accounts].")]


@app.command()
def add(
    name: NameArgument,
    *,
    venue: Annotated[
        str | None,
        typer.Option("--venue", metavar="VENUE", help="Where the account is; else as in [accounts]."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="The key belongs to a practice account.")] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Keep one secret text, such as the address of an alert.")
    ] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read a JSON object from standard input.")] = False,
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Let the system's keyring hold what opens a new key store.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the venue about the key.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of one of this name.")
    ] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep the key of an account, encrypted; it is asked for and never taken from the command line.

    A script writes {"api_key": "…", "secret": "…", "passphrase": "…"} to standard input.

    Example: tradewind keys add main --venue blofin_swap --demo
    """
    say = Output(as_json)
    desk = open_workspace(workspace)
    desk.account_lock(name)
    store, around = key_store(desk), asking(say)
    _refuse_taken(store, name, replace)
    entry: AccountKeys | StoredText
    if text:
        entry = _read_text(name, around, stdin)
        refuse_bad_address(desk, entry)
    else:
        if not offline:
            _can_prove()
        entry = _read_account(desk, name, venue, demo, _Reading(around, stdin))
        if not offline:
            _prove_new(desk, entry, say)
    with store.held():
        _refuse_taken(store, name, replace)
        vault, passphrase, opener = _opened_to_change(store, around, keyring)
        store.write(vault.holding(entry), passphrase, opener)
    say.line(f"kept       {name} in {desk.shown(store.path)}, encrypted")
    following = _advise(desk, entry, say)
    say.done({"name": name, "venue": entry.line().venue, "demo": demo, "store": str(store.path)}, *following)


@app.command("list")
def list_(workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """List what the key store holds, without any part of a key; needs no passphrase.

    Example: tradewind keys list
    """
    from tradewind.venues.keys.opening import environment_names

    say = Output(as_json)
    desk = open_workspace(workspace)
    rows = [_row(desk, line.name, line.kind, line.venue, line.demo) for line in key_store(desk).lines()]
    rows += [_row(desk, name, "environment", "", False) for name in environment_names(os.environ)]
    heads = ("name", "kind", "venue", "money", "account")
    say.table(heads, [tuple(row[head] for head in heads) for row in rows])
    if not rows:
        say.line("the key store holds nothing")
    say.done({"keys": rows}, "tradewind keys test NAME" if rows else "tradewind keys add NAME --venue VENUE")


@app.command("test")
def ask(name: NameArgument, workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Ask the venue what a key may do, and say what is missing for trading; to an address of alerts one is sent.

    Example: tradewind keys test main
    """
    say = Output(as_json)
    desk = open_workspace(workspace)
    store = key_store(desk)
    known = {line.name: line for line in store.lines()}
    if name in known and known[name].kind == "text":
        _end_test(try_text(desk, name, say), say)
        return
    _can_prove()
    entry = desk.settings.accounts.get(name)
    venue = entry.venue if entry else known[name].venue if name in known else ""
    from tradewind.venues.keys import keys_for

    demo = None if entry is None or entry.kind == "paper" else entry.kind == "demo"
    keys = keys_for(name, venue, store, asking(say), demo=demo)
    _end_test(_prove(desk, keys, say), say)


def _end_test(result: dict[str, object], say: Output) -> None:
    say.done(result, "tradewind config show", "tradewind keys list")
    if result["wrong"]:
        raise Leave(Exit.REFUSED)


@app.command()
def remove(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Forget a key. Revoke it at the venue as well: whoever has a copy can use it.

    Example: tradewind keys remove main
    """
    say = Output(as_json)
    desk = open_workspace(workspace)
    store, around = key_store(desk), asking(say)
    _refuse_traded(desk, name)
    if not yes:
        _confirm(name, around)
    with store.held():
        vault, passphrase, opener = _opened_to_change(store, around, keyring=False)
        store.write(vault.without(name), passphrase, opener)
    say.line(f"removed    {name}")
    say.done({"removed": name}, "tradewind keys list")


def key_store(desk: "Workspace") -> "KeyStore":
    """Return the key store of a workspace."""
    from tradewind.config import KEYS_FOLDER
    from tradewind.venues.keys import KeyStore

    return KeyStore(desk.root / KEYS_FOLDER)


def asking(say: Output) -> "Asking":
    """Return what the surroundings of this process offer: its environment, a prompt on a terminal, warnings."""
    from tradewind.venues.keys import Asking

    return Asking(os.environ, _prompt if _has_terminal() else None, lambda text: say.note(f"warning: {text}"))


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _prompt(text: str) -> str:
    import getpass

    try:
        return getpass.getpass(text)
    except EOFError:
        # Ctrl-D at a question is as good as Ctrl-C.
        raise KeyboardInterrupt from None


class _Reading:
    """Where the parts of a key come from: a person's fingers or a script's object."""

    def __init__(self, around: "Asking", stdin: bool) -> None:
        self._given = _read_object() if stdin else None
        self._around = around

    def part(self, name: str, told: str) -> str:
        """Return one part; empty where a script gave none."""
        if self._given is not None:
            return self._given.get(name, "")
        if self._around.prompt is None:
            raise UsageError(
                "USAGE",
                "there is no terminal to ask for the key.",
                where="keys add",
                hint='write {"api_key": "…", "secret": "…"} to standard input and add --stdin',
            )
        return self._around.prompt(f"{told}: ")

    def parts(self, names: dict[str, str]) -> dict[str, str]:
        """Return every part that was given; what a script gave beside them is among them, to be refused."""
        if self._given is not None:
            return self._given
        return {name: self.part(name, told) for name, told in names.items()}


def _read_object() -> dict[str, str]:
    """Return the object on standard input. Raises ConfigError (KEY_FORMAT), which shows nothing of it."""
    text = sys.stdin.read(_STDIN_MAX)
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ConfigError(
            "KEY_FORMAT",
            "standard input is no JSON object of texts, each named once.",
            where="--stdin",
            hint='{"api_key": "…", "secret": "…", "passphrase": "…"}',
        )
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _read_text(name: str, around: "Asking", stdin: bool) -> "StoredText":
    from tradewind.venues.keys import Secret, StoredText

    text = _Reading(around, stdin).part("text", f"text to keep as {name}")
    if not text or not text.isprintable() or text != text.strip():
        raise ConfigError(
            "KEY_FORMAT", "the text is empty, or has blanks at its ends or line breaks.", key="text"
        )
    return StoredText(name, Secret(text))


def _read_account(
    desk: "Workspace", name: str, venue: str | None, demo: bool, reading: _Reading
) -> "AccountKeys":
    from tradewind.venues.keys import AccountKeys, Secret, check_form, form_of

    entry = desk.settings.accounts.get(name)
    place = _venue_of(name, venue, entry)
    _refuse_mode(name, demo, entry)
    told = {"api_key": "API key", "secret": "secret"}
    if form_of(place).has_passphrase:
        told["passphrase"] = "passphrase of the key"
    parts = reading.parts(told)
    # Remembered before they are judged, so that no error can show them.
    kept = {part: Secret(text) for part, text in parts.items()}
    settings = desk.settings.venues.get(place)
    check_form(place, parts, practice=settings is not None and settings.fake is not None)
    return AccountKeys(
        name, place, demo, kept["api_key"], kept["secret"], kept.get("passphrase") or Secret("")
    )


def _venue_of(name: str, venue: str | None, entry: "AccountEntry | None") -> str:
    from tradewind.config import VENUES, did_you_mean

    place = venue or (entry.venue if entry else None)
    if place is None:
        raise UsageError(
            "USAGE", f"no account is called {name!r}, so its venue must be named.", where="--venue"
        )
    if place not in VENUES:
        raise ConfigError(
            "EXCHANGE_UNKNOWN",
            f"no venue is called {place[:40]!r}.",
            where="--venue",
            hint=did_you_mean(place, VENUES),
            known=VENUES,
        )
    if entry and entry.venue != place:
        raise ConfigError(
            "CONFIG_CONFLICT",
            f"the account {name} is at {entry.venue}, not at {place}.",
            where="--venue",
            key=f"accounts.{name}.venue",
        )
    return place


def _refuse_mode(name: str, demo: bool, entry: "AccountEntry | None") -> None:
    """Refuse a key of practice money for an account of real money, and the other way round."""
    if entry is None or entry.kind == "paper" or (entry.kind == "demo") == demo:
        return
    told = "practice" if demo else "real"
    raise ConfigError(
        "KEY_MODE_MISMATCH",
        f"the account {name} is of kind {entry.kind!r}, and this is a key of {told} money.",
        where="--demo",
        key=f"accounts.{name}.kind",
        hint="leave out --demo" if demo else "add --demo, or correct the account",
    )


def _refuse_taken(store: "KeyStore", name: str, replace: bool) -> None:
    if not replace and any(line.name == name for line in store.lines()):
        raise ConfigError(
            "ID_INVALID",
            f"the key store already holds {name!r}.",
            where="keys add",
            hint="add --replace to put the new one in its place, or choose another name",
        )


def _opened_to_change(store: "KeyStore", around: "Asking", keyring: bool) -> "tuple[Vault, Secret, Opener]":
    """Return what the store holds, what opens it and who holds that; a store that is not there is begun."""
    from tradewind.venues.keys import Vault, find_passphrase
    from tradewind.venues.keys.opening import keyring_passphrase

    if store.exists():
        passphrase = find_passphrase(store, around)
        return store.open(passphrase), passphrase, store.opener()
    if keyring:
        return Vault(), keyring_passphrase(store, make=True), "keyring"
    passphrase = find_passphrase(store, around)
    _refuse_short(passphrase)
    if around.prompt is not None and passphrase != _again(around.prompt, passphrase):
        raise UsageError("KEYSTORE_PASSPHRASE", "the two passphrases differ.", hint="start again")
    return Vault(), passphrase, "passphrase"


def _again(prompt: Callable[[str], str], first: "Secret") -> "Secret":
    from tradewind.venues.keys import Secret

    return Secret(prompt("the same passphrase again: "))


def _refuse_short(passphrase: "Secret") -> None:
    if len(passphrase.reveal()) < _PASSPHRASE_MIN:
        raise UsageError(
            "KEYSTORE_PASSPHRASE",
            f"a passphrase needs {_PASSPHRASE_MIN} signs at least.",
            hint="four words that nobody would guess are better than one with digits in it",
        )


def _refuse_traded(desk: "Workspace", name: str) -> None:
    """Refuse to forget the key of an account that trades: a session that dies could not start again without it.

    Raises SafetyRefusal (LOCKED).
    """
    from tradewind.config import lock_holder

    holder = lock_holder(desk.account_lock(name))
    if holder is not None:
        raise SafetyRefusal(
            "LOCKED",
            f"process {holder.get('pid')} {holder.get('purpose')}; without the key it could neither start again "
            "nor be taken over.",
            where=name,
            hint="end it first: tradewind session stop",
        )


def _confirm(name: str, around: "Asking") -> None:
    if around.prompt is None:
        raise UsageError(
            "USAGE", "there is no terminal to ask whether it is meant.", where="keys remove", hint="--yes"
        )
    sys.stderr.write(f"forget {name}? type its name: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise SafetyRefusal("LOCKED", "nothing was removed.", hint="type the name of the key to remove it")


def _row(desk: "Workspace", name: str, kind: str, venue: str, demo: bool) -> dict[str, str]:
    entry = desk.settings.accounts.get(name)
    money = "" if kind != "exchange" else "practice" if demo else "real"
    account = f"{entry.venue}, {entry.kind}" if entry else "-"
    return {"name": name, "kind": kind, "venue": venue, "money": money, "account": account}


def _can_prove() -> None:
    """Refuse to open a key for a question that cannot be asked. Raises UsageError, SafetyRefusal (CCXT_CHANGED)."""
    from tradewind.venues.extras import require_live
    from tradewind.venues.genuine import refuse_changed_ccxt

    require_live()
    refuse_changed_ccxt()


def _prove(desk: "Workspace", keys: "AccountKeys", say: Output) -> dict[str, object]:
    """Ask the venue about a key and say what it answers.

    Raises SafetyRefusal (KEY_TOO_POWERFUL), AuthFailed (KEY_REJECTED, KEY_MODE_MISMATCH), VenueDown, and ConfigError
    (EXCHANGE_UNSUPPORTED) for a venue whose keys cannot be tested.
    """
    import asyncio

    from tradewind.cli.reaching import practice_of
    from tradewind.venues.ccxt.key_probe import probe_key
    from tradewind.venues.keys.report import explain, refuse_powerful

    with say.steps(f"asking {keys.venue}"):
        report = asyncio.run(probe_key(keys, fake=practice_of(desk, keys.venue)))
    note_key(desk, keys.name, report)
    findings = explain(report)
    for finding in findings:
        say.line(f"{finding.state:8}{finding.name}: {finding.detail}")
        if finding.remedy:
            say.line(f"        {finding.remedy}")
    refuse_powerful(report, keys.name)
    wrong = sum(finding.state == "wrong" for finding in findings)
    return {"name": keys.name, "venue": keys.venue, "findings": [asdict(f) for f in findings], "wrong": wrong}


def _prove_new(desk: "Workspace", keys: "AccountKeys", say: Output) -> None:
    """Ask the venue about a key before it is kept. Raises what `_prove` raises; what is refused cannot be tested."""
    try:
        _prove(desk, keys, say)
    except AuthFailed as error:
        if error.code == "KEY_REJECTED":
            error.hint = (
                "nothing was kept; compare the key, its secret, its passphrase and its list of addresses "
                "with the venue's page, and add it again"
            )
        raise


def _advise(desk: "Workspace", entry: "AccountKeys | StoredText", say: Output) -> tuple[str, ...]:
    """Return the commands that are useful next, and say what the settings lack."""
    line = entry.line()
    if line.kind == "text":
        return (f"tradewind keys test {line.name}", "tradewind keys list")
    if line.name not in desk.settings.accounts:
        kind = "demo" if line.demo else "live"
        say.line(f"now write into {desk.shown(desk.settings_file)}:")
        say.line(f'  [accounts.{line.name}]\n  venue = "{line.venue}"\n  kind = "{kind}"')
    return (f"tradewind keys test {line.name}", "tradewind keys list")
