"""One system that finds personal data, over JSON lines: ``{"id", "text"}`` in, ``{"id", "entities", "cpu_ms"}`` out.

    python bench/pii_peer.py NAME < texts.jsonl

Started by ``bench/pii.py``, ours with our own Python, each peer with the Python of its own environment, so this file needs nothing but
the standard library and what it measures. ``cpu_ms`` is processor time of the whole process, threads included, for that text.
"""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

Found = tuple[int, int, str]
Find = Callable[[str], Iterable[Found]]

WARM_UP = ("山田様、電話は０３－１２３４－５６７８です。", "Thank you. ご確認ください。")


def ours() -> Find:
    from jitsuri.guardrails.live.checks import Checks

    scanner = Checks().everything()
    return _whole(scanner)


def ours_slow() -> Find:
    """With the slow path beside the fast one: what either finds."""
    from jitsuri.guardrails.live.checks import Checks
    from jitsuri.guardrails.shapes import Policy, Rule

    checks = Checks()
    here = [name for name in checks.known() if name not in checks.missing()]
    if "person_slow" not in here:
        raise SystemExit("the slow path is not here: GiNZA cannot be imported")
    scanner = checks.scanner(Policy("bench", 1, tuple(Rule(name, "observe") for name in here)), "in")
    return _whole(scanner)


def _whole(scanner: Any) -> Find:
    """What a scan found; a check that did not run is an error here, never an empty answer."""

    def find(text: str) -> list[Found]:
        scanned = scanner.scan(text)
        if not scanned.is_whole:
            raise RuntimeError(", ".join(f"{one.check} {one.state}" for one in scanned.ran if one.state != "ran"))
        return [(one.start, one.end, one.type) for one in scanned.findings]

    return find


def presidio() -> Find:
    """Presidio with GiNZA as its Japanese model and its own general recognisers; nothing written for it."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        EmailRecognizer,
        IbanRecognizer,
        IpRecognizer,
        PhoneRecognizer,
        SpacyRecognizer,
        UrlRecognizer,
    )

    engine = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "ja", "model_name": "ja_ginza"}],
            "ner_model_configuration": {
                "model_to_presidio_entity_mapping": {
                    "Person": "PERSON", "PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "City": "LOCATION",
                    "Province": "LOCATION", "Country": "LOCATION", "Postal_Address": "LOCATION", "ORG": "ORG", "Company": "ORG",
                    "Email": "EMAIL_ADDRESS", "Phone_Number": "PHONE_NUMBER",
                }
            },
        }
    ).create_engine()  # fmt: skip
    registry = RecognizerRegistry(supported_languages=["ja"])
    for kind in (CreditCardRecognizer, EmailRecognizer, IbanRecognizer, IpRecognizer, UrlRecognizer):
        registry.add_recognizer(kind(supported_language="ja"))
    registry.add_recognizer(PhoneRecognizer(supported_language="ja", supported_regions=("JP",)))
    registry.add_recognizer(SpacyRecognizer(supported_language="ja", supported_entities=["PERSON", "LOCATION", "ORG"]))
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["ja"])
    return lambda text: [(one.start, one.end, one.entity_type) for one in analyzer.analyze(text, language="ja")]


def namemask() -> Find:
    """namemask with GiNZA and its layer of addresses, which is off unless asked for."""
    from namemask.config import load_config
    from namemask.pipeline.build import build_default_pipeline, build_verifier, run_pipeline

    config = load_config()
    detectors = build_default_pipeline(config, None, use_ner=True, use_address=True)
    verifier = build_verifier(config, use_llm=False, client=None)
    return lambda text: [(one.start, one.end, one.type) for one in run_pipeline(text, detectors, verifier)]


def privacy_masker() -> Find:
    """privacy-masker without its model of names, whose weights are fetched from a hub; dates are off as shipped."""
    from privacy_masker import Policy, PrivacyEngine
    from privacy_masker.detectors import HandleDetector, RegexDetector

    engine = PrivacyEngine(detectors=[RegexDetector.default_ja(), HandleDetector()], policy=Policy.preset("llm_input"))
    return lambda text: [(one.start, one.end, one.entity_type) for one in engine.detect(text)]


def besshouka() -> Find:
    """besshouka with its model kept: as shipped it is loaded anew for every text. Its places are in a text it has rewritten (NFKC)
    and are led back to the original."""
    import besshouka
    from besshouka.analyzer.recognizers import ginza_recognizer
    from besshouka.config.loader import load_recognizer_config
    from besshouka.orchestrator.pipeline import run

    kept = ginza_recognizer.GinzaRecognizer()
    ginza_recognizer.GinzaRecognizer = lambda: kept
    from pathlib import Path

    config = load_recognizer_config(Path(besshouka.__file__).parent / "defaults" / "recognizers.yaml")

    def find(text: str) -> list[Found]:
        done = run(text, config, {"operators": {}})
        places = [at for at, one in enumerate(text) for _ in unicodedata.normalize("NFKC", one)] + [len(text)]
        last = len(places) - 1
        return [
            (places[min(one.start, last)], places[min(one.end, last) - 1] + 1, one.entity_type)
            for one in done.recognizer_results
        ]

    return find


SYSTEMS: dict[str, Callable[[], Find]] = {
    "ours": ours, "ours_slow": ours_slow, "presidio": presidio, "namemask": namemask, "privacy_masker": privacy_masker,
    "besshouka": besshouka,
}  # fmt: skip


def main() -> None:
    find = SYSTEMS[sys.argv[1]]()
    for text in WARM_UP:
        list(find(text))
    for line in sys.stdin:
        said = json.loads(line)
        answer: dict[str, Any] = {"id": said["id"]}
        began = time.process_time()
        try:
            found = list(find(said["text"]))
        except Exception as failed:
            found, answer["error"] = [], f"{type(failed).__name__}: {failed}"
        answer["cpu_ms"] = (time.process_time() - began) * 1000
        answer["entities"] = [{"start": start, "end": end, "type": kind} for start, end, kind in found]
        print(json.dumps(answer, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
