"""Streams through the gateway leave their upstream's connection open for the next."""

from __future__ import annotations

import openai
from running_gateway import RunningGateway
from stub_upstream import Behaviour, StubUpstream


def test_streams_one_after_the_other_share_a_connection(gateway: RunningGateway, key: str, stub: StubUpstream) -> None:
    """The chunk that closes a stream in HTTP comes after ``[DONE]``; who hangs up before pays a new connection."""
    stub.behave(Behaviour(end_s=0.02), times=12)
    before = len(stub.requests)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        for _ in range(12):
            with client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "はい"}], stream=True
            ) as stream:
                assert list(stream)

    asked = stub.requests[before:]
    assert len(asked) == 12
    assert len({one.connection for one in asked}) < 6
