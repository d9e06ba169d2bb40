"""What ``bench/gateway.py`` is made of.

``mock.c`` is the upstream and ``load.c`` the callers, both compiled when the bench begins (``building``); ``asking`` holds what
is asked, ``starting`` the gateways under test, ``weighing`` processor time, memory and the disk, ``rounds`` the measuring
itself, ``reporting`` the table and the bars.
"""
