"""The gateway's door for programs: raw ASGI, the OpenAI and Anthropic dialects. Runs in worker processes of its own."""
