"""株式会社サンプル精機, the sample company (見本): how its log is written.

``saying`` fills sentences, ``lexicon`` knows its words, ``tasks`` compose one piece of business each with its truth,
``planning`` decides who calls when, ``counting`` how many tokens that was, ``lines`` and ``files`` write it down.
Nothing here names a real company, person, part or price of anybody's.
"""
