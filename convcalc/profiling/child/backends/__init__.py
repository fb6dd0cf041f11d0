"""`Backend`: how calls are timed on the CPU (`cpu`) and on a GPU (`cuda`)."""
