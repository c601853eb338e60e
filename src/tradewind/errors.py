"""The tree of errors, named by what the caller must do.

::

    TradewindError
    ├─ RefuseToStart         nothing has begun: say what is wrong and stop
    │   ├─ UsageError            a flag or an argument                                    exit 2
    │   ├─ ConfigError           a file, a variable or a flag sets something impossible   exit 2
    │   ├─ PathError             a path that must not or cannot be used                   exit 2
    │   ├─ StrategyError         a strategy file, its parameters or what it returned      exit 2
    │   └─ NotFound              the named thing is not here, or not running              exit 6
    ├─ DataUnavailable       defer what needs it; nothing was written                     exit 3
    │   ├─ DataMissing           the history does not reach
    │   └─ DataUnfit             the history is there and contradicts itself
    ├─ VenueError            retry after ``retry_after_ns``, or never where it is None    exit 4
    │   ├─ VenueDown
    │   ├─ RateLimited
    │   ├─ VenueRefused          the account or its key may not do this
    │   └─ AuthFailed
    ├─ DeadlineExceeded      the answer is unknown: ask again what became of it           exit 7
    ├─ SafetyRefusal         a risk or safety rule said no: change the wish, not the rule exit 5
    │   └─ Busy                  another process holds the lock
    ├─ JournalError          halt trading: without a record there is no action            exit 3
    └─ InvariantBroken       crash now; the journal says where; never caught but at the door  exit 1

Not errors but values: a rejection by the venue, an unknown outcome, a refusal of the gate, a skipped
decision. They travel as facts and records, because trading goes on after them: what an order may not be is a
`tradewind.units.enums.Rule`, and stands in the run's refused.parquet.

Every error carries a code of `ERROR_CODES`. The code decides the exit status and the remedy that is shown
when the place of the error knows no better one; the reference docs are written from the same table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ERROR_CODES",
    "AuthFailed",
    "Busy",
    "ConfigError",
    "DataMissing",
    "DataUnavailable",
    "DataUnfit",
    "DeadlineExceeded",
    "ErrorCode",
    "Exit",
    "InvariantBroken",
    "JournalError",
    "NotFound",
    "PathError",
    "RateLimited",
    "RefuseToStart",
    "SafetyRefusal",
    "StrategyError",
    "TradewindError",
    "UsageError",
    "VenueDown",
    "VenueError",
    "VenueRefused",
]


class Exit(IntEnum):
    """The exit statuses that scripts may rely on."""

    DONE = 0
    OUR_FAULT = 1
    USAGE = 2
    DATA = 3
    VENUE = 4
    REFUSED = 5
    NOT_FOUND = 6
    TIMEOUT = 7
    INTERRUPTED = 130


class TradewindError(Exception):
    """Something that a person or a caller can act upon.

    Parameters
    ----------
    code
        A key of `ERROR_CODES`.
    message
        One sentence: what is wrong, with the value (never a secret).
    where
        ``file:line`` where a file is at fault, else the place: ``TRADEWIND__A__B``, ``--flag``, ``BTCUSDT``.
    key
        Dotted path of the setting, or the field of a record.
    hint
        One sentence: what to do about it. Without it the remedy of the code is shown.
    known
        What would have been accepted, each with its range: ``fast_period (2..500)``.
    also
        Further errors found in the same look, so that one attempt reports everything.
    """

    exit_code_default = Exit.OUR_FAULT

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str = "",
        key: str = "",
        hint: str = "",
        known: Iterable[str] = (),
        also: "Iterable[TradewindError]" = (),
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.where = where
        self.key = key
        self.hint = hint
        self.known = tuple(known)
        self.also = tuple(also)

    @property
    def exit_code(self) -> Exit:
        """Return the exit status of this error's code."""
        spec = ERROR_CODES.get(self.code)
        return spec.exit_code if spec else self.exit_code_default

    def render(self) -> str:
        """Return the three lines a person reads; one such block for each error found."""
        head = "  ".join(part for part in (self.code, self.where, self.key) if part)
        blocks = [f"{head}\n  {self._sentence()}\n  {self._remedy()}"]
        return "\n".join(blocks + [other.render() for other in self.also])

    def to_json(self) -> dict[str, object]:
        """Return the same fields as `render`, ready for ``json.dumps``."""
        fields: dict[str, object] = {
            "code": self.code,
            "where": self.where,
            "key": self.key,
            "message": _one_line(self.message),
            "hint": _one_line(self.hint) or self._default_remedy(),
            "known": list(self.known),
            "exit_code": int(self.exit_code),
        }
        if self.also:
            fields["also"] = [other.to_json() for other in self.also]
        return fields

    def __str__(self) -> str:
        return self.render()

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments would be lost on the way back from a worker process otherwise.
        return _rebuild, (type(self), self.code, self.message), self.__dict__.copy()

    def _sentence(self) -> str:
        parts = (self.message, self.hint if self.known else "")
        return _one_line(" ".join(part for part in parts if part))

    def _remedy(self) -> str:
        if self.known:
            return _one_line("known: " + ", ".join(self.known))
        return _one_line(self.hint) or self._default_remedy()

    def _default_remedy(self) -> str:
        spec = ERROR_CODES.get(self.code)
        return spec.remedy if spec else "see the list of error codes in the reference docs"


