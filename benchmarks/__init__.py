"""How long a start takes, side by side with docker, podman and bubblewrap in the same run.

`scripts/bench` runs `measure` as root and as an ordinary user and prints what `report` makes of it;
`images` measures and prints how long an image takes to come.
"""
