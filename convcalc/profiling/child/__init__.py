"""`worker.main`: the process that measures; but for `pytorch` the only room that imports torch."""
