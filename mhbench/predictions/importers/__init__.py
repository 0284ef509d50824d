"""Predictions in the forms that other programs write, as PredictionTables.

`challenge` is complete in itself and read by `read_predictions`; the files of `romp`, `humans4d` and `mmpose`
name images only by parts of their paths, which `naming` finds in the shards.
"""
