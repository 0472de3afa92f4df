#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what tests/perf/run.sh has measured: plot.py RESULTS-DIR FILE.svg

RESULTS-DIR is BUILD/perf, with the JSON of the parts start, podman, import, images and network. A part that was not
measured is left out, and said so on stderr. The same results give the same bytes.
"""
import json
import pathlib
import sys
from xml.sax.saxutils import escape

WIDTH, LABELS, BAR, ROW, MARGIN = 860, 330, 430, 19, 24
OURS, OTHERS, LINE, TEXT = "#1a7f5a", "#9aa4ae", "#c62f2f", "#24292f"
NETWORK = {
    "out-1": "TCP out, one stream", "out-8": "TCP out, eight streams", "download-1": "TCP in, one stream",
    "published-1": "published port, one stream", "published-8": "published port, eight streams",
}
PEERS = {"slirp4netns": "slirp4netns", "pasta": "pasta", "spliced": "pasta, spliced", "sandbox": "sandbox"}


class Drawing:
    def __init__(self):
        self.parts, self.y = [], MARGIN

    def text(self, x, y, text, size=12, anchor="start", weight="normal", colour=TEXT):
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" '
                          f'font-weight="{weight}" fill="{colour}" stroke="#ffffff" stroke-width="3" paint-order="stroke">'
                          f'{escape(text)}</text>')

    def title(self, text):
        self.y += ROW
        self.text(MARGIN, self.y, text, 14, weight="bold")
        self.y += ROW - 6

    def bars(self, rows, longest, unit="", mark=None):
        """rows: (label, value, is ours). What is longer than `longest` is cut, and its figure tells."""
        if mark:
            x = MARGIN + LABELS + BAR * mark / longest
            self.parts.append(f'<path d="M{x:.1f} {self.y}v{ROW * len(rows)}" stroke="{LINE}" stroke-width="1"/>')
        for label, value, ours in rows:
            length = BAR * min(value / longest, 1)
            self.text(MARGIN + LABELS - 8, self.y + 12, label, anchor="end")
            self.parts.append(f'<rect x="{MARGIN + LABELS}" y="{self.y + 2}" width="{length:.1f}" height="{ROW - 5}" '
                              f'fill="{OURS if ours else OTHERS}"/>')
            if value > longest:
                x = MARGIN + LABELS + BAR - 22
                self.parts.append(f'<path d="M{x} {self.y + ROW - 1}l6 {2 - ROW}h6l-6 {ROW - 2}z" fill="#ffffff"/>')
            self.text(MARGIN + LABELS + length + 6, self.y + 12, f"{value:.2f}{unit}" if value < 10 else f"{value:.1f}{unit}")
            self.y += ROW
        self.y += 6

    def note(self, text):
        self.text(MARGIN, self.y + 10, text, 11, colour="#57606a")
        self.y += ROW

    def svg(self):
        height = self.y + MARGIN // 2
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', *self.parts, "</svg>\n"])


def read(results, name):
    path = results / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def draw_start(drawing, results):
    start = read(results, "start")
    if not start:
        return False
    rows = [(contender["name"], float(contender["ratio"]), not contender["name"].startswith("bwrap"))
            for contender in start]
    podman = read(results, "podman")
    image = [float(contender["ratio"]) for contender in start if contender["name"].endswith("full range, no network")]
    if podman and image:
        # It was measured beside sandbox, not beside bubblewrap.
        rows += [("podman run --network none", float(podman[1]["ratio"]) * image[0], False)]
    drawing.title("Start to end of true, in times of bubblewrap's (less is quicker)")
    drawing.bars(rows, 3, mark=1)
    return True


def draw_imports(drawing, results):
    rows = []
    start = read(results, "import")
    if start:
        rows.append(("disk: alpine.tar, 8 MB", float(start[1]["ratio"]), True))
    # The small image in every form says the same again and again.
    for path in sorted(results.glob("images-*.json")):
        if "alpine" not in path.stem:
            table = json.loads(path.read_text())
            rows.append((table["title"], float(table["contenders"][1]["ratio"]), True))
    if not rows:
        return False
    drawing.title("First start, import included, and removal, in times of GNU tar and rm (less is quicker)")
    drawing.bars(rows, 2, mark=1)
    return True


def draw_network(drawing, results):
    table = read(results, "network")
    measures = [(measure, title) for measure, title in NETWORK.items() if table and measure in table]
    values = [(title, PEERS[peer], cell["median"], peer == "sandbox") for measure, title in measures
              for peer, cell in table[measure].items() if peer in PEERS and cell["median"]]
    if not values:
        return False
    drawing.title("The network, Gbit/s (more is quicker)")
    longest = max(value for _, _, value, _ in values) * 1.1
    for _, title in measures:
        drawing.bars([(f"{title}: {peer}" if number == 0 else peer, value, ours) for number, (peer, value, ours) in
                      enumerate((peer, value, ours) for of, peer, value, ours in values if of == title)], longest)
    return True


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    results, drawing, drawn = pathlib.Path(sys.argv[1]), Drawing(), 0
    for draw, part in [(draw_start, "start"), (draw_imports, "import, images"), (draw_network, "network")]:
        if draw(drawing, results):
            drawn += 1
        else:
            print(f"plot.py: not measured: {part}", file=sys.stderr)
    if not drawn:
        sys.exit(f"plot.py: {results}: no results of tests/perf/run.sh")
    drawing.note("Medians; ratios are taken pair by pair in one run. Drawn by tests/perf/plot.py.")
    pathlib.Path(sys.argv[2]).write_text(drawing.svg())


if __name__ == "__main__":
    main()
