"""Supervisor 番: keeps one embedded PostgreSQL per home folder, over the programs that a wheel brings.

``holding`` is the door (:class:`~jitsuri.store.supervisor.holding.Supervisor`). Below it: ``finding`` and
``installing`` bring the programs, ``creating`` makes a data folder, ``configuring`` its settings, ``running`` starts,
asks and stops a server, ``recognising`` tells our server from any other process, ``telling`` why one did not start,
``locking`` holds the file locks, ``accounts`` lends the server to somebody who is not root, ``ending`` answers signals,
``layout`` names the places. The wheel itself is never imported: only its programs are used.
"""
