"""Published chat templates rendered by transformers' Jinja, to hold the TypeScript renderer to it.

Writes tokenizer/hub/chat-templates.json: {templates: {name: source}, cases: [{template, messages, addGenerationPrompt,
tools?, text?, error?}]}. A case has `error` where the template itself refuses the conversation. The Qwen and Phi
templates are the ones that trl carries (Apache-2.0 and MIT); `strict` and `trimmed` are written here.
"""

from pathlib import Path

import jinja2
import transformers
import trl
from transformers.utils.chat_template_utils import render_jinja_template

from golden_io import write_json
from tokenizer_texts import CHATS

STRICT = r"""{{ bos_token }}
{% if messages[0]['role'] == 'system' %}{% set offset = 1 %}{% else %}{% set offset = 0 %}{% endif %}
{% for message in messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == offset) %}
        {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {% endif %}
    {{ '<' + message['role'] + '>' + message['content'] | trim + '</' + message['role'] + '>' }}
{% endfor %}
{% if add_generation_prompt %}<assistant>{% endif %}
"""
TRIMMED = r"""{%- set ns = namespace(last=none) -%}
{%- for message in messages -%}
    {%- set ns.last = message.role -%}
    {{- '### ' ~ message.role | capitalize ~ ' (' ~ loop.index ~ '/' ~ loop.length ~ '):\n' ~ message.content | trim -}}
    {%- if not loop.last %}{{ '\n\n' }}{% else %}{{ eos_token }}{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt and ns.last != 'assistant' -%}{{ '\n\n### Assistant:\n' }}{%- endif -%}
"""
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city, in °C",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
                "required": ["city"],
            },
        },
    }
]


def sources():
    folder = Path(trl.__file__).parent / "chat_templates"
    carried = {n: (folder / f"{n}.jinja").read_text(encoding="utf-8") for n in ["qwen2_5", "qwen3", "phi3"]}
    return carried | {"strict": STRICT, "trimmed": TRIMMED}


def render(source, messages, prompt, tools):
    rendered, _ = render_jinja_template(
        conversations=[messages],
        tools=tools,
        chat_template=source,
        add_generation_prompt=prompt,
        bos_token="<s>",
        eos_token="</s>",
    )
    return rendered[0]


if __name__ == "__main__":
    cases = []
    for name, source in sources().items():
        for messages in CHATS.values():
            for prompt in (False, True):
                case = {"template": name, "messages": messages, "addGenerationPrompt": prompt}
                try:
                    case["text"] = render(source, messages, prompt, None)
                except jinja2.exceptions.TemplateError as error:
                    case["error"] = str(error)
                cases.append(case)
        if name.startswith("qwen"):
            messages = CHATS["system"]
            text = render(source, messages, True, TOOLS)
            case = {"template": name, "messages": messages, "addGenerationPrompt": True, "tools": TOOLS, "text": text}
            cases.append(case)
    write_json(
        "tokenizer/hub/chat-templates.json",
        {"transformers": transformers.__version__, "trl": trl.__version__, "templates": sources(), "cases": cases},
    )
