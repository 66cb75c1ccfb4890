"""The ratios as bars: an SVG of our own, for light and dark pages."""

from collections.abc import Sequence
from math import log10
from xml.sax.saxutils import escape

from benchmarks.measuring import Result

_ROW, _LEFT, _WIDTH, _RIGHT, _TOP = 26, 400, 300, 110, 44
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .quiet { fill: #59636e }
  .line { stroke: #8c959f; stroke-width: 1 }
  .ahead { fill: #1a7f37 } .behind { fill: #bc4c00 } .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .line { stroke: #656c76 }
    .ahead { fill: #3fb950 } .behind { fill: #db6d28 } .page { fill: #0d1117 }
  }
"""


def svg(results: Sequence[Result]) -> str:
    """A bar for each ratio, on a logarithmic scale: to the right of 1 the product is ahead."""
    bars = [
        (f"{found.name}: {name}", spread.median)
        for found in results
        for name, spread in found.ratios.items()
        if spread.median > 0
    ]
    reach = max([abs(log10(value)) for _, value in bars] + [0.5])
    one, height = _LEFT + _WIDTH / 2, _TOP + _ROW * len(bars) + 12
    width = _LEFT + _WIDTH + _RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        ' aria-labelledby="title">',
        f'<title id="title">{escape(_told(bars))}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="quiet" x="{one - 8}" y="24" text-anchor="end">behind</text>',
        f'<text class="quiet" x="{one + 8}" y="24">ahead of the peer</text>',
        f'<path class="line" d="M{one} 12V{height - 8}"/>',
    ]
    for number, (name, value) in enumerate(bars):
        y = _TOP + number * _ROW
        length = abs(log10(value)) / reach * (_WIDTH / 2)
        start = one if value >= 1 else one - length
        tone = "ahead" if value >= 1 else "behind"
        parts += [
            f'<text x="{_LEFT - 12}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{tone}" x="{start:.1f}" y="{y + 1}" width="{max(length, 1):.1f}"'
            f' height="{_ROW - 10}" rx="2"/>',
            f'<text class="quiet" x="{_LEFT + _WIDTH + 10}" y="{y + 13}">{_said(value)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _said(value: float) -> str:
    return f"{value:,.0f} ×" if value >= 10 else f"{value:.2f} ×"


def _told(bars: Sequence[tuple[str, float]]) -> str:
    return "; ".join(f"{name} {_said(value)}" for name, value in bars)
