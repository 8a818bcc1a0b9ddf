"""Chat templates of many model families over several conversations, to hold the TypeScript engine to transformers.

Writes templates/renders.json: {date, conversations, tools, templates: {name: source}, cases: [[template, conversation, tools,
generation prompt, sha256 of the text or null, generations]]}. A case has null where the template fails or refuses the
conversation; generations are the characters that its `generation` blocks wrote. These templates are written here.

`python template_renders.py --public` writes templates/public-renders.json in the same form, for the chat templates of the
packages trl and axolotl. They are other people's text, so git ignores that file; the tests hold the engine to it where it exists.

`python template_renders.py NAME CONVERSATION` prints the text of a case instead.
"""

import hashlib
import importlib.util
import sys
from pathlib import Path

from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import render_jinja_template

from golden_io import write_json
from template_constructs import DATE, FixedDatetime

FROM_TRL = (
    "cohere2 deepseek_r1_distill deepseekv3 gemma gemma3 gemma4 glm4moe gptoss lfm2_v2 llama3 llama3_1 llama3_2 "
    "nemotron_3_nano phi3 phi3_5 qwen2_5 qwen2_5_training qwen3 qwen3_training qwen3_instruct_2507 qwen3_6"
).split()
FROM_AXOLOTL = (
    "alpaca aya chatml command_a cohere deepseek_v2 deepseek_v3 exaone4 falcon_h1 jamba llama4 metharme mistral_v1 "
    "mistral_v2v3 mistral_v3_tekken mistral_v7_tekken nemotron_h phi_4"
).split()