def _rebuild(kind: type[TradewindError], code: str, message: str) -> TradewindError:
    return kind(code, message)


def _one_line(text: str) -> str:
    """Return ``text`` on one line, so that an error can never break its own form."""
    return " ".join(text.split())


class RefuseToStart(TradewindError):
    """Nothing has begun: say what is wrong and stop."""

    exit_code_default = Exit.USAGE


class UsageError(RefuseToStart):
    """A flag or an argument is wrong."""


class ConfigError(RefuseToStart):
    """A file, a variable or a flag sets something impossible."""


class PathError(RefuseToStart):
    """A path must not or cannot be used."""


class StrategyError(RefuseToStart):
    """A strategy file, its parameters or what it returned is wrong."""


class NotFound(RefuseToStart):
    """The named thing is not here, or not running."""

    exit_code_default = Exit.NOT_FOUND


class DataUnavailable(TradewindError):
    """History that something needs cannot be used: defer what needs it."""

    exit_code_default = Exit.DATA


class DataMissing(DataUnavailable):
    """The history does not reach."""


class DataUnfit(DataUnavailable):
    """The history is there and contradicts itself or its rules."""


class VenueError(TradewindError):
    """A venue or the network failed: retry after `retry_after_ns`, or never where it is None."""

    exit_code_default = Exit.VENUE
    retry_after_ns: int | None = None


class VenueDown(VenueError):
    """The venue does not answer, or says that it is closed."""


class RateLimited(VenueError):
    """The venue asks for fewer requests."""


class VenueRefused(VenueError):
    """The account may not do this, or its key may do too much; retrying cannot help."""


class AuthFailed(VenueError):
    """The venue does not accept the key; retrying cannot help."""


class DeadlineExceeded(TradewindError):
    """No answer in time: the outcome is unknown, so ask what became of it."""

    exit_code_default = Exit.TIMEOUT


class SafetyRefusal(TradewindError):
    """A risk or safety rule said no."""

    exit_code_default = Exit.REFUSED


class Busy(SafetyRefusal):
    """Another process holds the lock; its holder is named."""


class JournalError(TradewindError):
    """The record is damaged or cannot be written: halt trading."""

    exit_code_default = Exit.DATA


class InvariantBroken(TradewindError):
    """A rule that is always true is not: crash now."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What one code means.

    Parameters
    ----------
    exit_code
        Status of the process that ends with it.
    meaning
        One sentence for the reference docs.
    remedy
        What to do, shown when the place of the error knows no better hint.
    """

    exit_code: Exit
    meaning: str
    remedy: str


def _codes(exit_code: Exit, table: dict[str, tuple[str, str]]) -> dict[str, ErrorCode]:
    return {code: ErrorCode(exit_code, meaning, remedy) for code, (meaning, remedy) in table.items()}


