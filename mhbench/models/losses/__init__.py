"""Losses of the reference systems as functions of tensors, one file for each system (extra `models`).

Where a paper and its code disagree, both are there and named by the argument `form`; the code's is the
default, since the published weights were trained with it.
"""
