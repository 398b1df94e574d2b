"""The token file, and who a request comes from.

A line of the file is `name role token`; lines that are empty or begin with # are passed over. A token comes as
`Authorization: Bearer TOKEN`, as the password of HTTP Basic, or once by POST /session for a cookie. It never stands in
an address.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.serving.http.site import Caller
from terrazzo.serving.token_files import ROLES, lines_of

FAILURES, SECONDS = 10, 60.0
"""After so many wrong tokens within this time, an address gets 429."""
_MOST_ADDRESSES = 10_000
_EXPECTED = f"expected `name role token`, with the role {', '.join(ROLES[:-1])} or {ROLES[-1]}"


@dataclass(frozen=True)
class Tokens:
    """The tokens of a server; none at all where it was started without a token file."""

    callers: tuple[tuple[bytes, Caller], ...] = ()
    """The SHA-256 of each token, and who has it."""

    @property
    def needed(self) -> bool:
        """Whether requests need a token."""
        return bool(self.callers)

    def caller(self, token: str) -> Caller | None:
        """Who has this token. Every token is compared, each in constant time."""
        asked = _hash(token)
        found = None
        for known, caller in self.callers:
            if hmac.compare_digest(known, asked):
                found = caller
        return found


def read_tokens(path: Path | None) -> Tokens:
    """The tokens of a file; no tokens for None.

    Raises InputError if others may read the file, at a line of another form, and at a name or token that comes twice.
    """
    if path is None:
        return Tokens()
    found: dict[bytes, Caller] = {}
    names: set[str] = set()
    for number, words in lines_of(path, f"{_EXPECTED} in each line"):
        if len(words) != 3 or words[1] not in ROLES or not words[2].isascii():
            raise InputError(f"--token-file {path}: line {number} has another form; {_EXPECTED}")
        name, role, token = words
        if name in names or _hash(token) in found:
            what = f"the name {name}" if name in names else "a token of a line before"
            raise InputError(f"--token-file {path}: line {number} has {what} again; each name and token comes once")
        names.add(name)
        found[_hash(token)] = Caller(name, role)
    return Tokens(tuple(found.items()))


def token_in(authorization: str) -> str | None:
    """The token in an Authorization header, Bearer or the password of Basic; None in any other."""
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest or None
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return None
        return pair.partition(":")[2] or None
    return None


@dataclass
class Failures:
    """Counts wrong tokens by address.

    Law: after `FAILURES` of them within `SECONDS`, an address waits until the first of these is that old.
    """

    now: Callable[[], float] = time.monotonic
    _times: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def add(self, address: str) -> None:
        """One wrong token from this address."""
        times = self._times.setdefault(address, deque(maxlen=FAILURES))
        times.append(self.now())
        self._times.move_to_end(address)
        while len(self._times) > _MOST_ADDRESSES:
            self._times.popitem(last=False)

    def seconds(self, address: str) -> float:
        """How long the address must wait; 0 if it need not."""
        times = self._times.get(address, deque())
        if len(times) < FAILURES:
            return 0.0
        return max(0.0, times[0] + SECONDS - self.now())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
