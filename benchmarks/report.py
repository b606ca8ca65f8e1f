"""Print medians, ratios and whether the targets are met: `python -m benchmarks.report FILE...`.

The first file is root's where there are two; an ordinary user, who can start no docker daemon, is
held against the docker of root in the same run. Ends with 1 where a target is missed.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Target", "judge", "table"]

# A start costs at most twice bubblewrap's, which keeps no record and has no layers; docker's is to
# be twenty times as long, its exec ten times.
# With a network, a published port and its proxy ten times.
BWRAP_RATIO, DOCKER_RUN_RATIO, DOCKER_EXEC_RATIO, DOCKER_PORT_RATIO = 2, 20, 10, 10
PODMAN_PORT_RATIO = 5  # podman starts faster than docker, and has no daemon either
RATE_RATIO = (
    0.9  # of what flows with the other engines in a second: as theirs, as far as one can say
)
FIRST_LINE_SECONDS = 1
LIMITS_MILLISECONDS = 1  # what memory, processor and processes together add to a start
# What a notebook does beside pandas: less than the second, or at most so many times as much.
NOTEBOOK = (
    ("load extension", "import pandas", 1),
    ("ps frame of 200", "its HTML", 1),
    ("100 MB in and out", "Parquet both ways", 2),
)


@dataclass(frozen=True)
class Target:
    """A sentence with its numbers, and whether it holds."""

    text: str
    met: bool


def medians(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the median of each measure in seconds."""
    return {name: statistics.median(values) for name, values in result["seconds"].items()}


def table(result: Mapping[str, Any]) -> list[str]:
    """Return a line for each measure: median, the spread of the middle half, and how often."""
    lines = []
    for name, values in result["seconds"].items():
        low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        lines.append(
            f"  {name:<20}{middle * 1000:9.1f} ms"
            f"   [{low * 1000:.1f} .. {high * 1000:.1f}]   {len(values)} runs"
        )
    for name, values in result["rates"].items():
        lines.append(f"  {name:<40}{statistics.median(values) / 2**30:7.2f} GiB/s")
    return lines


def rates(result: Mapping[str, Any]) -> list[Target]:
    """Hold what flows in our networks against docker's, for an ordinary user podman's."""
    peer = "docker" if result["root"] else "podman"
    found = {name: statistics.median(values) for name, values in result["rates"].items()}
    targets = []
    for name, rate in found.items():
        engine, _, way = name.partition(" ")
        if engine == "ipycontainer" and f"{peer} {way}" in found:
            ratio = rate / found[f"{peer} {way}"]
            text = f"{way}: {ratio:.2f} of what flows with {peer}, at least {RATE_RATIO}"
            targets.append(Target(text, ratio >= RATE_RATIO))
    return targets


def limits(result: Mapping[str, Any]) -> Target:
    """Hold a start with limits against the one without that ran just before it."""
    plain, limited = (result["seconds"][name] for name in ("run by itself", "run with limits"))
    pairs = zip(plain, limited, strict=True)
    added = statistics.median(late - early for early, late in pairs) * 1000
    ratio = statistics.median(limited) / statistics.median(plain)
    text = f"limits add {added:.2f} ms to a run ({ratio:.2f} of it), at most {LIMITS_MILLISECONDS}"
    return Target(text, added <= LIMITS_MILLISECONDS)


def judge(own: Mapping[str, float], others: Mapping[str, float]) -> list[Target]:
    """Hold one user's medians against the targets; `others` has docker's, measured beside."""
    run, execute = own["ipycontainer run"], own["ipycontainer exec"]
    ratio = run / own["bwrap run"]
    targets = [
        Target(f"run takes {ratio:.2f} of bwrap's, at most {BWRAP_RATIO}", ratio <= BWRAP_RATIO)
    ]
    for verb, ours, wanted in (
        ("run", own["run by itself"], DOCKER_RUN_RATIO),
        ("exec", execute, DOCKER_EXEC_RATIO),
        ("run -p", own["ipycontainer run -p"], DOCKER_PORT_RATIO),
    ):
        if f"docker {verb}" in others:
            ratio = others[f"docker {verb}"] / ours
            text = f"{verb} is {ratio:.1f} times as fast as docker's, at least {wanted}"
            targets.append(Target(text, ratio >= wanted))
    if "podman run -p" in own:  # beside each user in the same run, where docker is only beside root
        ratio = own["podman run -p"] / own["ipycontainer run -p"]
        text = f"run -p is {ratio:.1f} times as fast as podman's, at least {PODMAN_PORT_RATIO}"
        targets.append(Target(text, ratio >= PODMAN_PORT_RATIO))
    beside = own["first line"] - own["import pandas"]
    text = f"first line of a fresh kernel in {beside:.2f} s beside pandas"
    text += f", at most {FIRST_LINE_SECONDS}"
    targets.append(Target(text, beside <= FIRST_LINE_SECONDS))
    for name, other, most in NOTEBOOK:
        ratio = own[name] / own[other]
        text = f"{name} takes {ratio:.2f} of {other}, at most {most}"
        targets.append(Target(text, ratio <= most))
    return targets


def main(files: Iterable[str]) -> int:
    """Print the report; see the module's docstring."""
    results = [json.loads(Path(file).read_text()) for file in files]
    with_docker = next((r for r in results if "docker run" in r["seconds"]), results[0])
    code = 0
    for result in results:
        print("as root:" if result["root"] else "as an ordinary user:")
        print(*table(result), sep="\n")
        held = (*judge(medians(result), medians(with_docker)), limits(result), *rates(result))
        for target in held:
            print(f"  {'met   ' if target.met else 'MISSED'} {target.text}")
            code |= not target.met
    versions = with_docker["versions"]
    print("versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
