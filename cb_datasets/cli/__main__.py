"""Where `cb-datasets` begins: Ctrl-C is heard while the commands are being loaded, too."""

from __future__ import annotations

from cb_datasets.cli.interrupts import interruptible


def main() -> None:
    """Run the command line."""
    with interruptible():
        from cb_datasets.cli import app

        app.main()


if __name__ == "__main__":
    main()
