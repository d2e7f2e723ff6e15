"""What looks like a secret, and what only looks long."""

from __future__ import annotations

import base64
import random as chance
from pathlib import Path

import pytest

from fleetkeeper.inventory.secret_scan import find_leaks, find_secrets, looks_random, secrets_in_comments

ROOT = Path(__file__).parents[3]
HARMLESS = [
    "backup_%Y_%m_%dT%H_%M_%S.sql.gz",
    "/var/lib/docker/volumes/rodan_pg_backup/_data",
    "rodan2.staging.internal.example.org",
    "registry.example.org/Rodan-Main/rodan-main:nightly-2024-11-30",
    "image@sha256:" + "0123456789abcdef" * 4,
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS",
    "the token is rotated monthly: ask ops",
    "WeUseCamelCaseNamesForEverything2024",
    "containers.run_as_their_own_user",
    "password comes from $PGPASSWORD",
    "https://example.org:8443/path",
    "7356281946218374652",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_public_is_let_through(text: str) -> None:
    assert list(find_secrets(text)) == []


def test_random_tokens_are_found_nearly_always() -> None:
    dice = chance.Random(20240131)
    tokens = [base64.b64encode(dice.randbytes(30)).decode() for _ in range(500)]
    assert sum(any(find_secrets(token)) for token in tokens) > 470


def test_hexadecimal_keys_are_found() -> None:
    assert list(find_secrets(chance.Random(7).randbytes(16).hex()))


@pytest.mark.parametrize(
    "key", ["password", "PGPASSWORD_token", "db-secret", "api_key", "apikey", "private_key", "passphrase"]
)
def test_a_key_that_says_secret_holds_one(key: str) -> None:
    assert list(find_leaks({"a": [{key: "x"}]})) == [(("a", 0, key), "x")]


@pytest.mark.parametrize("key", ["password_file", "token_env", "secret_command", "passwords", "tokens_of"])
def test_a_key_that_says_where_the_secret_is_holds_none(key: str) -> None:
    assert list(find_leaks({key: "RODAN_PASSWORD"})) == []


def test_comments_are_read_too() -> None:
    assert list(secrets_in_comments("a: 1\nb: 2  # password=hunter2\n")) == [(2, "hunter2")]


def test_words_are_not_random() -> None:
    assert not looks_random("averylongwordthatsomebodyliked")


@pytest.mark.parametrize("path", sorted((ROOT / "inventories").glob("*.yml")), ids=lambda path: path.stem)
def test_what_we_ship_holds_no_secret(path: Path) -> None:
    assert list(secrets_in_comments(path.read_text())) == []
