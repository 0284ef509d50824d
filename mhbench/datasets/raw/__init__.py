"""Safe readers of raw container formats, shared by the data sets."""
