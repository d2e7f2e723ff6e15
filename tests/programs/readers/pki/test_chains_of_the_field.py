"""Chains that were once judged otherwise than by `openssl verify`, as servers sent them."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from fleetkeeper.readers.pki.certificate_problem import Case
from fleetkeeper.readers.pki.chain_problems import chain_problems, load_chain
from fleetkeeper.readers.pki.roots import from_file
from fleetkeeper.readers.tls_handshakes import pem_certificates
from fleetkeeper.topics.certificates.served_certificate import leaf_of

CHAINS = Path(__file__).parents[3] / "fixtures/chains"
NAME = "www.example.test"
EXPECTED = {
    "aki-aki_other_keyid": 'the authority\'s key that "www.example.test" names is not that of "Inter A"',
    "authority-aki_of_intermediate_other": "the authority's key that",
    "authority-crit_aia": "has a critical extension that nobody knows (1.3.6.1.5.5.7.1.1)",
    "encoding-intermediate_utf8_sent_leaf_issued_by_printable": "",
    "encoding-other_case_and_blanks_root": "",
    "usage-crit_crldp": "",
    "usage-crit_policies": "",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_chain_of_the_field_is_judged_as_openssl_judges_it(name: str) -> None:
    sent, roots = CHAINS / name / "served-chain.pem", CHAINS / name / "roots.pem"
    chain = pem_certificates(sent.read_text())
    now = leaf_of(chain).not_valid_before_utc + timedelta(days=1)
    words = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", roots, "-untrusted", sent]
    words += ["-purpose", "sslserver", "-verify_hostname", NAME, "-attime", str(int(now.timestamp())), sent]
    taken = subprocess.run(words, capture_output=True, check=False).returncode == 0
    match = chain_problems(load_chain(chain), Case(NAME, from_file(str(roots)), now))
    assert (not match) == taken == (not EXPECTED[name])
    assert all(EXPECTED[name] in problem.saw for problem in match)