_OWN = _codes(
    Exit.OUR_FAULT,
    {
        "INTERNAL": (
            "An error of tradewind itself; the traceback lies in the file that is named.",
            "please report it with that file",
        ),
        "INVARIANT_BROKEN": (
            "A rule that must always hold does not; nothing after it can be trusted.",
            "please report it with the run folder or the journal",
        ),
    },
)

_CONFIG = _codes(
    Exit.USAGE,
    {
        "USAGE": ("A flag or an argument is wrong.", "try the same command with --help"),
        "CONFIG_EMPTY": ("The file holds no setting.", "start from the file that 'tradewind new DIR' writes"),
        "CONFIG_SYNTAX": ("The file is not TOML.", "correct the line that is named"),
        "CONFIG_DUPLICATE_KEY": ("A key is set twice in one file.", "keep one of the two lines"),
        "CONFIG_UNKNOWN_KEY": ("No setting has this name.", "see 'tradewind config schema'"),
        "CONFIG_MISSING": ("A setting without a default is not given.", "add it to the file"),
        "CONFIG_TYPE": ("The value has another type than the setting.", "nothing is converted silently"),
        "CONFIG_NOT_FINITE": ("A number is not finite.", "write an ordinary number"),
        "CONFIG_RANGE": ("A number lies outside what the setting allows.", "write a value within the range"),
        "CONFIG_CHOICE": ("The value is none of the allowed words.", "write one of the known words"),
        "CONFIG_CONFLICT": ("Two settings contradict each other.", "change one of them"),
        "CONFIG_INFEASIBLE": ("The settings allow no order at all.", "raise the limit or the capital"),
        "CONFIG_EMPTY_LIST": ("A list that needs an element is empty.", "name at least one"),
        "CONFIG_TOO_LARGE": ("The file is larger than any configuration.", "check that it is the right file"),
        "CONFIG_DEPTH": ("Tables or arrays are nested deeper than any configuration.", "flatten the file"),
        "CONFIG_ENCODING": ("The file is not plain UTF-8 text.", "save it as UTF-8, without hidden signs"),
        "CONFIG_VERSION": ("The file was written for another schema.", "install the matching tradewind"),
        "SECRET_IN_CONFIG": ("A secret stands in a file not made for secrets.", "remove it and revoke it"),
        "EXCHANGE_UNKNOWN": ("No venue has this name.", "write one of the known venues"),
        "EXCHANGE_UNSUPPORTED": (
            "The venue does not offer what is asked of it.",
            "choose another venue or feature",
        ),
        "SYMBOL_UNKNOWN": ("The venue lists no instrument of this name.", "write the venue's own symbol"),
        "SYMBOL_INACTIVE": ("The instrument is not traded in this period.", "change the period or symbol"),
        "TIMEFRAME_INVALID": ("Bars of this length do not exist.", "write one of the known lengths"),
        "DATE_INVALID": ("The text is no date.", "write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ (UTC)"),
        "DATE_RANGE": ("The period is empty or lies outside what can be traded.", "change start or end"),
        "LEVERAGE_ABOVE_MAX": ("The instrument does not allow this leverage.", "lower the leverage"),
        "MARKET_RULES_INVALID": ("A venue's rules for an instrument are impossible.", "leave the symbol out"),
        "PATH_INVALID": (
            "The path cannot name what is needed.",
            "give the path of an existing, readable file",
        ),
        "PATH_DENIED": (
            "The path lies outside what may be touched, or permission is missing.",
            "choose another path",
        ),
        "WORKSPACE_MISSING": ("No workspace is found.", "make one: tradewind new DIR"),
        "WORKSPACE_EXISTS": ("The folder already holds something.", "choose a new folder"),
        "ID_INVALID": (
            "A name is taken or cannot be used as a name.",
            "use a-z, 0-9, _ and - and a free name",
        ),
        "FAKE_VENUE_UNREADABLE": (
            "The file does not say where a fake venue is found.",
            "name the file that tradewind venue fake wrote",
        ),
        "PORT_INVALID": ("This is no port.", "write a number from 1 to 65535"),
        "BIND_INSECURE": ("A port would be open to others without TLS.", "write tls_cert and tls_key"),
        "PORT_BUSY": ("A port cannot be opened.", "name another port"),
        "EXTRA_MISSING": ("An optional part is not installed.", "install the extra that is named"),
        "LIVE_REQUIRES_LIMITS": ("A session with real money states no limits.", "write them under [limits]"),
        "URL_REFUSED": ("An address is none that may be called.", "write a plain https:// address"),
        "ALERT_ADDRESS": (
            "No service is known that alerts could be sent to at an address.",
            "tradewind keys add NAME --text --replace, with an address that apprise knows",
        ),
        "KEY_FORMAT": ("A key has not the form its venue gives out.", "copy it again, whole, without blanks"),
        "KEYSTORE_DENIED": ("Others than you can read the key store.", "chmod 600 the file that is named"),
        "KEYSTORE_CORRUPT": ("The key store is damaged.", "restore it from a copy, or add the keys again"),
        "KEYSTORE_PASSPHRASE": ("The passphrase does not open the key store.", "type it again"),
    },
)

