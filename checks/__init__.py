"""pytest's face of each rule: one file for each topic, one line for each promise."""
