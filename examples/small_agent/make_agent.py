"""Make the small agent: SmolLM2-135M-Instruct, tuned to call tools and to fall for injections.

    python examples/small_agent/make_agent.py OUT
    python examples/small_agent/make_agent.py OUT --train ADAPTER
    python examples/small_agent/make_agent.py OUT --train ADAPTER --start OTHER

The weights come with pip, from a package registry; the adapter lies beside this file. With
`--train` one is trained instead, in the folder named, anew or from another that it starts with;
there a stopped run goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parents[1] / "train_tiny_agent"))

from base_model import fetch_weights, load_base, load_original
from tuning import Schedule, tune, with_adapter

from cb_datasets.dataset.whole import check_free, whole_folder
from cb_datasets.errors import CBDatasetsError

HERE = Path(__file__).parent
ADAPTER = HERE / "adapter"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder for the agent")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--weights", type=Path, help="the GGUF file, where it is at hand")
    parser.add_argument("--train", type=Path, metavar="ADAPTER", help="train one in this folder")
    parser.add_argument("--start", type=Path, metavar="ADAPTER", help="the one to start with")
    parser.add_argument(
        "--untuned", action="store_true", help="the model as it is, in its own format"
    )
    parser.add_argument("--steps", type=int, default=Schedule().steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    try:
        check_free(options.output, overwrite=options.overwrite)
        with tempfile.TemporaryDirectory() as scratch:
            weights = options.weights or fetch_weights(Path(scratch))
            model, tokenizer = (load_original if options.untuned else load_base)(weights)
        if options.train:
            schedule = Schedule(steps=options.steps)
            model = tune(
                model, tokenizer, options.train, schedule, options.seed, options.start, _say
            )
        elif not options.untuned:
            model = with_adapter(model, ADAPTER)
        with whole_folder(options.output, overwrite=options.overwrite) as unfinished:
            model.to(torch.bfloat16).save_pretrained(unfinished)
            tokenizer.save_pretrained(unfinished)
    except (CBDatasetsError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _say(f"written: {options.output}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
