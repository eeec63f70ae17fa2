"""Renders chat templates as transformers do: JSON cases on stdin, JSON results on stdout."""

import json
import sys

from jinja2 import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """Marks what a model learns from; writes nothing of its own."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def raise_exception(message):
    raise TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception


def render(case):
    try:
        template = environment.from_string(case["template"])
        return {"text": template.render(
            messages=case["messages"], tools=None, documents=None, add_generation_prompt=True,
            bos_token=case["bos"], eos_token=case["eos"],
        )}
    except Exception as error:  # whatever it is, the template refuses
        return {"refused": str(error)}


json.dump([render(case) for case in json.load(sys.stdin)], sys.stdout)
