"""A short soak test; ``python -m tests.soak`` runs a long one."""

from __future__ import annotations

import asyncio

from .drivers import Driver
from .soak import TURNS, soak

CONVERSATIONS = 30


def test_unreliable_site(driver: Driver) -> None:
    result = asyncio.run(soak(driver.name, CONVERSATIONS, at_once=20, share=0.1, seed=7))
    assert result.wrong == []
    assert result.ended == CONVERSATIONS
    assert 0 < result.complete < CONVERSATIONS
    assert result.turns >= result.complete * TURNS
    assert result.sockets[0] == result.sockets[1]
    assert sum(result.faults.values()) > 10
