"""Supervisor 番: keeps one embedded PostgreSQL per data folder, over the programs that a wheel brings.

``holding`` is the door (:class:`~jitsuri.store.supervisor.holding.Supervisor`); ``installing`` copies the programs,
``creating`` makes a data folder, ``running`` starts, asks and stops a server, ``recognising`` tells our server from
any other process, ``locking`` holds the file locks, ``layout`` names the places.
The wheel itself is never imported: only its programs are used.
"""
