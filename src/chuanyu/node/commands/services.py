"""`chuanyu services`: what this installation can do."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import json_schema
from chuanyu.core.service import Service

HELP = "list the services with their states, rules and documents"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, with a JSON schema of each document")


def run(args: argparse.Namespace) -> int:
    """Print all services, in the order of the plan's clauses."""
    services = sorted(catalogue().values(), key=lambda service: (service.clause, service.key))
    if args.json:
        print(json.dumps([described(service) for service in services], ensure_ascii=False, indent=2))
    else:
        for service in services:
            print("\n".join(_lines(service)))
    return 0


def described(service: Service) -> dict[str, Any]:
    """A service as plain data for other programs."""
    procedure = service.procedure
    return {
        "key": service.key,
        "chapter": service.chapter,
        "clause": service.clause,
        "mode": service.mode,
        "name": {"zh": service.name.zh, "en": service.name.en},
        "summary": {"zh": service.summary.zh, "en": service.summary.en},
        "hash": service.hash,
        "states": [
            {
                "name": state.name,
                "title": {"zh": state.title.zh, "en": state.title.en},
                "owner": state.owner,
                "term": state.term,
                "outside": state.outside,
                "final": state.final,
                "acts": {act.name: dict(act.to) for act in state.does.values()},
            }
            for state in (procedure.states.values() if procedure else ())
        ],
        "rules": [
            {
                "name": rule.name,
                "title": rule.title,
                "outcomes": list(rule.outcomes),
                "on": rule.on,
                "documents": list(rule.documents),
                "optional": sorted(rule.optional),
            }
            for rule in service.rules.values()
        ],
        "documents": {
            name: {
                "title": {"zh": document.title.zh, "en": document.title.en},
                "by": document.by,
                "register": document.register,
                "schema": json_schema(document.cls),
            }
            for name, document in service.documents.items()
        },
    }


def _lines(service: Service) -> Iterator[str]:
    procedure = service.procedure
    yield f"{service.key}  {service.name.zh}  {service.name.en}"
    yield f"  clause {service.clause}, {service.mode}, {service.chapter}"
    if procedure:
        yield f"  states     {' '.join(procedure.states)}"
    yield f"  rules      {' '.join(service.rules) or '-'}"
    yield f"  documents  {' '.join(service.documents) or '-'}"