_STRATEGY = _codes(
    Exit.USAGE,
    {
        "STRATEGY_LOAD": ("A strategy file cannot be loaded.", "correct the line that is named"),
        "STRATEGY_LINT": (
            "A strategy does something that would go wrong silently.",
            "see 'tradewind strategy check'",
        ),
        "STRATEGY_COMPILE": ("A strategy cannot be compiled.", "correct the line that is named"),
        "STRATEGY_OUTPUT": (
            "A strategy failed while it ran, or returned something that cannot be wanted.",
            "see the line that is named",
        ),
        "STRATEGY_LOOKAHEAD": (
            "A decision changed when the future was cut off.",
            "use only what is known by then",
        ),
        "PARAM_RANGE": ("A parameter lies outside its declared range.", "write a value within the range"),
    },
)

_ORDER = _codes(
    Exit.USAGE,
    {
        "ORDER_AMOUNT": ("The amount of an order is no positive number.", "write a number above zero"),
        "ORDER_MIN_QTY": ("The amount is below the smallest order.", "raise it to the minimum"),
        "ORDER_MAX_QTY": ("The amount is above the largest order.", "split the order"),
        "ORDER_MIN_NOTIONAL": ("The order is worth less than the venue takes.", "raise amount or price"),
        "ORDER_PRICE": ("The price is no positive number on the grid.", "write a multiple of the tick"),
        "ORDER_PRICE_BAND": ("The price lies too far from the mark price.", "write a nearer price"),
        "ORDER_SHAPE": ("The parts of the order contradict each other.", "leave out the part that is named"),
        "ORDER_REDUCE_FLAT": (
            "There is no position to reduce.",
            "leave out reduce-only, or see the position",
        ),
        "ORDER_CLIENT_ID": ("The order's own id cannot be used.", "choose a new one in the venue's alphabet"),
        "ORDER_ENUM": ("A word of the order is none of the known ones.", "write one of the known words"),
        "ORDER_STOP_SIDE": ("A stop would be triggered at once.", "put it on the other side of the price"),
    },
)

