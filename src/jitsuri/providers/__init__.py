"""Providers 提供元: how a model is asked, whoever runs it.

``shapes``: what an upstream is and what came back. ``rules``: the two dialects, what a request asks for, translation
both ways, when to ask again. ``wire``: HTTP, files of local variants. ``live``: connection pools and circuit breakers.
"""
