"""Chains: a good one has no problem, each way of being wrong has its own, and `openssl verify` is the oracle."""

import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fleetkeeper.readers.pki.chain_problems import chain_problems, load_chain
from fleetkeeper.readers.pki.issuers import may_have_issued
from tests.example_fleets.certificates import (
    MIDDLE,
    NAME,
    NOW,
    ROOT,
    Made,
    Wish,
    chain_case,
    make_certificate,
)
from tests.programs.readers.pki.test_verify_as_openssl_does import ca as authority
from tests.programs.readers.pki.test_verify_as_openssl_does import make_certificate as dated_certificate
from tests.pure.readers.pki.test_chain_problems import BROKEN, kinds_in


def run_openssl(chain: list[Made], tmp_path: Path, name: str = NAME, *, root: Made = ROOT, now: datetime = NOW) -> bool:
    """What `openssl verify` says of a chain, as a client would ask it."""
    (tmp_path / "root.pem").write_text(root.pem)
    (tmp_path / "leaf.pem").write_text(chain[0].pem)
    (tmp_path / "others.pem").write_text("".join(item.pem for item in chain[1:]) or root.pem)
    words = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", "root.pem", "-untrusted", "others.pem"]
    words += ["-purpose", "sslserver", "-attime", str(int(now.timestamp())), "-auth_level", "2"]
    words += ["-verify_hostname", name, "leaf.pem"]
    return subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode == 0


STRICTER = {"no names but the common name"}
"""Where openssl takes what we refuse, and why: see the docstring of fleetkeeper/readers/pki/chain_problems.py."""


@pytest.mark.parametrize("what", BROKEN)
def test_what_we_refuse_openssl_refuses_too(what: str, tmp_path: Path) -> None:
    assert run_openssl(BROKEN[what][0], tmp_path) == (what in STRICTER)


@pytest.mark.parametrize("names", [[NAME], ["*.example.org"], ["a.org", NAME]])
def test_what_openssl_takes_we_take(names: list[str], tmp_path: Path) -> None:
    chain = [make_certificate(Wish(names=names), MIDDLE), MIDDLE]
    assert run_openssl(chain, tmp_path)
    assert kinds_in(*chain) == []


def test_chains_made_by_openssl_itself_are_judged_as_it_judges_them(tmp_path: Path) -> None:
    """Another author of certificates than the library that we judge with."""
    script = r"""
    set -e
    new="openssl req -new -newkey rsa:2048 -nodes"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj /CN=root -days 9 2>/dev/null
    $new -keyout middle.key -out middle.csr -subj /CN=middle 2>/dev/null
    printf 'basicConstraints=critical,CA:TRUE\n' >ca.ext
    openssl x509 -req -in middle.csr -CA root.pem -CAkey root.key -days 9 -extfile ca.ext -out middle.pem 2>/dev/null
    $new -keyout leaf.key -out leaf.csr -subj /CN=leaf 2>/dev/null
    printf 'subjectAltName=DNS:made.example.org\n' >leaf.ext
    openssl x509 -req -in leaf.csr -CA middle.pem -CAkey middle.key -days 9 -extfile leaf.ext -out leaf.pem 2>/dev/null
    """
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True)
    leaf, middle, root = load_chain([(tmp_path / f"{item}.pem").read_text() for item in ("leaf", "middle", "root")])
    now = leaf.not_valid_before_utc + timedelta(minutes=1)
    whole = replace(chain_case("made.example.org", now=now), roots=(root,))
    assert chain_problems([leaf, middle], whole) == []
    assert [problem.kind for problem in chain_problems([leaf], whole)] == ["incomplete"]
    assert [
        chain_problem.kind
        for chain_problem in chain_problems([leaf, middle], replace(whole, roots=(ROOT.certificate,)))
    ] == ["untrusted"]


@pytest.mark.filterwarnings("error")
def test_an_old_root_with_the_serial_number_zero_is_judged_without_a_word(tmp_path: Path) -> None:
    words = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-set_serial", "0", "-subj", "/CN=Old Root")
    ids = ("-addext", "authorityKeyIdentifier=keyid:always,issuer:always")
    files = ("-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "root"))
    subprocess.run((*words, *ids, *files), check=True, capture_output=True)
    [root] = load_chain([(tmp_path / "root").read_text()])
    assert may_have_issued(root, root)


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("dated", ["leaf", "intermediate", "root", "all"])
@pytest.mark.parametrize("days", [(0, 70), (-20, 0)], ids=["begins", "ends"])
def test_the_second_in_which_a_certificate_begins_or_ends_is_judged_as_openssl_does(
    dated: str, days: tuple[int, int], tmp_path: Path
) -> None:
    usual = (-90, 90)
    spans = {part: days if dated in (part, "all") else usual for part in ("leaf", "intermediate", "root")}
    root = authority("root", days=spans["root"])
    middle = authority("middle", root, days=spans["intermediate"])
    chain = [dated_certificate("leaf", middle, names=[NAME], days=spans["leaf"]), middle]
    ours, theirs = [], []
    for moment in (NOW - SECOND, NOW, NOW + SECOND):
        problems = chain_problems(load_chain([item.pem for item in chain]), chain_case(roots=[root], now=moment))
        ours.append(not problems)
        theirs.append(run_openssl(chain, tmp_path, root=root, now=moment))
        assert len(problems) <= 1
    assert ours == theirs == ([False, True, True] if days[0] == 0 else [True, False, False])


def test_of_two_intermediates_the_one_that_ends_in_this_second_is_passed_over(tmp_path: Path) -> None:
    root = authority("root")
    ending = authority("middle", root, days=(-90, 0))
    other = authority("middle", root, days=(-80, 90))
    chain = [dated_certificate("leaf", other, names=[NAME]), ending, other]
    assert run_openssl(chain, tmp_path, root=root)
    assert chain_problems(load_chain([item.pem for item in chain]), chain_case(roots=[root])) == []
