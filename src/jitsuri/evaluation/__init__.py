"""Evaluation 評価: what may be said from labels, and how answers are scored by rule. It knows numbers and texts, no tasks."""
