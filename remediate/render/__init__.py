"""Plans, outcomes and the journal, for people and for programs."""
