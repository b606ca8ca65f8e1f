"""Go templates give Go's values and Go's errors; the messages are those of docker 26.1.5."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.templates import TemplateError, in_order, parse
from ipycontainer.commands.templates.printf import sprintf
from ipycontainer.commands.templates.values import bare, printed
from ipycontainer.model.go_json import go_json

THING: dict[str, Any] = {
    "Id": "abc",
    "State": {"Pid": 42, "Running": True, "Error": ""},
    "Args": ["1000"],
    "Config": {
        "Cmd": ["sleep", "1000"],
        "Env": None,
        "Labels": {"b": "2", "a": "<1>"},
        "Volumes": None,
        "Entrypoint": None,
    },
    "HostConfig": {"MemorySwappiness": None, "Binds": None},
    "Mounts": [],
}


def executed(text: str, thing: dict[str, Any] = THING) -> str:
    """Return what a template makes of an object."""
    return parse(text).of_object(thing, "types.ContainerJSON")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{.Id}}", "abc"),
        ("{{ .Id }}", "abc"),
        ("<{{.State.Pid}}|{{.State.Running}}|{{.State.Error}}>", "<42|true|>"),
        ("{{.Config.Cmd}} {{.Args}} {{.Mounts}}", "[sleep 1000] [1000] []"),
        ("{{json .Config.Cmd}}", '["sleep","1000"]'),
        ("{{json .State}}", '{"Pid":42,"Running":true,"Error":""}'),
        ("{{.Config.Labels}}", "map[a:<1> b:2]"),
        ("{{json .Config.Labels}}", '{"a":"<1>","b":"2"}'),
        ("{{.Config.Labels.b}} {{.Config.Labels.nope}}", "2 <no value>"),
        ("{{.Config.Env}} {{.Config.Volumes}} {{.Config.Entrypoint}}", "[] map[] []"),
        ("{{.HostConfig.Binds}} {{.HostConfig.MemorySwappiness}}", "[] <nil>"),
        ("{{.State.Health}} {{json .State.Health}}", "<nil> null"),
        ("a\\tb", "a\\tb"),
        ("}}x", "}}x"),
        ("a {{- .Id -}} b", "aabcb"),
        ("a{{/* no */}}b", "ab"),
    ],
)
def test_values(text: str, value: str) -> None:
    """Fields print as Go prints them, by the types that docker's structs have."""
    assert executed(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{{.Nope}}",
            'template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"',
        ),
        (
            "{{.State.Nope}}",
            'template: :1:8: executing "" at <.State.Nope>: map has no entry for key "Nope"',
        ),
        (
            "pre{{json .Nope}}",
            'template: :1:10: executing "" at <.Nope>: map has no entry for key "Nope"',
        ),
        (
            "a\n{{.Nope}}",
            'template: :2:2: executing "" at <.Nope>: map has no entry for key "Nope"',
        ),
        (
            "{{.Id.X}}",
            'template: :1:5: executing "" at <.Id.X>: can\'t evaluate field X in type interface {}',
        ),
        (
            "{{.State.Health.Status}}",
            (
                'template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key '
                '"Health"'
            ),
        ),
        (
            "{{.state.Pid}}",
            'template: :1:8: executing "" at <.state.Pid>: map has no entry for key "state"',
        ),
        ("{{.Id", "template: :1: unclosed action"),
        ("{{.Id}", "template: :1: bad character U+007D '}'"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{.Names x}}", 'template: :1: function "x" not defined'),
        ("{{nope .Id}}", 'template: :1: function "nope" not defined'),
        ("\n{{ nope }}", 'template: :2: function "nope" not defined'),
    ],
)
def test_errors(text: str, message: str) -> None:
    """A template that fails says so as Go does, line and column included."""
    with pytest.raises(TemplateError) as error:
        executed(text)
    assert str(error.value) == message


REST = {
    "{{range $i, $e := .Args}}{{$i}}={{$e}}{{else}}none{{end}}": "0=1000",
    "{{range .Mounts}}x{{else}}none{{end}}": "none",
    "{{range 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}}": "02",
    "{{range .Config.Cmd}}{{.}}{{break}}{{end}}": "sleep",
    "{{if .State.Error}}a{{else if .State.Running}}b{{else}}c{{end}}": "b",
    "{{with .State.Health}}a{{else with .ID}}{{.}}{{end}}": "abc",
    '{{$x := .Id}}{{$x = "new"}}{{$x}}': "new",
    '{{define "t"}}<{{.}}>{{end}}{{template "t" .Id}}{{block "b" 1}}{{.}}{{end}}': "<abc>1",
    '{{.Id | upper | printf "%s-%03d|" | printf "%s"}}': "%!d(MISSING)",
    '{{index .Config.Labels "b"}} {{index .Args 0}} {{slice .Id 1 2}} {{len .Id}}': "2 1000 b 3",
    '{{and .Id (or "" 0 "x") (not false)}} {{eq 1 2 1}} {{lt 1 2}} {{ge "b" "a"}}': (
        "true true true true"
    ),
    '{{join .Config.Cmd ","}} {{split "a-b" "-"}} {{pad "x" 1 1}} {{truncate .ID 2}}': (
        "sleep,1000 [a b]  x  ab"
    ),
    '{{title "a b"}} {{lower "A"}} {{html "<"}} {{js "<"}} {{urlquery "a b"}}': (
        "A B a &lt; \\u003C a+b"
    ),
    '{{printf "as %05d %-4d %.1d %+d" .ID .ID .ID .ID}}': (
        "as %!d(string=00abc) %!d(string=abc ) %!d(string=a) %!d(string=abc)"
    ),
    '{{printf "%q %v %5d|%-4s|%x %T" .ID .Args 3 "a" 255 .State.Pid}}': (
        '"abc" [1000]     3|a   |ff int'
    ),
    '{{print 1 2 "a" 3}} {{println .Id}}': "1 2a3 abc\n",
    "{{(index .Args 0 | len)}} {{0x1f}} {{1.50}} {{'a'}} {{1e6}}": "4 31 1.5 97 1e+06",
    "{{.State}} {{.Mounts}}": "{ true false false false false 42 0    <nil>} []",
    "{{.ID}} {{.HostConfig.CPUShares}} {{.HostConfig.DNS}}": "abc 0 []",
}


