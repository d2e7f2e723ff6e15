"""`remediate errors …`: what services reported, for a person at a terminal."""
