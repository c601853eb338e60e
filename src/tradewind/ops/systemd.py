"""A unit for systemd that runs one session, closed to everything it does not need.

What it may write is its workspace and the folder of compiled code; it may reach the network, nothing else of the
machine. The passphrase of the key store comes as a credential, which only this service can read.

The manager of the system closes more than that of a user can: one that is asked for what takes privileges ends the
service before it begins. What a user's can do takes a user namespace, without which it would be left out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tradewind.errors import PathError

__all__ = ["HARDENING", "SessionUnit", "hardening"]

HARDENING: dict[str, str] = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "read-only",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RemoveIPC": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "LimitCORE": "0",
    "UMask": "0077",
}
"""Each key of the section that closes the service. Memory that is written and run stays allowed: Numba compiles."""

_PRIVILEGED = frozenset(
    (
        *("CapabilityBoundingSet", "AmbientCapabilities", "PrivateDevices", "ProtectProc", "ProcSubset"),
        *("ProtectClock", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
        *("ProtectKernelTunables", "RemoveIPC"),
    )
)
"""What only the manager of the system can do; a user has none of these rights to lose, but for what others see."""


def hardening(*, of_system: bool) -> dict[str, str]:
    """Return the keys that close the service, for the manager of the system or for that of a user."""
    if of_system:
        return HARDENING
    return {"PrivateUsers": "yes"} | {key: HARDENING[key] for key in HARDENING if key not in _PRIVILEGED}


_OWN_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - named, not written to
"""What `PrivateTmp` gives a service of its own, empty, in the place of the machine's."""


@dataclass(frozen=True, slots=True)
class SessionUnit:
    """What the unit of a session says.

    Parameters
    ----------
    session
        Its name.
    command
        The program and its arguments, an absolute path first.
    workspace
        Where it runs; the only folder beside `cache` and `state` that it may write.
    cache
        Where machine code is kept.
    user
        Who runs it, as a service of the system; "" for whoever installs it in his own manager.
    credential
        File with the passphrase of the key store, encrypted by ``systemd-creds`` or not; None without one.
    state
        Folder of the user's locks of keys, which it may write too where it is there; None: not known.
    stop_s
        So long an ordered end may take.
    """

    session: str
    command: tuple[str, ...]
    workspace: Path
    cache: Path
    user: str = ""
    credential: Path | None = None
    state: Path | None = None
    stop_s: int = 90

    def text(self) -> str:
        """Return the unit. Raises PathError (PATH_INVALID) for a path that a unit cannot write."""
        for path in (self.workspace, self.cache, self.credential, self.state):
            if path is not None and (not path.is_absolute() or not str(path).isprintable()):
                raise PathError(
                    "PATH_INVALID", "a unit needs whole paths of printable signs.", where=str(path)
                )
        return "\n".join([*self._unit(), "", *self._service(), "", *self._install(), ""])

    def hidden(self) -> list[Path]:
        """Return what the service needs and cannot see: it has folders for passing files of its own."""
        program = Path(self.command[0])
        needed = [program, self.workspace, self.cache, *([self.credential] if self.credential else [])]
        return [path for path in needed if any(path.is_relative_to(folder) for folder in _OWN_FOLDERS)]

    def _unit(self) -> list[str]:
        # A user's manager knows no targets of the machine; it begins when they are reached.
        awaited = "network-online.target time-sync.target"
        return [
            "[Unit]",
            f"Description=tradewind session {self.session}",
            *([f"Wants={awaited}", f"After={awaited}"] if self.user else []),
            "StartLimitIntervalSec=300",
            "StartLimitBurst=5",
        ]

    def _service(self) -> list[str]:
        lines = ["[Service]", "Type=exec"]
        lines += [f"User={self.user}"] if self.user else []
        lines += [
            f"WorkingDirectory={_specified(self.workspace)}",
            "ExecStart=" + " ".join(_argument(part) for part in self.command),
            f"Environment={_quoted(f'TRADEWIND_CACHE={self.cache}')}",
            # A refusal (5) or a wrong setting (2) is not mended by starting again.
            "Restart=on-failure",
            "RestartSec=5",
            "RestartPreventExitStatus=2 5 6",
            # The guard passes the end on, and the session closes its journal in order.
            "KillMode=mixed",
            "KillSignal=SIGTERM",
            f"TimeoutStopSec={self.stop_s}",
        ]
        lines += ["OOMScoreAdjust=-500"] if self.user else []
        if self.credential is not None:
            lines.append(f"LoadCredential=tradewind-keys:{_specified(self.credential)}")
        lines += [f"{key}={value}" for key, value in hardening(of_system=bool(self.user)).items()]
        writable = " ".join(_quoted(str(path)) for path in (self.workspace, self.cache))
        if self.state is not None:
            # What is not there yet is no reason not to start.
            writable += " " + _quoted(f"-{self.state}")
        return [*lines, f"ReadWritePaths={writable}"]

    def _install(self) -> list[str]:
        return ["[Install]", "WantedBy=" + ("multi-user.target" if self.user else "default.target")]


def _specified(path: Path) -> str:
    """Return a path as a setting that is one path takes it: a percent sign begins a specifier."""
    return str(path).replace("%", "%%")


def _quoted(text: str) -> str:
    """Return a word of a list, so that systemd reads it as it is."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(sign in text for sign in " \t\"'\\;#") else escaped


def _argument(text: str) -> str:
    """Return a word of a command, in which a dollar sign would begin a variable."""
    return _quoted(text).replace("$", "$$")
