"""Stack and Compose files with the position of every value."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.readers.compose.document import (
    ComposeFileError,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    read_compose,
)

STACK = """\
x-worker: &worker
  user: www-data
  deploy: {replicas: 2}
services:
  celery:
    <<: *worker
    image: "rodan:${TAG}"
    command:
      - start
      - 'it''s'
  web:
    image: nginx
    user: root
    <<: [*worker]
  db: *worker
"""


def as_data(node: Node) -> object:
    """The node as text, lists and mappings."""
    if isinstance(node, ScalarNode):
        return node.text
    if isinstance(node, SequenceNode):
        return [as_data(item) for item in node.items]
    return {key: as_data(member) for key, member in node.members.items()}


def scalar(content: str, *path: str | int) -> ScalarNode:
    node = read_compose(content.encode()).find(*path)
    assert isinstance(node, ScalarNode)
    return node


def test_each_value_knows_its_line_and_what_is_written_there() -> None:
    node = scalar(STACK, "services", "celery", "image")
    assert (node.text, node.position.line, node.position.column, node.plain) == ("rodan:${TAG}", 7, 12, False)
    assert STACK[node.position.start : node.position.end] == '"rodan:${TAG}"'
    item = scalar(STACK, "services", "celery", "command", 1)
    assert (item.text, STACK[item.position.start : item.position.end]) == ("it's", "'it''s'")


def test_positions_count_characters_not_bytes() -> None:
    content = "# é €\nservices: {é: {image: nginx}}\n"
    node = scalar(content, "services", "é", "image")
    assert content[node.position.start : node.position.end] == "nginx"


def test_merge_keys_give_what_the_mapping_does_not_say_itself() -> None:
    document = read_compose(STACK.encode())
    assert as_data(document.find("services", "celery", "user")) == "www-data"  # type: ignore[arg-type]
    assert scalar(STACK, "services", "web", "user").text == "root"
    assert scalar(STACK, "services", "db", "deploy", "replicas").text == "2"


def test_a_value_that_several_places_share_says_so() -> None:
    assert not scalar(STACK, "x-worker", "user").shared
    assert scalar(STACK, "services", "celery", "user").shared
    assert scalar(STACK, "services", "db", "deploy", "replicas").shared
    assert not scalar(STACK, "services", "web", "user").shared


def test_the_line_of_what_is_missing_is_that_of_the_nearest_key_above_it() -> None:
    document = read_compose(STACK.encode())
    assert document.line("services", "web", "healthcheck", "test") == 11
    assert document.line("services", "web", "user") == 13
    assert document.line("networks") == 1


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"services:\n\tweb: {}\n", 2, "not YAML"),
        (b"services: {web: {image: a, image: b}}", 1, "`image` appears twice"),
        (b"services:\n  web: &a\n    b: *a\n", 2, "contains itself"),
        (b"- a\n- b\n", 1, "holds no keys"),
        (b"", 1, "holds no keys"),
        (b"services:\n  web:\n    hostname: {{.Node.Hostname}}\n", 3, "a key that is no word"),
        (b"a: 1\n---\nb: 2\n", 2, "not YAML"),
        (b"services: \xff\n", 1, "not UTF-8"),
        (b"a: " + b"[" * 60 + b"]" * 60, 1, "nested more than 50 deep"),
        (b"a: " + b"[" * 400_000, 1, "nested more than 50 deep"),
        (b"a: [" + b"1," * 100_001 + b"]", 1, "more than 100000 values"),
        (b"a: x" + b"x" * 1024 * 1024, 1, "bytes"),
        (b"services:\n  web: {<<: 1}\n", 2, "no mapping"),
        (b"a: \x00\n", 1, "not YAML"),
    ],
)
def test_content_that_cannot_be_read_is_told_with_its_line(content: bytes, line: int, what: str) -> None:
    with pytest.raises(ComposeFileError, match=what) as error:
        read_compose(content)
    assert error.value.line == line


def test_an_alias_bomb_ends_at_once() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    with pytest.raises(ComposeFileError, match="aliases written out"):
        read_compose(bomb.encode())


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8)
DATA = st.recursive(
    TEXTS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(TEXTS.filter(lambda key: key != "<<"), DATA, min_size=1, max_size=4), st.booleans())
def test_every_value_is_read_as_pyyaml_wrote_it_and_stands_where_it_says(data: dict, flow: bool) -> None:
    text = yaml.safe_dump(data, allow_unicode=True, default_flow_style=flow)
    document = read_compose(text.encode())
    assert as_data(document.root) == data
    for path, node in document.scalars():
        part = document.text[node.position.start : node.position.end]
        assert yaml.safe_load(part.strip() or "''") == node.text or not node.plain
        assert isinstance(document.find(*path[:-1]), MappingNode | SequenceNode)
