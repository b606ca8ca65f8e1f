"""What somebody may answer to the exercises of the course: one right answer, and wrong ones.

Of a wrong one the words that the check says. Each stands in place of the cell tagged `answer-N`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ANSWERS", "Exercise"]


@dataclass(frozen=True)
class Exercise:
    """`right` is an answer that is right, `wrong` maps others to what the check says of them."""

    right: str
    wrong: dict[str, str]


_QUICK = "%container run -d --name quick --network none host sleep 60\n%container"
_HIDE = "%%byhand\ndef hide():\n    "
_QUIZ = "%%container run --name quiz --network none small\n"
_POLITE = "%%container run -d --name polite --network none host\nimport signal, sys, time\n"
_LOOP = "\nprint('ready')\nwhile True:\n    time.sleep(0.05)\n"
_GROW = "%container run --name grow --network none host python grow.py\nadded ="

ANSWERS: dict[str, dict[int, Exercise]] = {
    "00_quickstart": {
        1: Exercise(
            "%container run --name double --network none host python double.py\nchanged = 1",
            {
                "%container run --name double host python double.py\nchanged = 2": "directories do",
                "%container run --name double host true\nchanged = 1": "it changed nothing",
            },
        ),
        2: Exercise(f"{_QUICK} kill quick", {f"{_QUICK} kill -s USR1 quick": "Which verb ends it"}),
    },
    "01_what_is_a_container": {
        1: Exercise(
            "%%byhand\nflags = CLONE_NEWPID | CLONE_NEWUTS",
            {
                "%%byhand\nflags = CLONE_NEWUTS": "not process 1",
                "%%byhand\nflags = CLONE_NEWPID": "renamed your machine",
                "%%byhand\nflags = CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNS": "shares less",
                "%%byhand\nflags = CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWUSER": "shares less",
                "%%byhand\nflags = 'all'": "in place of the 0",
            },
        ),
        2: Exercise(
            f"{_HIDE}mount('tmpfs', 'lesson/machine/private', 'tmpfs')",
            {
                f"{_HIDE}os.remove('lesson/machine/private/secret')": "everybody",
                f"{_HIDE}mount('tmpfs', '/nowhere', 'tmpfs')": "an error",
            },
        ),
    },
    "02_images_and_layers": {
        1: Exercise(
            f"{_QUIZ}echo x > /x\nrm /leaflet",
            {
                f"{_QUIZ}echo x > /x\nrm /leaflet\necho x >> /greeting": "/greeting is changed",
                f"{_QUIZ}echo x > /x": "1 added and 0 deleted",
            },
        ),
        2: Exercise(
            "answer = 5", {"answer = 3": "three commits, but", "answer = 4": "do you begin"}
        ),
    },
    "03_networks": {
        1: Exercise(
            "%container run -d --name visitor --network shop host sleep 60",
            {"%container run -d --name visitor --network street host sleep 60": "it is on street"},
        ),
        2: Exercise(
            "url = f'http://127.0.0.1:{port}/'",
            {
                "url = f'127.0.0.1:{port}'": "put a URL",
                "url = 'http://127.0.0.1:1/'": "nobody answers",
            },
        ),
    },
    "04_limits_and_signals": {
        1: Exercise(
            f"{_POLITE}signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)){_LOOP}",
            {
                f"{_POLITE}signal.signal(signal.SIGTERM, lambda *_: sys.exit(4)){_LOOP}": "code 4",
                f"{_POLITE}print('ready')": "before anybody asked",
            },
        ),
        2: Exercise(
            "lazy_code, busy_code = None, 137",
            {
                "lazy_code, busy_code = 129, 137": "Not yet, lazy",
                "lazy_code, busy_code = None, 9": "Not yet, busy",
            },
        ),
    },
    "05_data_sandbox": {
        1: Exercise(
            f"{_GROW} 7",
            {
                f"{_GROW} 8": "count the rows",
                f"{_GROW} ...": "Now count",
                "%container run --name grow host python grow.py\nadded = 7": "it had a network",
            },
        ),
        2: Exercise(
            "%container branch lab fresh", {"%container branch other fresh": "a kiwi in it"}
        ),
    },
}
