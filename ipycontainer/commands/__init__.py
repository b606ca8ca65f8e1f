"""The command line: one click grammar for notebook and shell, one function a verb.

kernel_ext and the shell call `grammar.invoke(engine_factory, argv, stdin=..., cwd=...)`; verbs ask
the engine and return records; each face renders those. Modules are imported one by one: nothing
here loads the engine.
"""
