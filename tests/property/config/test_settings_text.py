"""No text is able to make the reader of settings fail in another way than its own errors."""

import tomllib

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from tradewind.config.toml_lines import index_keys
from tradewind.config.toml_source import read_text
from tradewind.errors import TradewindError

TOML_SIGNS = st.text(alphabet="ab.\"'[]{}=,#\n\\ 1-e\t\r\u200b", max_size=80)
KEYS = st.text(alphabet="abcXYZ012_- .\"'#=[]", min_size=1, max_size=8)
VALUES = st.recursive(
    st.integers(-5, 5) | st.booleans() | st.text(alphabet="ab =#[]{}\"'\n", max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=12,
)


@given(st.binary(max_size=200) | TOML_SIGNS.map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_code(content):
    found = read_or_refuse(content)
    if isinstance(found, TradewindError):
        assert found.exit_code == 2
        assert found.render().count("\n") == 2
    else:
        assert found.values


def read_or_refuse(content):
    try:
        return read_text(content, "f.toml")
    except TradewindError as error:
        return error


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_every_key_of_a_file_has_a_line_that_mentions_it(tables):
    text = tomlkit.dumps(tables)
    lines = text.split("\n")
    index = index_keys(text)
    for path in _paths(tomllib.loads(text), ()):
        assert path in index.lines, text
        number = index.lines[path]
        assert 1 <= number <= len(lines)
        if path[-1].isalpha():
            assert path[-1] in lines[number - 1]


def _paths(value, path):
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*path, key)
            yield from _paths(below, (*path, key))
    elif isinstance(value, list):
        for place, below in enumerate(value):
            yield from _paths(below, (*path, str(place)))
