"""An OCI bundle becomes processes: plan, steps, init, launch, exec, and an OCI command line.

Everything comes by arguments: this room knows bundles, not the engine's state. Its modules are
imported one by one, before the fork.
"""
