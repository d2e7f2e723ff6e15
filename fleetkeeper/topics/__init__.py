"""The topics: each with its policy, its facts, how they are observed and parsed, and its rules."""
