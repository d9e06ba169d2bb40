"""Which provider answered, in the names of genai-prices: what the log says, else the host, else the model's name."""

from __future__ import annotations

import re
from functools import lru_cache

_ALIASES = {
    "azure.ai.openai": "azure", "az.ai.openai": "azure", "azure.ai.inference": "azure", "azure_openai": "azure",
    "azure-openai": "azure", "azure_ai": "azure", "azureopenai": "azure", "aws.bedrock": "aws", "aws_bedrock": "aws",
    "bedrock": "aws", "bedrock_converse": "aws", "amazon_bedrock": "aws", "amazon": "aws",
    "gcp.gemini": "google", "gcp.gen_ai": "google", "gcp.vertex_ai": "google", "gemini": "google",
    "vertex_ai": "google", "vertex_ai_beta": "google", "vertexai": "google", "google_genai": "google",
    "google_vertexai": "google",
    "x_ai": "x-ai", "xai": "x-ai", "mistral_ai": "mistral", "mistralai": "mistral", "moonshot_ai": "moonshotai",
    "moonshot": "moonshotai", "together_ai": "together", "fireworks_ai": "fireworks", "cohere_chat": "cohere",
    "voyage": "voyageai", "text-completion-openai": "openai", "github_copilot": "github-copilot",
}  # fmt: skip
"""Names of OpenTelemetry (``gen_ai.provider.name``, ``gen_ai.system``) and LiteLLM (``custom_llm_provider``)."""

_HOSTS = (
    (re.compile(r"(^|\.)api\.openai\.com$"), "openai"),
    (re.compile(r"(^|\.)(openai\.azure\.com|azure-api\.net|cognitiveservices\.azure\.com|services\.ai\.azure\.com)$"),
     "azure"),
    (re.compile(r"(^|\.)anthropic\.com$"), "anthropic"),
    (re.compile(r"(^|\.)googleapis\.com$"), "google"),
    (re.compile(r"^bedrock[a-z-]*\.[a-z0-9-]+\.amazonaws\.com$"), "aws"),
    (re.compile(r"^api\.mistral\.ai$"), "mistral"),
    (re.compile(r"^api\.cohere\.(ai|com)$"), "cohere"),
    (re.compile(r"^api\.deepseek\.com$"), "deepseek"),
    (re.compile(r"^api\.groq\.com$"), "groq"),
    (re.compile(r"^api\.x\.ai$"), "x-ai"),
    (re.compile(r"(^|\.)openrouter\.ai$"), "openrouter"),
    (re.compile(r"^api\.together\.(xyz|ai)$"), "together"),
    (re.compile(r"^api\.fireworks\.ai$"), "fireworks"),
    (re.compile(r"^api\.perplexity\.ai$"), "perplexity"),
    (re.compile(r"^api\.moonshot\."), "moonshotai"),
    (re.compile(r"^api\.cerebras\.ai$"), "cerebras"),
    (re.compile(r"^api\.z\.ai$"), "zai"),
)  # fmt: skip

_MODELS = (
    (re.compile(r"^((jp|us|eu|apac|au|global)\.)?(anthropic|amazon|meta|mistral|cohere)\.[a-z]"), "aws"),
    (re.compile(r"^(ft:)?(gpt-(?!oss)|chatgpt|o[1-9](-|$)|text-embedding-(3|ada)|davinci|babbage|codex-)"), "openai"),
    (re.compile(r"^claude-"), "anthropic"),
    (re.compile(r"^(models/)?(gemini-|text-embedding-00|gemini$)"), "google"),
    (re.compile(r"^(mistral|codestral|ministral|magistral|pixtral)-[a-z0-9.-]*latest$|^mistral-(large|medium|small)"),
     "mistral"),
    (re.compile(r"^deepseek-(chat|reasoner|flash|pro)$"), "deepseek"),
    (re.compile(r"^grok-"), "x-ai"),
    (re.compile(r"^(command-|embed-(english|multilingual)-)"), "cohere"),
    (re.compile(r"^sonar(-|$)"), "perplexity"),
    (re.compile(r"^voyage-"), "voyageai"),
)  # fmt: skip
"""Models that one company alone serves under this name; open weights (``gpt-oss``, Llama, Qwen) say nothing."""

_PREFIXES = frozenset({
    "openai", "azure", "azure_ai", "anthropic", "bedrock", "gemini", "vertex_ai", "mistral", "cohere", "deepseek",
    "groq", "xai", "openrouter", "together_ai", "fireworks_ai", "perplexity", "cerebras", "moonshot",
})  # fmt: skip
"""LiteLLM's prefixes of model names, ``azure/gpt-4o``."""

_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)?(?:[^/@]*@)?([^/:?#]+)", re.IGNORECASE)
_REGION = re.compile(r"\b([a-z]{2}-[a-z]+-\d)\.amazonaws\.com|^([a-z]+-[a-z]+\d)-aiplatform\.googleapis\.com")


@lru_cache(maxsize=4096)
def provider_of(claimed: str, address: str, model: str) -> str:
    """The provider's genai-prices id, or the claimed name as it is, or '' where nothing tells.

    ``openai`` claimed beside another host is the name of the dialect, not of who answered: clients of Azure, vLLM and
    gateways report themselves so.
    """
    name = claimed.strip().lower()
    name = _ALIASES.get(name, name)
    host = provider_of_host(address)
    if name and name != "openai":
        return name
    if host:
        return host
    guessed = _provider_of_model(model)
    return guessed if address and _host(address) else guessed or name


@lru_cache(maxsize=4096)
def provider_of_host(address: str) -> str:
    """The provider who serves this URL or host name; '' for one we do not know (a gateway, an own server)."""
    host = _host(address)
    return next((name for pattern, name in _HOSTS if pattern.search(host)), "") if host else ""


@lru_cache(maxsize=4096)
def region_of(address: str) -> str:
    """The cloud region named in a URL (``ap-northeast-1``); '' where it names none."""
    found = _REGION.search(_host(address))
    return (found[1] or found[2]) if found else ""


def without_prefix(model: str, *prefixes: str) -> str:
    """``azure/gpt-4o`` → ``gpt-4o`` when ``azure`` is among the prefixes."""
    head, slash, tail = model.partition("/")
    return tail if slash and head in prefixes else model


def _provider_of_model(model: str) -> str:
    head, slash, tail = model.lower().partition("/")
    if slash and head in _PREFIXES:
        return _ALIASES.get(head, head)
    name = tail if slash else head
    return next((provider for pattern, provider in _MODELS if pattern.search(name)), "")


def _host(address: str) -> str:
    found = _HOST.match(address)
    return found[1].lower() if found else ""
