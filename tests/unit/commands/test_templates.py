"""Go templates give Go's values and Go's errors; the messages are those of docker 26.1.5."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.templates import (
    TemplateError,
    go_json,
    go_value,
    object_value,
    parse,
)
from ipycontainer.errors import Unsupported

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
    template = parse(text)
    return template.execute(lambda action: object_value(template, thing, {}, action))


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
        ("{{json .Config.Labels}}", '{"b":"2","a":"<1>"}'),
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


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{{range .Args}}x{{end}}", "block `range`"),
        ("{{if .Id}}", "block `if`"),
        ("{{end}}", "block `end`"),
        ("{{upper .Id}}", "function `upper`"),
        ('{{index .Config.Labels "a"}}', "function `index`"),
        ("{{.Id | printf}}", "pipelines"),
        ("{{$x}}", "`$x`"),
        ("{{1}}", "`1`"),
        ("{{json}}", "`json` without a field"),
        ("{{.State}}", "the whole object .State"),
        ("{{.}}", "the whole object ."),
    ],
)
def test_the_rest_of_go_is_refused_by_name(text: str, named: str) -> None:
    """What Go has and we do not is named, never printed wrong."""
    with pytest.raises(Unsupported) as error:
        executed(text)
    assert named in error.value.message
    assert error.value.message.endswith("not supported yet")


def test_types_stand_in_errors_where_docker_has_them() -> None:
    """`version` and `info` work on Go's structs, and name them."""
    template = parse("{{.Nope}}", "version")
    with pytest.raises(TemplateError) as error:
        template.execute(
            lambda action: object_value(template, {}, {(): "system.versionInfo"}, action)
        )
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
    assert go_value({"b": [1, None, True], "a": {}}) == "map[a:map[] b:[1 <nil> true]]"


@given(st.text(alphabet='{}.-/*Idjson "x\n$|', max_size=16))
def test_any_text_is_executed_or_refused(text: str) -> None:
    """No template makes the reader fail otherwise than by its own errors."""
    try:
        executed(text)
    except (TemplateError, Unsupported):
        pass


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_stays(text: str) -> None:
    """What is no action comes out as it went in."""
    assert executed(text) == text
