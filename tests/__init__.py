"""The suite's own tests: pure parts in unit/, whatever touches servers in lab/."""
