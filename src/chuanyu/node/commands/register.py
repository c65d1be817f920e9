"""`chuanyu register import`: enter documents an agency holds into the node's front register 前置库, from a CSV file."""

import argparse
import sys
from pathlib import Path

from chuanyu.node import cli

HELP = "the front register of a node's agencies: import documents from a CSV file"
COLUMNS = """\
columns: person (the number), person_name, valid_from, valid_to (blank = open), then the document's fields;
a list is one column of JSON (years) or repeated columns counted from 1 (years.1.year, years.1.wages, years.2.year, …)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`import FILE --agency CODE --document SERVICE.DOCUMENT`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    load = verbs.add_parser(
        "import",
        help="every row or none",
        description="Enter every row of a CSV file, or none: each wrong line and field is named.",
        epilog=COLUMNS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_node(load)
    load.add_argument("file", type=Path, help="UTF-8 or GB 18030")
    load.add_argument("--agency", required=True, help="code of the agency that holds them, e.g. hrss")
    load.add_argument("--document", required=True, help="e.g. pension_transfer.account_record")
    load.add_argument("--source", help="where the file comes from (default: its name)")
    load.add_argument("--language", choices=("zh", "en"), default="en", help="of what is printed (default: en)")


def run(options: argparse.Namespace) -> int:
    """0 and how many rows; 1 and what is wrong, with nothing entered."""
    cli.django(options.at)
    from chuanyu.exchange import actions, register
    from chuanyu.exchange.errors import RegisterError
    from chuanyu.identity.queries import agency

    try:
        agency(options.at, options.agency)
        count = actions.register_import_csv(
            text=register.decode_text(options.file.read_bytes()),
            agency=options.agency,
            document=options.document,
            source=options.source or options.file.name,
        )
    except LookupError:
        raise cli.Stop(f"There is no agency {options.agency} at {options.at}.") from None
    except OSError as error:
        raise cli.Stop(f"{options.file} can't be read: {error.strerror}.") from None
    except RegisterError as error:
        for row in error.rows:
            place = f"{options.file.name}:{row.line}" + (f": {row.field}" if row.field else "")
            print(f"{place}: {row.text.say(options.language)}", file=sys.stderr)
        raise cli.Stop(error.text.say(options.language)) from None
    print({"zh": f"已导入 {count} 行。", "en": f"{count} rows entered."}[options.language])
    return 0
