"""The single truth of a home: one SQLite file, the liveness locks beside it, and the bell.

    home, places        where everything lies; found, made and probed by `open_home`
    database            `Store`: connections and transactions; schema: the tables
    containers, images, events
                        statements on the rows, each taking a `Transaction`
    monitor_statements  the few statements that monitors run: a frozen contract
    liveness            locks that say which monitor lives
    bell                wakes those who wait for events

Modules are imported one by one, so that a monitor loads no more than it needs. May import linux,
model and errors; runs in zygotes and monitors, so only the standard library stands below it.
"""
