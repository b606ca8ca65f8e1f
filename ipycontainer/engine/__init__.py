"""The Python API: verbs on containers and images, as docker-py names them.

Says what is wanted; supervise makes it so. `ipycontainer.connect` is the front door.
"""
