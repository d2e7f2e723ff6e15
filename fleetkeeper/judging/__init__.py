"""From facts to verdicts: findings, rules and the five outcomes."""
