"""Running: shards -> model -> predictions.

ground_truth.py   the truth itself, and through its own heatmaps: no network
networks.py       images through any network;  batches.py  halved when memory ends
parts.py          what is finished, kept after a kill
"""