OWN = {
    # Llama 2: the system prompt inside the first instruction, everything stripped.
    "llama2": r"""{%- set first = messages[0] -%}
{%- set has_system = first['role'] == 'system' -%}
{%- set turns = messages[1:] if has_system else messages -%}
{%- for turn in turns -%}
{%- set is_user = turn['role'] == 'user' -%}
{%- if is_user != (loop.index0 % 2 == 0) -%}{{ raise_exception('user and assistant have to take turns') }}{%- endif -%}
{%- set text = turn['content'].strip() -%}
{%- if loop.first and has_system -%}{%- set text = ('<<SYS>>\n' + first['content'] + '\n<</SYS>>\n\n' + turn['content']).strip() -%}{%- endif -%}
{{- bos_token + '[INST] ' + text + ' [/INST]' if is_user else ' ' + text + ' ' + eos_token -}}
{%- endfor -%}""",
    # Vicuna: plain words for roles, a separator that depends on the turn.
    "vicuna": r"""{%- if messages[0].role == 'system' -%}{{ messages[0].content | trim ~ ' ' }}{%- set rest = messages[1:] -%}{%- else -%}{{ 'A chat between a curious user and an assistant. ' }}{%- set rest = messages -%}{%- endif -%}
{%- for m in rest -%}{{ m.role.upper() ~ ': ' ~ m.content | trim ~ (eos_token if m.role == 'assistant' else ' ') }}{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}
""",
    # OpenChat: names of turns, no line breaks.
    "openchat": "{{ bos_token }}{% for m in messages %}{{ 'GPT4 Correct ' + m['role'].title() + ': ' + m['content'] + '<|end_of_turn|>' }}{% endfor %}{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}",
    # Zephyr, with line breaks of another system.
    "zephyr_crlf": "{% for turn in messages %}\r\n{% set head = '<|' ~ turn.role ~ '|>\r\n' %}\r\n{% if turn.role in ['system', 'user', 'assistant'] %}\r\n{{ head ~ turn.content ~ eos_token }}\r\n{% endif %}\r\n{% endfor %}\r\n{% if add_generation_prompt %}\r\n{{ '<|assistant|>' }}\r\n{% endif %}\r\n",
    # Granite: the date, tools and documents as roles of their own.
    "granite": r"""{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = "Knowledge Cutoff Date: April 2024.\nToday's Date: " + strftime_now('%B %d, %Y') + ".\nYou are an assistant." %}
    {%- if tools and documents %}
        {%- set system_message = system_message + " You have tools and documents." %}
    {%- elif tools %}
        {%- set system_message = system_message + " You have tools: " + tools | map(attribute='function.name') | join(', ') + "." %}
    {%- endif %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\n' }}
{%- if tools %}
    {{- '<|start_of_role|>tools<|end_of_role|>' }}
    {{- tools | tojson(indent=4) }}
    {{- '<|end_of_text|>\n' }}
{%- endif %}
{%- for message in loop_messages %}
    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + (message['content'] or '') }}
    {%- for call in message.tool_calls or [] %}
        {{- '<|tool_call|>' + [{'name': call.function.name, 'arguments': call.function.arguments}] | string }}
    {%- endfor %}
    {{- '<|end_of_text|>\n' }}
    {%- if loop.last and add_generation_prompt %}
        {{- '<|start_of_role|>assistant<|end_of_role|>' }}
    {%- endif %}
{%- endfor %}""",
    # OLMo: names of roles, a final turn without a line break.
    "olmo": "{{ bos_token }}{% for turn in messages if turn.role in ('system', 'user', 'assistant') %}{% set is_reply = turn.role == 'assistant' %}{{ '<|%s|>\n%s' % (turn.role, turn.content) }}{% if is_reply %}{{ eos_token }}{% endif %}{% if not (is_reply and loop.last) %}{{ '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
    # SmolLM2 and 3: a default system prompt with metadata, thinking switched by a flag in the system prompt.
    "smollm": r"""{#- ───── defaults ───── -#}
{%- if enable_thinking is not defined -%}
{%- set enable_thinking = true -%}
{%- endif -%}
{%- set reasoning_mode = "/think" if enable_thinking else "/no_think" -%}
{%- set custom_instructions = '' -%}
{%- if messages[0].role == "system" -%}
  {%- if "/no_think" in messages[0].content -%}{%- set reasoning_mode = "/no_think" -%}{%- endif -%}
  {%- set custom_instructions = messages[0].content.replace("/no_think", "").replace("/think", "").rstrip() -%}
{%- endif -%}
{{- "<|im_start|>system\n" -}}
## Metadata

Today Date: {{ strftime_now("%d %B %Y") }}
Reasoning Mode: {{ reasoning_mode + "\n\n" -}}
{%- if custom_instructions -%}{{ "## Custom Instructions\n\n" + custom_instructions + "\n\n" }}{%- endif -%}
{%- if tools -%}
  {{- "### Tools\n\n" -}}
  {%- set ns = namespace(xml="<tools>") -%}
  {%- for tool in tools -%}{%- set ns.xml = ns.xml ~ "\n" ~ (tool.function | string) -%}{%- endfor -%}
  {{- ns.xml ~ "\n</tools>\n" -}}
{%- endif -%}
{{- "<|im_end|>\n" -}}
{%- for message in messages -%}
    {%- set content = message.content if message.content is string else "" -%}
    {%- if message.role == "user" -%}
        {{ "<|im_start|>" + message.role + "\n" + content + "<|im_end|>\n" }}
    {%- elif message.role == "assistant" -%}
        {% generation %}
        {%- if reasoning_mode == "/think" -%}
            {{ "<|im_start|>assistant\n" + content.lstrip("\n") + "<|im_end|>\n" }}
        {%- else -%}
            {{ "<|im_start|>assistant\n" + "<think>\n\n</think>\n" + content.lstrip("\n") + "<|im_end|>\n" }}
        {%- endif -%}
        {% endgeneration %}
    {%- elif message.role == "tool" -%}
    {{ "<|im_start|>" + "user\n"  + content + "<|im_end|>\n" }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ "<|im_start|>assistant\n" if reasoning_mode == "/think" else "<|im_start|>assistant\n<think>\n\n</think>\n" }}
{%- endif -%}
""",
    # Hermes: macros that write a schema in words.
    "hermes_tools": r"""{%- macro json_to_python_type(json_spec) %}
{%- set basic_type_map = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} %}
{%- if basic_type_map[json_spec.type] is defined %}
    {{- basic_type_map[json_spec.type] }}
{%- elif json_spec.type == "array" %}
    {{- "list[" + json_to_python_type(json_spec | items) + "]" }}
{%- elif json_spec.type is iterable and json_spec.type is not string %}
    {{- "Union[" + json_spec.type | join(", ") + "]" }}
{%- else %}
    {{- "Any" }}
{%- endif %}
{%- endmacro %}
{{- bos_token }}
{{- '<|im_start|>system\nHere are the tools: <tools> ' }}
{%- for tool in tools or [] %}
    {%- set tool = tool.function if tool.function is defined else tool %}
    {{- '{"type": "function", "function": {"name": "' + tool.name + '", "description": "' + tool.name + '(' }}
    {%- for name, fields in tool.parameters.properties | items %}
        {{- name + ": " + json_to_python_type(fields) }}
        {%- if not loop.last %}{{- ", " }}{%- endif %}
    {%- endfor %}
    {{- ')' }}
    {%- if tool.parameters.properties | length == 0 %}{{- ' Args: none' }}{%- endif %}
    {{- '", "parameters": ' ~ tool.parameters | tojson ~ '}' }}
    {%- if not loop.last %}{{- "\n" }}{%- endif %}
{%- endfor %}
{{- ' </tools>\n' ~ {"properties": {"name": {"title": "Name", "default": none}}, "required": ["name"]} ~ '<|im_end|>\n' }}
{%- for message in messages %}
    {%- if message.role == "user" or message.role == "system" or (message.role == "assistant" and message.tool_calls is not defined) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- for tool_call in message.tool_calls %}
            {%- set tool_call = tool_call.function if tool_call.function is defined else tool_call %}
            {{- '\n<tool_call>\n{"name": "' ~ tool_call.name ~ '", "arguments": ' ~ tool_call.arguments | tojson ~ '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.previtem and loop.previtem.role != "tool" %}{{- '<|im_start|>tool\n' }}{%- endif %}
        {{- '<tool_response>\n' + message.content }}
        {%- if not loop.last %}{{- '\n</tool_response>\n' }}{%- else %}{{- '\n</tool_response>' }}{%- endif %}
        {%- if not loop.last and loop.nextitem.role != "tool" %}{{- '<|im_end|>' }}{%- elif loop.last %}{{- '<|im_end|>' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
""",
}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city, in °C",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "The city"},
                    "days": {"type": "integer", "default": 1},
                    "unit": {"type": "string", "enum": ["c", "f"]},
                },
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}},
]


