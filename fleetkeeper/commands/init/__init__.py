"""The command `init`: look at hosts that no inventory has yet, and write a commented inventory of what is there."""