@pytest.mark.parametrize("text", REST)
def test_the_rest_of_the_language(text: str) -> None:
    """Blocks, variables, pipelines and functions do what Go's do."""
    if REST[text].startswith("%!"):
        assert REST[text] in executed(text)
    else:
        assert executed(text).startswith(REST[text])


def test_types_stand_in_errors_where_docker_has_them() -> None:
    """`version` and `info` work on Go's structs, and name them."""
    template = parse("{{.Nope}}", "version")
    with pytest.raises(TemplateError) as error:
        template.of_fact({}, "system.versionInfo")
    assert str(error.value) == (
        'template: version:1:2: executing "version" at <.Nope>: '
        "can't evaluate field Nope in type system.versionInfo"
    )


def test_json_is_gos() -> None:
    """One line, UTF-8 as it is, separators of lines escaped, HTML only where docker does."""
    assert go_json({"a": "é<&>\n\u2028"}) == '{"a":"é<&>\\n\\u2028"}'
    assert go_json("<&>", for_html=True) == '"\\u003c\\u0026\\u003e"'
    assert go_json("\udcff") == '"\ufffd"'


def test_values_are_gos() -> None:
    """%v of nested values sorts maps and leaves texts bare."""
    assert printed(bare({"b": [1, None, True], "a": {}})) == "map[a:map[] b:[1 <nil> true]]"


WORDS = st.sampled_from(
    "{{ }} {{- -}} | ( ) . .Id .State.Pid .Args $ $x := = , range if else with end define template "
    "block break nil true 1 1.5 \"a\" `b` 'c' len index eq and or not print json upper split "
    "/* */ x".split()
)


@given(st.lists(WORDS, max_size=14).map(" ".join) | st.text(alphabet='{}.-/*Idjson "x\n$|():='))
def test_any_text_is_executed_or_refused(text: str) -> None:
    """No template makes the reader or the execution fail otherwise than by its own error."""
    with suppress(TemplateError):
        executed(text)


@given(st.lists(WORDS, max_size=14).map("".join))
def test_what_is_refused_is_refused_with_its_line(text: str) -> None:
    """An error names the template and a line that the text has."""
    try:
        parse(text, "name")
    except TemplateError as error:
        place = re.match(r"template: name:(\d+): ", str(error))
        assert place is not None
        assert 1 <= int(place[1]) <= text.count("\n") + 1


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_stays(text: str) -> None:
    """What is no action comes out as it went in."""
    assert executed(text) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_quoted_text_is_read_as_it_was(text: str) -> None:
    """What Go quotes, the lexer unquotes."""
    assert executed(f"{{{{{go_quote(text)}}}}}") == text


@given(
    st.lists(st.one_of(st.text(max_size=3), st.integers(), st.booleans(), st.none()), max_size=4),
    st.text(alphabet="%sdvqxXtTceEfgGUboO*.[]123+-# 0a", max_size=12),
)
def test_printf_takes_any_form_and_values(values: list[Any], form: str) -> None:
    """No verb, width or value is too much for it."""
    assert isinstance(sprintf(form, [bare(each) for each in values]), str)


def test_a_template_without_end_is_refused() -> None:
    """One that invokes itself fails as in Go, and does not take the process with it."""
    with pytest.raises(TemplateError, match="exceeded maximum template depth"):
        executed('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}')
    with pytest.raises(TemplateError):
        parse("{{" + "(" * 2000 + "1" + ")" * 2000 + "}}")


def test_objects_of_inspect_stand_in_gos_order() -> None:
    """Fields as in docker's structs, keys of maps by their names; what no struct has comes last."""
    shown = in_order(
        {
            "HostConfig": {"Memory": 0, "Binds": None, "PortBindings": {"80/tcp": [], "1/udp": []}},
            "Config": {"Labels": {"b": "2", "a": "1"}, "User": "", "Env": ["Z=1", "Y=2"]},
            "Own": {"z": 1},
            "Id": "0",
        }
    )
    assert json.dumps(shown) == json.dumps(
        {
            "Id": "0",
            "HostConfig": {"Binds": None, "PortBindings": {"1/udp": [], "80/tcp": []}, "Memory": 0},
            "Config": {"User": "", "Env": ["Z=1", "Y=2"], "Labels": {"a": "1", "b": "2"}},
            "Own": {"z": 1},
        }
    )
    assert in_order({"Labels": {"b": "", "a": ""}}) == {"Labels": {"b": "", "a": ""}}
