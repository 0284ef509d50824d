"""Conversion: raw tree -> items -> tables -> shards, journals and index.

pipeline.py            the whole way;  items.py  one item, as a worker does it;  images.py  its pictures
records.py             what journals and index say;  report.py  the same as a table for people
fingerprints.py        what the raw files were, so that a finished shard is known to be current
body_check.py          do the bodies look like bodies?  reprojection.py  do 3D and 2D agree?
heatmap_rewriting.py   finished shards with heatmaps in another form
inspection.py          what lies on the disk before (`datasets`, `doctor`)
certificates.py        what the data set is known to hold (`selfcheck`);  known_counts.py  how it is counted
"""
