"""`chuanyu bench [NAME …]`: how fast we are, each figure beside the machine's own limit, measured in the same run."""

import argparse
import importlib
import json
import os
import pkgutil
from typing import Any

from chuanyu import bench
from chuanyu.node import cli

HELP = "measure how fast this is here, each figure beside the machine's own limit"


def names() -> list[str]:
    """The benches there are: the modules of `chuanyu.bench` with a function `run() -> {figure: value}`."""
    found = sorted(found.name for found in pkgutil.iter_modules(bench.__path__))
    return [name for name in found if hasattr(importlib.import_module(f"chuanyu.bench.{name}"), "run")]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`[NAME …] [--json] [--rows N]`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(names())} (default: all)")
    parser.add_argument("--json", action="store_true", help="as one JSON object, {bench: {figure: value}}")
    parser.add_argument("--rows", type=int, metavar="N", help="of the file that `taps` measures (default: a million)")


def run(options: argparse.Namespace) -> int:
    """0 when every bench came to its end."""
    known = names()
    if unknown := [name for name in options.names if name not in known]:
        raise cli.Stop(f"there is no bench “{unknown[0]}”; there are: {', '.join(known)}", 2)
    if options.rows:
        os.environ["CHUANYU_BENCH_TAPS"] = str(options.rows)
    figures: dict[str, dict[str, Any]] = {}
    for name in options.names or known:
        figures[name] = importlib.import_module(f"chuanyu.bench.{name}").run()
        if not options.json:
            _show(name, figures[name])
    if options.json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    return 0


def _show(name: str, figures: dict[str, Any]) -> None:
    width = max(len(figure) for figure in figures)
    print(f"\n{name}")
    for figure, value in figures.items():
        said = f"{value:,}" if isinstance(value, int | float) else str(value)
        print(f"  {figure:<{width}}  {said}", flush=True)
