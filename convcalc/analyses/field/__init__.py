"""`fields` and `paths`: what each value sees of the inputs, as intervals and as ways, borders included."""
