"""The only floor that imports torch: graphs that run, models that are read, kernels that are timed."""
