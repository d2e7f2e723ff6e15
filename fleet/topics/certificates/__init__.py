"""Certificates: valid, served as they lie on disk, and renewed before they end."""

from fleet.topics.certificates.facts import Facts
from fleet.topics.certificates.observing import observe
from fleet.topics.certificates.policy import Acme, Certificate, Policy

__all__ = ["Acme", "Certificate", "Facts", "Policy", "observe"]