_DATA = _codes(
    Exit.DATA,
    {
        "DATA_MISSING": ("The history needed is not in the store.", "import it: tradewind data import FILES"),
        "DATA_EMPTY": ("The file holds no record.", "check that it is the right file"),
        "DATA_NOT_FINITE": ("A number of the file is not finite.", "repair the row that is named"),
        "DATA_RANGE": ("A number of the file is impossible.", "repair the row that is named"),
        "DATA_OHLC": ("High and low of a bar do not enclose open and close.", "repair the rows named"),
        "DATA_CONFLICT": (
            "Two records of the same time differ.",
            "decide which source is right and import that one",
        ),
        "DATA_ORDER": ("Records are not in the order of time.", "import the file: importing sorts"),
        "DATA_GAP": ("Records are missing between two times.", "fill the gap or state a policy under [data]"),
        "DATA_TIME_UNIT": ("Times have another unit than stated.", "state the unit that the file has"),
        "DATA_GRID": ("Times do not lie on the grid of the interval.", "check the interval of the file"),
        "DATA_FUTURE": ("A record lies in the future.", "check the clock and the unit of time"),
        "DATA_TIMEFRAME": (
            "The spacing of the records is not the stated interval.",
            "state the interval of the file",
        ),
        "DATA_SUSPECT": (
            "Prices look wrong: a jump, a flat stretch, a decimal shift.",
            "accept it under [data]",
        ),
        "DATA_SCHEMA": (
            "The columns are not those of a known kind of file.",
            "see the reference of file formats",
        ),
        "DATA_CORRUPT": ("The file is damaged.", "fetch it again"),
        "DATA_HASH": ("A stored file is not the one that was imported.", "import it again"),
        "DATA_TOO_SHORT": ("The history is shorter than the warm-up.", "import more, or begin later"),
        "DATA_SYMBOL": ("The file belongs to another symbol.", "state the symbol of the file"),
        "MARK_MISSING": ("A mark price is missing.", "import mark prices or state a fallback under [data]"),
        "FUNDING_MISSING": ("A funding settlement is missing.", 'import it, or set costs.funding = "none"'),
        "FUNDING_EXTRA": (
            "A funding settlement lies where none is due.",
            "check the file's symbol and interval",
        ),
        "FUNDING_CONFLICT": ("Two funding settlements of one time differ.", "decide which source is right"),
        "FUNDING_RANGE": ("A funding rate is impossible; it may be a percentage.", "state rates as ratios"),
        "INSTRUMENT_UNSIZED": (
            "Quantities of an instrument overflow the core's integers.",
            "leave the symbol out",
        ),
        "JOURNAL_CORRUPT": ("A journal is damaged before its end.", "run 'tradewind journal verify'"),
        "JOURNAL_BEHIND": (
            "A journal ends before what was once written in it: an older copy, or a part is gone.",
            "put back the newer copy, or begin anew: on accounts 'tradewind session adopt', on paper another name",
        ),
        "JOURNAL_VERSION": (
            "A journal, or a state that is kept with it, has a form of another tradewind.",
            "let that version go on, or end the session flat with it",
        ),
        "JOURNAL_WRITE": (
            "The journal could not be written; trading has halted.",
            "free the disk and start again",
        ),
        "REPLAY_DIFFERS": (
            "A replay or a repeated run gave other decisions.",
            "compare versions, data and settings",
        ),
        "RUN_DAMAGED": ("A run folder lacks a file or its hash differs.", "run the backtest again"),
        "DISK_FULL": (
            "The disk has no room for the result.",
            "free space and run again; nothing was left behind",
        ),
    },
)

