"""Small Jinja constructs rendered by transformers' environment, to hold the TypeScript engine to Jinja2.

Writes templates/constructs.json: {variables, date, cases: [{source, text} | {source, error}]}. A case has `error`, the
name of the exception, where Python raises. And templates/dates.json: {formats, dates: [[date, texts]]}, strftime's. Sources are in template_constructs.txt, one a line, and then those of several
lines, each after a line `---`. The variables are the same for all, as JSON text, since the order of their keys matters and
JavaScript moves keys that look like numbers to the front.
"""

import json
from datetime import datetime
from pathlib import Path

import jinja2
from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template

from golden_io import write_json

RAISED = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    SyntaxError,
    TypeError,
    ValueError,
)
DATE = datetime(2026, 2, 3, 4, 5, 6)
# Turns of years and weeks, a leap day, noon and midnight.
DATES = [
    datetime(2024, 2, 29, 0, 0, 0),
    datetime(2024, 12, 29, 12, 0, 0),
    datetime(2024, 12, 30, 23, 59, 59),
    datetime(2025, 1, 1, 1, 2, 3),
    datetime(2026, 1, 4, 11, 59, 0),
    datetime(2027, 1, 3, 13, 0, 0),
    datetime(2028, 12, 31, 18, 30, 5),
]
FORMATS = [f"%{flag}{code}" for code in "YCyGgVmdejUWuwHkIlMSsf" for flag in ["", "-", "_", "0"]]
FORMATS += [f"%{code}" for code in "AaBbhpPnt%DFTRrcxX"] + ["%^A", "%^b", "%#a", "%#p", "%-d. %B %Y", "%d/%m/%Y, %I:%M %p"]
VARIABLES = {
    "text": " Hello World \n",
    "words": "one two,three  four",
    "empty": "",
    "nothing": None,
    "yes": True,
    "number": 7,
    "half": 0.5,
    "accents": "Ünïcödé ß 😀!",
    "items": [3, 1, 2],
    "names": ["bob", "Alice", "carol", "alice"],
    "mapping": {"b": 1, "a": "x", "10": None},
    "nested": {"list": [1, {"k": "v"}], "get": "own"},
    "users": [
        {"name": "Bob", "age": 30, "tags": ["x"]},
        {"name": "alice", "age": 25, "tags": []},
        {"name": "Carol", "age": 30, "tags": ["y", "z"]},
    ],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi\n"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello"},
    ],
}

# Line breaks at the end, and those of other systems.
LINE_BREAKS = [
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\r\n",
    "a\rb\r",
    "{{ 'a\r\nb' }}",
    "a\n\n",
    "a\n",
    "{{ 1 }}\n",
]


def sources():
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").removesuffix("\n")
    lines, *blocks = text.split("\n---\n")
    return lines.split("\n") + blocks + LINE_BREAKS


def render(source):
    try:
        return {"source": source, "text": _compile_jinja_template(source).render(**VARIABLES)}
    except RAISED as error:
        return {"source": source, "error": type(error).__name__}


class FixedDatetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*DATE.timetuple()[:6])


def main():
    chat_template_utils.datetime = FixedDatetime
    cases = [render(source) for source in sources()]
    dates = [[date.isoformat() + "Z", [date.strftime(one) for one in FORMATS]] for date in DATES]
    write_json("templates/dates.json", {"formats": FORMATS, "dates": dates})
    write_json("templates/constructs.json", {"date": DATE.isoformat() + "Z", "variables": json.dumps(VARIABLES), "cases": cases})


if __name__ == "__main__":
    main()
