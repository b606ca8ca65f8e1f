"""What a container's files stand on: layers, writable directories, and what changed in them.

    trees      delete a tree that may be hostile, by directory fds
    tar_reader a tar archive as a stream of entries; reads, decides nothing
    unpack     entries become a layer: confined, bounded, whiteouts in overlay form
    attributes owners, extended attributes and overlayfs's marks
    snapshots  a container's upper directories: made, thrown away, swept up
    changes    what a container did to its image, from its upper directories

Modules are imported one by one. May import store, linux, model and errors; runs in workers, so only
the standard library stands below it.
"""
