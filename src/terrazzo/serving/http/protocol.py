"""HTTP/1.1 on a connection: uvicorn's h11, with limits for clients that send slowly, and refusals as problem JSON.

A client that never ends its request would hold a connection for ever, and enough of them keep others out. A head that
is not whole within `HEAD_S`, or a body of which nothing comes for `BODY_S`, ends the connection. Slow uploads go on as
long as something comes. Requests that are no HTTP get 400, as a problem like every other refusal (RFC 9457).
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from terrazzo.serving.http.access.guards import safe_headers
from terrazzo.serving.http.problems import problem

HEAD_S, BODY_S = 30.0, 120.0
"""Seconds for the head of a request; and between two pieces of its body."""
_DETAIL = "the request is not HTTP/1.1 as this server reads it; send one Host, and headers of at most 64 KiB"


class Protocol(H11Protocol):
    """One connection."""

    _since = 0.0
    """When the client last did what it had to: connected, sent a piece of a body, or got its answer."""
    _check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._done()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came. A piece of a head does not prolong the time for the head, a piece of a body does."""
        if self._in_body:
            self._done()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Begin to wait for the next head."""
        self._done()
        super().on_response_complete()

    def handle_events(self) -> None:
        """Read what came. A head that has ended begins the time of its body."""
        waited = self._waits_for_head
        super().handle_events()
        if waited and not self._waits_for_head:
            self._done()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and close; where the answer has begun already, only close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = problem(400, "", _DETAIL, headers={**safe_headers(), "Connection": "close"})
            head: Any = h11.Response(status_code=400, headers=answer.raw_headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    @property
    def _in_body(self) -> bool:
        """Whether the client has to send more of a body, and the server is not the one that has stopped reading."""
        return not self._waits_for_head and self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused

    def _done(self) -> None:
        self._since = self.loop.time()

    def _look(self) -> None:
        """Close the connection if its time is over; else look again when it may be."""
        if self.transport.is_closing():
            return
        now = self.loop.time()
        if self._waits_for_head or self._in_body:
            left = self._since + (HEAD_S if self._waits_for_head else BODY_S) - now
        else:  # the server has the word
            self._done()
            left = BODY_S
        if left <= 0:
            self.transport.abort()
            return
        self._check = self.loop.call_later(min(left, HEAD_S, BODY_S), self._look)
