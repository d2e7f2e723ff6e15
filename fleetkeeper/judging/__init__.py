"""Judging of facts: findings, rules, waivers and the five outcomes."""
