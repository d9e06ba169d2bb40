from __future__ import annotations

import anthropic
import openai
from running_gateway import RunningGateway

from jitsuri.store.door import Store


def test_whole(gateway: RunningGateway, key: str, module_store: Store) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)
    answer = client.chat.completions.create(model="task:inquiry-triage", messages=[{"role": "user", "content": "hi"}])
    print(answer)
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    print(list(stream)[-1])
    with module_store.reading() as tx:
        for row in tx.execute("SELECT call_id, task, model, status, input_tokens, cost_jpy, reason FROM ledger_entries"):
            print(row)
        print(tx.execute("SELECT count(*) FROM ledger_intents").fetchone())
    a = anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)
    print(a.messages.create(model="claude-sonnet-5", max_tokens=100, messages=[{"role": "user", "content": "hi"}]))
