"""What other counters count: their documented rules over one record of a forward, and the ladder from our number."""