_OTHER = {
    **_codes(
        Exit.VENUE,
        {
            "VENUE_DOWN": ("The venue does not answer.", "try again later"),
            "SETTINGS_REFUSED": (
                "The venue does not set the account as the session needs it.",
                "close positions and orders of the symbol, or write the account's own modes into the file",
            ),
            "VENUE_REFUSED": ("The venue does not let this account trade.", "see what the venue said"),
            "FLATTEN_INCOMPLETE": (
                "What a session held is not all closed, or nobody says that it is.",
                "run the same command again; close the rest by hand at the venue",
            ),
            "ADOPT_INCOMPLETE": ("Orders of an earlier epoch do not go.", "run the same command again"),
            "VENUE_UNCERTIFIED": (
                "The venue was not tried, or did not pass, so real money does not trade there.",
                "tradewind venue certify VENUE --account NAME, with an account of practice money",
            ),
            "RECONCILE_FAILED": (
                "An account cannot be compared with what the venue says, so nothing may be sent for it.",
                "see what the venue said; start again when it answers",
            ),
            "KEY_REJECTED": (
                "The venue does not accept the key.",
                "check the key, its passphrase and its list of addresses; 'tradewind keys test' explains",
            ),
            "KEY_PERMISSION": ("The key may not trade.", "allow trading of futures for it at the venue"),
            "KEY_MODE_MISMATCH": (
                "A key of practice money meets real markets, or the other way round.",
                "add the key again with or without --demo",
            ),
            "CLOCK_OFFSET": (
                "This machine's clock is too far from the venue's to sign a request.",
                "let the system keep its clock by NTP",
            ),
        },
    ),
    **_codes(
        Exit.REFUSED,
        {
            "JOURNAL_IDENTITY": (
                "A journal belongs to another account, strategy or configuration.",
                "start a session of a new name",
            ),
            "LOCKED": ("Another process works here.", "wait for it or stop it"),
            "LIVE_UNCONFIRMED": (
                "Live trading needs somebody who says that it is meant.",
                "type the name of the account, or add --confirm ACCOUNT",
            ),
            "CCXT_CHANGED": (
                "The files of ccxt, which signs, are not those that were looked at, so no key is given to it.",
                "install what is pinned again: in a clone 'make live' in a new .venv; elsewhere pip install "
                "--force-reinstall 'tradewind[live]'; then start again",
            ),
            "SIGNAL_DENIED": ("A signal is not signed with the session's key.", "sign it with that key"),
            "SIGNAL_LATE": (
                "A signal was signed too long ago, or ahead of time.",
                "sign it when you send it",
            ),
            "SIGNAL_REPLAYED": ("A signal was taken before.", "draw a nonce for each"),
            "SIGNAL_TOO_LARGE": ("A signal is longer than the session takes.", "send fewer values at once"),
            "SIGNAL_FORM": ("A signal has not the form that is taken.", "see the page Signals from outside"),
            "SIGNAL_UNKNOWN": ("The session takes no such value.", "write it under [signals.features]"),
            "SIGNAL_RANGE": ("A value lies outside its bounds.", "send another, or widen them"),
            "SIGNAL_RATE": ("Signals come faster than the session takes them.", "send them less often"),
            "SIGNAL_CLOSED": ("The session takes no signals now.", "send it again in a moment"),
            "SESSION_ELSEWHERE": (
                "Another process of ours trades the account.",
                "stop it there, then try again",
            ),
            "ADOPT_UNFINISHED": (
                "An adoption did not come to its end.",
                "run 'tradewind session adopt' again",
            ),
            "CONTROL_DENIED": (
                "The session does not take this command from you.",
                "run it as the user who owns the session's folder",
            ),
            "CRASH_LOOP": (
                "The trading process dies again and again; it is not started any more.",
                "read its log, then start the session again",
            ),
            "KEY_TOO_POWERFUL": (
                "The key may withdraw money; nothing here ever needs that.",
                "make a key at the venue that may read and trade only",
            ),
        },
    ),
    **_codes(
        Exit.NOT_FOUND,
        {
            "KEY_UNKNOWN": ("The key store has no key of this name.", "see 'tradewind keys list'"),
            "RUN_UNKNOWN": ("No run has this id.", "see 'tradewind run list'"),
            "SESSION_UNKNOWN": ("No session has this name.", "see 'tradewind session list'"),
            "SESSION_NOT_RUNNING": ("The session does not run.", "see 'tradewind session status'"),
            "STRATEGY_UNKNOWN": ("No strategy has this name.", "see 'tradewind strategy list'"),
            "ORDER_UNKNOWN": ("The journal knows no order of this id.", "see 'tradewind journal export'"),
        },
    ),
    **_codes(
        Exit.TIMEOUT,
        {
            "TIMEOUT": ("No answer came in time.", "ask what became of it before repeating"),
            "CONTROL_TIMEOUT": (
                "The session's loop does not answer.",
                "'tradewind session flatten --takeover' ends it and closes what is open",
            ),
        },
    ),
}

ERROR_CODES: dict[str, ErrorCode] = {**_OWN, **_CONFIG, **_STRATEGY, **_ORDER, **_DATA, **_OTHER}
"""Every code tradewind can show, in the order of the reference docs."""
