"""Tables and sentences of the commands that have more than a few lines of them."""
