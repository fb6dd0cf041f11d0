"""One thin command a file: options, a subject, its answer, `emit`."""
