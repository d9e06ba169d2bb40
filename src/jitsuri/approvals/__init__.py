"""Approvals 承認: who drafted, reviewed and decided what. 起案 → 審査 → 決裁, one mechanism for every kind of matter.

The room knows no documents: a matter names its kind, its subject and the fingerprint of the document that is signed.
"""
