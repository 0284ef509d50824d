"""Running: shards -> model -> predictions.

ground_truth.py   the truth itself, and through its own heatmaps: no network
networks.py       images through any network;  batches.py  halved when memory ends
fitting.py        predicted volumes -> bodies; fit_items.py one of them; oracle_grids.py placed by the truth;
                  fitted_predictions.py what is written
parts.py          what is finished, kept after a kill
"""
