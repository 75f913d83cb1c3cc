"""Mermaid charts in artifacts.

Prefect renders them on a dark background in every theme, where Mermaid's default dark text is
unreadable. Hence the explicit colours.
"""

import json

_TEXT_COLOUR, _BACKGROUND_COLOUR = "#f8fafc", "#1e293b"
_COLOURS = (
    "#60a5fa",
    "#34d399",
    "#fbbf24",
    "#f87171",
    "#a78bfa",
    "#22d3ee",
    "#fb923c",
    "#a3e635",
    "#f472b6",
    "#2dd4bf",
    "#94a3b8",
)
_AXES = ("xAxisLabel", "xAxisTitle", "xAxisTick", "xAxisLine")
_THEME = {
    "theme": "base",
    "themeVariables": {
        "pieTitleTextColor": _TEXT_COLOUR,
        "pieLegendTextColor": _TEXT_COLOUR,
        "pieSectionTextColor": "#0f172a",
        "pieStrokeColor": _BACKGROUND_COLOUR,
        "pieOuterStrokeColor": _BACKGROUND_COLOUR,
        "pieOpacity": "1",
        **{f"pie{number}": colour for number, colour in enumerate(_COLOURS, start=1)},
        "xyChart": {
            "backgroundColor": _BACKGROUND_COLOUR,
            "titleColor": _TEXT_COLOUR,
            "plotColorPalette": _COLOURS[0],
            **{f"{axis}Color": _TEXT_COLOUR for axis in _AXES},
            **{f"{axis.replace('x', 'y', 1)}Color": _TEXT_COLOUR for axis in _AXES},
        },
    },
}


def mermaid_chart(diagram: str) -> str:
    """Return a Mermaid code block with readable colours."""
    return f"```mermaid\n%%{{init: {json.dumps(_THEME)}}}%%\n{diagram}\n```"
