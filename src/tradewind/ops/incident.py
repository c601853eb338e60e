"""An incident bundle: one zip with what somebody needs to understand what happened, and nothing that is secret.

It holds the end of the journal decoded, the last alerts, the configuration as the session began with it, versions,
what is halted, and a manifest with the hash of each part. It is made of records that never held a secret, and every
part passes the redactor besides.
"""

from __future__ import annotations

import json
import platform
import sys
import zipfile
from collections import deque
from hashlib import sha256
from importlib import metadata
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.errors import JournalError
from tradewind.journal import FileDisk, JournalReader, RecordKind, unpack_rows
from tradewind.journal import bodies as written
from tradewind.ops.alerting import last_alerts
from tradewind.ops.governance import governance_of
from tradewind.units.enums import FactKind, RequestKind, Rule, names_of
from tradewind.venues.keys import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tradewind.journal import Disk, Record

__all__ = ["bundle", "decoded"]

_PACKAGES = ("tradewind", "ccxt", "aiohttp", "numpy", "numba", "duckdb", "cryptography", "sqlalchemy")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every part: the same incident gives the same bytes."""


def bundle(
    folder: Path,
    settings: str,
    *,
    now_ns: int,
    records: int = 2_000,
    alerts: int = 500,
    disk: Disk | None = None,
) -> bytes:
    """Return the zip of a session.

    Parameters
    ----------
    folder
        The session's folder.
    settings
        The workspace's settings as text; they hold no secret by their own rules.
    now_ns
        When it is made.
    records, alerts
        How many of the newest are taken.

    Returns
    -------
    Bytes of a zip with ``manifest.json``, which names each part with its length and SHA-256.
    """
    disk = disk or FileDisk()
    told, boot, damage = _tail(disk, folder, records)
    audit, _, audit_damage = _tail(disk, governance_of(folder), records)
    parts = {
        "journal.jsonl": _lines(told),
        "audit.jsonl": _lines(audit),
        "alerts.jsonl": _lines(last_alerts(folder, alerts)),
        "session.toml": boot.config if boot else "",
        "session.json": _json(_boot_told(boot)),
        "halts.json": _json(_halts(told)),
        "tradewind.toml": settings,
        "versions.json": _json(_versions()),
    }
    cleaned = {name: clean(text).encode() for name, text in parts.items()}
    manifest = {
        "session": folder.name,
        "made_ns": now_ns,
        "journal_damage": damage,
        "audit_damage": audit_damage,
        "parts": {
            name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in cleaned.items()
        },
    }
    return _zipped({"manifest.json": _json(manifest).encode()} | cleaned)


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            archive.writestr(info, data)
    return target.getvalue()


def _tail(disk: Disk, folder: Path, count: int) -> tuple[list[dict[str, Any]], written.Boot | None, str]:
    """Return the newest records decoded, how the newest process began, and where the journal is damaged."""
    tail: deque[Record] = deque(maxlen=count)
    boot: Record | None = None
    damage, reader = "", None
    try:
        reader = JournalReader(disk, folder)
        for record in reader.records() if reader.headers else ():
            tail.append(record)
            boot = record if record.kind == RecordKind.BOOT else boot
    except JournalError as error:
        damage = f"{error.code}: {error.message}"
    if reader is None:
        return [], None, damage
    told = [decoded(reader, record) for record in tail]
    return told, _decode_boot(boot), damage


def _decode_boot(record: Record | None) -> written.Boot | None:
    try:
        return None if record is None else written.decode_boot(record)
    except JournalError:
        return None


def decoded(reader: JournalReader, record: Record) -> dict[str, Any]:
    """Return a record in plain values; one of an unknown form is told by its length."""
    known = record.kind in RecordKind.__members__.values()
    head: dict[str, Any] = {
        "seq": record.seq,
        "kind": RecordKind(record.kind).name.lower() if known else chr(record.kind),
    }
    try:
        return head | _body(reader, record)
    except (JournalError, LookupError, TypeError, ValueError):
        return head | {"undecoded_bytes": len(record.body)}


def _body(reader: JournalReader, record: Record) -> dict[str, Any]:
    layouts = written.layouts_at(reader.headers, record.seq)
    match record.kind:
        case RecordKind.MARKET | RecordKind.FACTS:
            head, rows = written.decode_facts(record, layouts)
            return {"batch": msgspec.structs.asdict(head), "facts": list(_named(rows, names_of(FactKind)))}
        case RecordKind.REQUESTS:
            first, rows = written.decode_requests(record, layouts)
            return {"first": first, "requests": list(_named(rows, names_of(RequestKind)))}
        case RecordKind.DECISION:
            decision = written.decode_decision(record)
            refusals = unpack_rows(decision.refusals, layouts["REFUSAL"], written.REFUSAL)
            rules = names_of(Rule)
            return {
                "at_ns": decision.at_ns,
                "reasons": [{"cid": r.cid, "slot": r.slot, "signals": r.signals} for r in decision.reasons],
                "refusals": [row | {"rule": rules.get(row["rule"], row["rule"])} for row in _plain(refusals)],
            }
        case RecordKind.BOOT:
            told = written.decode_boot(record)
            return {"process": told.process, "version": told.version, "config_hash": told.config_hash}
        case RecordKind.CLOSE | RecordKind.STATE:
            return msgspec.structs.asdict(written.decode_closing(record))
        case RecordKind.AUDIT:
            return msgspec.structs.asdict(written.decode_audit(record))
        case _:
            return {"bytes": len(record.body)}


def _plain(rows: NDArray[Any]) -> Iterator[dict[str, Any]]:
    names = rows.dtype.names or ()
    for row in rows:
        yield {name: row[name].item() for name in names}


def _named(rows: NDArray[np.void], kinds: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """Yield rows without the fields that are zero, their kind by its name."""
    for row in _plain(rows):
        said = {name: value for name, value in row.items() if value and name != "kind"}
        yield {"kind": kinds.get(row["kind"], str(row["kind"]))} | said


def _boot_told(boot: written.Boot | None) -> dict[str, Any]:
    if boot is None:
        return {}
    left_out = {"config"}
    return {name: value for name, value in msgspec.structs.asdict(boot).items() if name not in left_out}


def _halts(told: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return every change of what is halted or held, and every word of an operator, among the records."""
    kinds = ("halts", "held")
    return [
        dict(record)
        for record in told
        if record["kind"] == "audit" and (record.get("what") in kinds or record.get("actor"))
    ]


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0], "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = ""
    return versions


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n"


def _lines(values: Iterable[object]) -> str:
    return "".join(json.dumps(value, ensure_ascii=False, default=str) + "\n" for value in values)
