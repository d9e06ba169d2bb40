"""概況: how are we doing?"""

from __future__ import annotations

from jitsuri.web.desk import Desk, Nav, Page, PageRequest, Route


def overview(desk: Desk, request: PageRequest) -> Page:  # noqa: ARG001  # every handler is called alike
    return Page("overview.html", {"name": request.person.name})


ROUTES: tuple[Route, ...] = (Route("GET", "/", "signed_in", overview, Nav("overview", "o", 10)),)
