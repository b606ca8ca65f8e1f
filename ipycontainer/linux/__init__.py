"""Thin typed bindings of the Linux kernel: system calls and kernel files, without policy.

The lowest room but `model` and `errors`: it knows no path, name or format of this project. Modules
are imported one by one; every one of them is complete once imported, so that nothing has to be
loaded after a fork, a setns(2) or a pivot_root(2).
"""
