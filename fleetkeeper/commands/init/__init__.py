"""The first day: look at hosts that nobody has described yet, and write a commented inventory of what is there."""
