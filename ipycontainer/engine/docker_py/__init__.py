"""docker-py's keyword arguments, turned into what an engine keeps of a container."""
