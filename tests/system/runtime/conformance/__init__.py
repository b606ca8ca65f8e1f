"""Cases of the runtime-spec as data, and what runs one of them by any runtime's command line."""
