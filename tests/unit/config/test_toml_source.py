"""What may be in a settings file, and where each key of it stands."""

import pytest

from tradewind.config.secrets import looks_secret
from tradewind.config.toml_lines import index_keys
from tradewind.config.toml_source import DEPTH_MAX, SIZE_MAX, read_source, read_text
from tradewind.errors import ConfigError, PathError

NESTED = """\
top = 1
a.b = 2
"quoted key".'x' = 3

[table]  # comment with = and [brackets]
inline = { first = 1, second = { third = "x = y" } }
list = [
  { key = 1 },
  # a comment { not = 1 }
  { key = 2, other = [1, 2] },
]
text = \"\"\"
not_a_key = 1
[not_a_table]
\"\"\"
after = 'x # y'

[[row]]
name = "one"
[[row]]
name = "two"
[row.below]
deep = true
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("top", 1),
        ("a b", 2),
        ("quoted key|x", 3),
        ("table", 5),
        ("table inline", 6),
        ("table inline first", 6),
        ("table inline second third", 6),
        ("table list", 7),
        ("table list 0", 8),
        ("table list 0 key", 8),
        ("table list 1 key", 10),
        ("table list 1 other", 10),
        ("table text", 12),
        ("table after", 16),
        ("row 0", 18),
        ("row 0 name", 19),
        ("row 1 name", 21),
        ("row 1 below", 22),
        ("row 1 below deep", 23),
    ],
)
def test_each_key_has_its_line(path, line):
    key = tuple(path.split("|")) if "|" in path else tuple(path.split())
    assert index_keys(NESTED).lines[key] == line


def test_nothing_inside_texts_and_comments_is_a_key():
    found = {part for path in index_keys(NESTED).lines for part in path}
    assert not found & {"not_a_key", "not_a_table", "not", "x = y", "y"}


def test_a_key_without_a_line_of_its_own_takes_that_of_its_table():
    source = read_text(b"[a]\nb = { c = 1 }\n", "f.toml")
    assert source.where(("a", "b", "unknown")) == "f.toml:2"
    assert source.where(("elsewhere",)) == "f.toml"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa = 1\n",
        b"a = 1\r\n[b]\r\nc = 2\r\n",
        b"\ta\t=\t1\n",
        "a = 'Währung €'  # Kommentar ٣\n".encode(),
    ],
    ids=["byte order mark", "carriage returns", "tabs between words", "letters and comments of any language"],
)
def test_harmless_forms_are_read(content):
    assert read_text(content, "f.toml").values


@pytest.mark.parametrize(
    ("content", "code", "where"),
    [
        ("a = 1".encode("utf-16"), "CONFIG_ENCODING", "f.toml"),
        ("a = 1".encode("utf-16-le"), "CONFIG_ENCODING", "f.toml"),
        ("a = 1".encode("utf-32"), "CONFIG_ENCODING", "f.toml"),
        (b"a = 1\nb = '\xe4'\n", "CONFIG_ENCODING", "f.toml:2"),
        ("a = 1\nb = ٣\n".encode(), "CONFIG_ENCODING", "f.toml:2"),
        ("a = 1\nb = '٣'\n".encode(), "CONFIG_ENCODING", "f.toml:2"),
        ("lev\u200berage = 1\n".encode(), "CONFIG_ENCODING", "f.toml:1"),
        ("a = 'x\u200by'\n".encode(), "CONFIG_ENCODING", "f.toml:1"),
        ("a = 1 # \u202e reversed\n".encode(), "CONFIG_ENCODING", "f.toml:1"),
        ("a\u00a0= 1\n".encode(), "CONFIG_ENCODING", "f.toml:1"),
        (b"a = 'x\\u200by'\n".replace(b"'", b'"'), "CONFIG_ENCODING", "f.toml:1"),
        (b"a = 'tab\there'\n", "CONFIG_ENCODING", "f.toml:1"),
        (b"a = 1\x00\n", "CONFIG_ENCODING", "f.toml"),
        (b"", "CONFIG_EMPTY", "f.toml"),
        (b"  \n# only this\n", "CONFIG_EMPTY", "f.toml"),
        (b"\xef\xbb\xbf", "CONFIG_EMPTY", "f.toml"),
        (b"a = 1\nb == 2\n", "CONFIG_SYNTAX", "f.toml:2"),
        (b"a = 1\n[b\n", "CONFIG_SYNTAX", "f.toml:2"),
        (b"a = 012\n", "CONFIG_SYNTAX", "f.toml:1"),
        (b"a = 'x\n", "CONFIG_SYNTAX", "f.toml:1"),
        (b"a = 1\na = 2\n", "CONFIG_DUPLICATE_KEY", "f.toml:2"),
        (b"[a]\nx = 1\n[a]\ny = 1\n", "CONFIG_DUPLICATE_KEY", "f.toml:3"),
        (b"a = { b = 1, b = 2 }\n", "CONFIG_DUPLICATE_KEY", "f.toml:1"),
        (b"a.b = 1\n[a]\nb = 2\n", "CONFIG_DUPLICATE_KEY", "f.toml:2"),
        (b"a = 1\nb = nan\n", "CONFIG_NOT_FINITE", "f.toml:2"),
        (b"a = [1.0, -inf]\n", "CONFIG_NOT_FINITE", "f.toml:1"),
        (b"a = 1e999\n", "CONFIG_NOT_FINITE", "f.toml:1"),
        (b"a = " + b"9" * 5000 + b"\n", "CONFIG_RANGE", "f.toml"),
        (b"a = " + b"[" * 1000 + b"]" * 1000 + b"\n", "CONFIG_DEPTH", "f.toml:1"),
        (b"a" + b".a" * 1000 + b" = 1\n", "CONFIG_DEPTH", "f.toml:1"),
        (b"[" + b"a." * 1000 + b"a]\n", "CONFIG_DEPTH", "f.toml:1"),
        (b"a = " + b"{ b = " * 100 + b"1" + b" }" * 100 + b"\n", "CONFIG_DEPTH", "f.toml:1"),
        (b"# " + b"x" * SIZE_MAX + b"\n", "CONFIG_TOO_LARGE", "f.toml"),
    ],
)
def test_what_is_no_settings_file_is_refused_with_its_place(content, code, where):
    with pytest.raises(ConfigError) as caught:
        read_text(content, "f.toml")
    assert (caught.value.code, caught.value.where) == (code, where)


def test_nesting_up_to_the_limit_is_read():
    depth = DEPTH_MAX - 1
    assert read_text(b"a = " + b"[" * depth + b"]" * depth + b"\n", "f.toml").values


def test_other_languages_are_named():
    with pytest.raises(ConfigError) as caught:
        read_text(b'{"strategy": "x"}', "f.json")
    assert "JSON" in caught.value.hint


SECRETS = [
    "0x" + "4f" * 32,
    "-----BEGIN EC PRIVATE KEY-----",
    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "https://user:hunter2@example.org/hook",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ['a = "{}"', "a = 1 # {}", 'a = ["x", "{}"]', 'a = {{ b = "{}" }}'])
def test_a_secret_is_refused_wherever_it_stands_and_never_shown(secret, form):
    with pytest.raises(ConfigError) as caught:
        read_text(form.format(secret).encode(), "f.toml")
    error = caught.value
    assert (error.code, error.where) == ("SECRET_IN_CONFIG", "f.toml:1")
    assert secret[8:20] not in error.render() + str(error.to_json())


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "secret", "passphrase", "private_key", "password", "mnemonic", "api_secret"]
)
def test_a_setting_named_like_a_secret_is_refused(name):
    with pytest.raises(ConfigError) as caught:
        read_text(f'[accounts.main]\n{name} = "hunter2"\n'.encode(), "f.toml")
    assert (caught.value.code, caught.value.where) == ("SECRET_IN_CONFIG", "f.toml:2")
    assert "hunter2" not in caught.value.render()


@pytest.mark.parametrize(
    "text",
    [
        "strategies/a_very_long_folder_name/with_another_one/and_a_file_of_mine.py",
        "sha256 0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "https://example.org/docs/howto/a-long-page-name-about-something.html",
        "1000PEPEUSDT, BTCUSDT, ETHUSDT",
        "token bucket of 20 requests",
    ],
)
def test_ordinary_text_is_no_secret(text):
    assert not looks_secret(text)


def test_a_path_that_is_no_readable_file_is_refused(tmp_path):
    for path, code in [(tmp_path, "PATH_INVALID"), (tmp_path / "none.toml", "PATH_INVALID")]:
        with pytest.raises(PathError) as caught:
            read_source(path)
        assert caught.value.code == code
    with pytest.raises(PathError) as caught:
        read_source(tmp_path / "a\0b")
    assert "\0" not in caught.value.render()
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (SIZE_MAX + 1))
    with pytest.raises(ConfigError) as refused:
        read_source(large)
    assert refused.value.code == "CONFIG_TOO_LARGE"
