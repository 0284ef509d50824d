"""Jobs: items -> workers -> journals. Every item is done once, or becomes a row of the table of failures.

scheduling.py   who does what, again after a crash;  engines.py  processes, Dask, Ray
journal.py      one small file per finished item;  progress.py  what a person sees meanwhile
"""
