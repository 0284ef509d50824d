"""Evaluation: predictions + shards -> scored frames -> result, and what is derived from results.

pipeline.py        the whole way;  options.py  what may be chosen;  passes.py  shard by shard
result_making.py   scored frames -> results.py;  resampling.py  the draws behind the intervals
details.py         one row per person;  comparison.py  two results, paired
conventions.py     the same predictions under every convention in use (`audit`);  audit_table.py  as a table
rescoring.py       what many protocols share is read and made once
perturbations.py   the same predictions with common mistakes undone
"""
