"""The gateway's door for programs: HTTP/1.1, the OpenAI and Anthropic dialects. Runs in worker processes of its own."""
