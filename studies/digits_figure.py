"""Make the README's figure: the bracket and the loss curves of the digits study.

Run ``python studies/digits.py``, then ``python studies/digits_figure.py``. Drawing needs
kaleido (it is in the dev extra) and a Chromium: ``apt-get install chromium``.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from PIL import Image

from optuna_bisect.visualization import plot_bracket, plot_curves

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 1000, 400
# Few colours are enough for a drawing, and make the file a third as large.
N_COLORS = 128


def write_figure(study: optuna.Study, path: Path) -> None:
    """Write both figures into one picture."""
    pictures = [
        Image.open(io.BytesIO(plot(study).to_image("png", width=WIDTH, height=HEIGHT, scale=1.5)))
        for plot in (plot_bracket, plot_curves)
    ]
    width, height = pictures[0].size
    whole = Image.new("RGB", (width, height * len(pictures)), "white")
    for i, picture in enumerate(pictures):
        whole.paste(picture, (0, i * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.quantize(N_COLORS).save(path, optimize=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the study of a storage that was made last."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--storage", default="sqlite:///digits.db", help="where the study is")
    parser.add_argument("--output", type=Path, default=Path("studies/figures/digits.png"))
    options = parser.parse_args(argv)
    summaries = optuna.get_all_study_summaries(options.storage)
    if not summaries:
        parser.error(f"expected a study in {options.storage} but got none.")
    latest = summaries[-1]
    write_figure(
        optuna.load_study(study_name=latest.study_name, storage=options.storage), options.output
    )
    print(f"{latest.study_name!r} is drawn in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
