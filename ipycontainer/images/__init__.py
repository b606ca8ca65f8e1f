"""Images: how they come in, lie on disk, are named and go; and `host`, this machine itself.

    archive_import      a tar or directory becomes an image (intake: the one pass over its bytes;
                        directory_archive; change_instructions, change_words: the lines of `-c`)
    layout, oci_config  the OCI image layout on disk
    catalogue, sweep    names; what nothing stands on any more
    host                this machine, copy-on-write (environment, machine, pip_settings, skeleton)

Modules are imported one by one. May import storage, store, linux, model and errors; runs in
workers, so only the standard library stands below it.
"""
