"""Scoring: from ground truth and predictions of a shard to records, and from records to numbers.

poses.py      people as 3D poses: match, root, align, errors per joint  -> Records
statistics.py records -> additive statistics of each metric
intervals.py  statistics -> values, 95 % intervals, breakdowns
"""
