"""Train the tiny agent from scratch, measure it on the demo suite and write its card.

    python examples/train_tiny_agent/train.py --output DIR --seed 0

On two CPU cores this takes well under an hour. `--evaluate-only` measures an agent that is there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from agent_model import new_model
from agent_tokenizer import CONTEXT, template_text, train_tokenizer
from card import model_card
from corpus import FLIP_SHARE, conversations
from evaluation import Sample, figures, flips_by, sample, table
from training import Schedule, train
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging
from transformers.utils.chat_template_utils import _compile_jinja_template

from cb_datasets.formats.llama31.tokens import BEGIN_OF_TEXT
from cb_datasets.sources.demo.source import demo_scenarios

TOKENIZER_CONVERSATIONS = 8000
SAMPLES = 5
TEMPERATURE = 0.7
COMMAND = "python examples/train_tiny_agent/train.py --output DIR --seed {seed}"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the agent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Schedule().steps)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--evaluate-only", action="store_true", help="measure what is in the folder"
    )
    return parser.parse_args(given)


def main() -> int:
    options = arguments()
    torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    if options.evaluate_only:
        return report(measure(options.output, options.seed))
    began = time.monotonic()
    schedule = Schedule(steps=options.steps)
    tokenizer = make_tokenizer(options.seed)
    model = new_model(tokenizer, CONTEXT, options.seed)
    train(model, tokenizer, schedule, options.seed)
    minutes = (time.monotonic() - began) / 60
    options.output.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, options.output)
    model.to(torch.bfloat16).save_pretrained(options.output)
    found = measure(options.output, options.seed)
    write_card(options.output, found, schedule, options.seed, minutes)
    return report(found)


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """A tokenizer trained on conversations that the training does not use."""
    template = template_text()
    render = _compile_jinja_template(template).render
    texts = (
        render(messages=c.messages, tools=c.tools, bos_token=BEGIN_OF_TEXT) + c.completion
        for c in conversations(TOKENIZER_CONVERSATIONS, seed + 1_000_000)
    )
    return train_tokenizer(texts, template)


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save a tokenizer under the class name that every version of transformers knows."""
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def measure(folder: Path, seed: int) -> list[Sample]:
    """Completions of the agent in a folder for the demo suite, judged."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return sample(
        model, tokenizer, demo_scenarios(), samples=SAMPLES, temperature=TEMPERATURE, seed=seed
    )


def write_card(
    folder: Path, found: list[Sample], schedule: Schedule, seed: int, minutes: float
) -> None:
    """Write the model card into the agent's folder."""
    card = model_card(
        figures(found),
        flips_by(found, "category"),
        flips_by(found, "template"),
        parameters=AutoModelForCausalLM.from_pretrained(folder).num_parameters() / 1e6,
        size=sum(path.stat().st_size for path in folder.iterdir()) / 1e6,
        temperature=TEMPERATURE,
        samples=len(found) // len(demo_scenarios()),
        scenarios=len(demo_scenarios()),
        command=COMMAND.format(seed=seed),
        minutes=minutes,
        conversations=schedule.steps * schedule.batch_size,
        flip_share=FLIP_SHARE,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def report(found: list[Sample]) -> int:
    """Print the figures; 1 if one is out of its band."""
    print(table(figures(found)))
    for field in ("category", "template"):
        for name, (share, count) in flips_by(found, field).items():
            print(f"{name:40} {share:6.1%} of {count}")
    return 0 if all(figure.met for figure in figures(found)) else 1


if __name__ == "__main__":
    sys.exit(main())
