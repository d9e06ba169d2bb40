"""Drawing: a chart in, an SVG string out. Each drawing stands alone (fills and fonts are attributes), carries
title and description, scales with its viewBox, and gives a page's stylesheet classes to recolour it."""
