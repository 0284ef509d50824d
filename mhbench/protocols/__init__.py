"""Protocols: the frozen rules that a number belongs to.

rules.py             their schema;  loading.py  by name: aliases, options, hashes
metric_names.py      what the name of a metric says about how it is made
frame_selection.py   the frames and people they are about;  frame_lists.py  lists that users bring
words.py             the same rules as sentences;  published.py  what papers print under them
"""
