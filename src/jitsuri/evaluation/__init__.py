"""Evaluation 評価: how many labels a question needs, and (later) what they say."""
