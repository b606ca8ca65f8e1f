"""The processes that make it so: zygote, monitors and workers, and the protocol between them.

The way of a start: `supervisor` asks the `zygote`, which forks a `monitor`, which launches the
container and stays its parent. Jobs that must see files as a container does are done by a
`worker`. What dies unsaid is told and cleaned by `repair`. Imported one module at a time: a kernel
needs `supervisor` only.
"""
