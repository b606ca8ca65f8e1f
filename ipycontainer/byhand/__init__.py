"""A scratch process: Python with one thread, in which namespaces are made by hand.

For `%%byhand`: a kernel has a dozen threads, so that unshare(2) of its user namespace fails and
others would move one thread only. `client` is what the notebook holds, `keeper` the process that
cleans up, `scratch` runs the cells, `calls` are the functions that they find. Knows nothing of
containers, and is no wall: what a cell does here it does with the user's own rights.
"""