def call(number, arguments):
    return {"id": f"call0000{number}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def turn(role, content, **rest):
    return {"role": role, "content": content, **rest}


def answer(number, content):
    return turn("tool", content, name="get_weather", tool_call_id=f"call0000{number}")


CONVERSATIONS = {
    "simple": [turn("user", "hi"), turn("assistant", "hello there"), turn("user", "bye")],
    "spaces": [turn("user", " hi \n"), turn("assistant", " good bye \n")],
    "system": [
        turn("system", "  Be brief.\n"),
        turn("user", 'What is 1 < 2 & "x"?'),
        turn("assistant", "É — yes\n\nok"),
        turn("user", "é😀"),
        turn("assistant", "done"),
    ],
    "think": [
        turn("user", "hi"),
        turn("assistant", "<think>\nfirst\n</think>\n\nhello"),
        turn("user", "bye"),
        turn("assistant", "<think>\nsecond\n</think>\n\ngood bye"),
    ],
    "reasoning": [turn("user", "hi"), turn("assistant", "hello", reasoning_content="hm\n"), turn("user", "more")],
    "tool": [
        turn("system", "S"),
        turn("user", "weather?"),
        turn("assistant", "", tool_calls=[call(1, {"city": "Zürich", "days": 2, "list": [1, "a", None, True]})]),
        answer(1, '{"t": 7}'),
        turn("assistant", "7 °C"),
        turn("user", "thanks"),
    ],
    "two_tools": [
        turn("user", "weather?"),
        turn("assistant", "Let me see.", tool_calls=[call(1, {"city": "A"}), call(2, {"city": "B", "ratio": 1.5})]),
        answer(1, "7"),
        answer(2, "8"),
    ],
    "wrong_order": [turn("user", "a"), turn("user", "b")],
}


def public_sources():
    def read(package, folder, names):
        root = Path(importlib.util.find_spec(package).submodule_search_locations[0]) / folder
        return {f"{package}/{name}": (root / f"{name}.jinja").read_text(encoding="utf-8") for name in names}

    trl = read("trl", "chat_templates", FROM_TRL)
    axolotl = read("axolotl", "utils/chat_templates/templates", FROM_AXOLOTL)
    return trl | axolotl


def render(source, conversation, tools, prompt):
    texts, generations = render_jinja_template(
        conversations=[CONVERSATIONS[conversation]],
        tools=TOOLS if tools else None,
        chat_template=source,
        add_generation_prompt=prompt,
        return_assistant_tokens_mask=True,
        bos_token="<s>",
        eos_token="</s>",
    )
    return texts[0], generations[0]


def case(name, source, conversation, tools, prompt):
    try:
        text, generations = render(source, conversation, tools, prompt)
    except Exception:  # noqa: BLE001 - whatever a template raises, ours has to raise as well
        return [name, conversation, tools, prompt, None, []]
    return [name, conversation, tools, prompt, hashlib.sha256(text.encode()).hexdigest()[:16], generations]


def main():
    chat_template_utils.datetime = FixedDatetime
    if len(sys.argv) == 3:
        name, conversation = sys.argv[1:]
        templates = OWN if name in OWN else public_sources()
        print(render(templates[name], conversation, "tool" in conversation, False)[0])
        return
    public = sys.argv[1:] == ["--public"]
    templates = public_sources() if public else OWN
    cases = [
        case(name, source, conversation, tools, prompt)
        for name, source in templates.items()
        for conversation in CONVERSATIONS
        for tools in ([False, True] if "tool" in conversation or conversation == "simple" else [False])
        for prompt in [False, True]
    ]
    shared = {"date": DATE.isoformat() + "Z", "conversations": CONVERSATIONS, "tools": TOOLS}
    path = "templates/public-renders.json" if public else "templates/renders.json"
    write_json(path, shared | {"templates": templates, "cases": cases})


if __name__ == "__main__":
    main()
