"""`profile` and `Row`: what is asked of a run, the child that measures, and its rows judged, all without torch."""
