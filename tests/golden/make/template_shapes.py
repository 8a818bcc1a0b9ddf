"""Chat templates in the shapes that public models have, and conversations, for `served_prompts.py`.

A shape is (source, end): `end` is the text of the token that closes the assistant's turn when it is the last one.
"""

CALL = "{{ '<tool_call>' + (c.function | tojson) + '</tool_call>' }}"
CALLS = "{% for c in m.tool_calls or [] %}" + CALL + "{% endfor %}"
PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
LAST_QUERY = (
    "{% set ns = namespace(query=-1) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.query = loop.index0 %}{% endif %}{% endfor %}"
)
SYSTEM_FIRST = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
)


def chatml(body="m.content", before="", prompt=PROMPT, calls=CALLS):
    return (
        before + "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + " + body + " }}"
        "{% if m.role == 'assistant' %}" + calls + "{% endif %}{{ '<|im_end|>\n' }}{% endfor %}" + prompt
    )



def channels(thought):
    """Channels as in harmony; `thought` says when a turn with calls shows what was thought before them."""
    return (
        "{% set answered = messages and messages[-1].role == 'assistant' and not messages[-1].tool_calls %}"
        "{% for m in messages %}{% if m.role == 'assistant' %}{% if m.tool_calls %}"
        "{% if " + thought + " %}"
        "{{ '<|start|>assistant<|channel|>analysis<|message|>' + m.content + '<|end|>' }}{% endif %}"
        "{% for c in m.tool_calls %}{{ '<|start|>assistant to=functions.' + c.function.name"
        " + '<|channel|>commentary json<|message|>' + (c.function.arguments | tojson) + '<|call|>' }}{% endfor %}"
        "{% elif loop.last and not add_generation_prompt %}"
        "{{ '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|return|>' }}"
        "{% else %}{{ '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|end|>' }}{% endif %}"
        "{% else %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
    )


SHAPES = {
    "chatml": (chatml(), "<|im_end|>"),
    "default_system": (
        chatml(
            before="{% if messages[0].role != 'system' %}"
            "{{ '<|im_start|>system\nYou are of help.<|im_end|>\n' }}{% endif %}"
        ),
        "<|im_end|>",
    ),
    "trimmed": (chatml("m.content | trim"), "<|im_end|>"),
    "right_stripped": (chatml("m.content.rstrip()"), "<|im_end|>"),
    "no_generation_prompt": (chatml(prompt=""), "<|im_end|>"),
    "prompt_ends_in_space": (
        "{% for m in messages %}{{ m.role + ': ' + m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}"
        "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
        "eos",
    ),
    "llama2": (
        SYSTEM_FIRST + "{% for m in turns %}{% if m.role == 'user' %}"
        "{{ bos_token + '[INST] ' + ('<<SYS>>\n' + system + '\n<</SYS>>\n\n' if loop.first and system else '')"
        " + m.content.strip() + ' [/INST]' }}"
        "{% elif m.role == 'assistant' %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
        "eos",
    ),
    "mistral": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
        "{% elif m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}"
        "{% else %}{{ raise_exception('Only user and assistant roles are supported') }}{% endif %}{% endfor %}",
        "eos",
    ),
    "mistral_tools": (
        SYSTEM_FIRST + "{{ bos_token }}{% if tools %}{{ '[TOOLS]' + (tools | tojson) + '[/TOOLS]' }}{% endif %}"
        "{% for m in turns %}{% if m.role == 'user' %}"
        "{{ '[INST]' + (system + '\n\n' if loop.last and system else '') + m.content + '[/INST]' }}"
        "{% elif m.role == 'tool' %}{{ '[RESULT]' + m.content + '[/RESULT]' }}"
        "{% else %}{{ ' ' + m.content }}"
        "{% if m.tool_calls %}{{ '[CALLS]' }}"
        "{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}{% endif %}"
        "{{ eos_token }}{% endif %}{% endfor %}",
        "eos",
    ),
    "vicuna": (
        SYSTEM_FIRST + "{{ system or 'A chat between a user and an assistant.' }}{% for m in turns %}"
        "{% if m.role == 'user' %}{{ ' USER: ' + m.content.strip() }}"
        "{% elif m.role == 'assistant' %}{{ ' ASSISTANT: ' + m.content.strip() + eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ ' ASSISTANT:' }}{% endif %}",
        "eos",
    ),
    "openchat": (
        "{{ bos_token }}{% for m in messages %}{{ 'GPT4 Correct ' + m.role.title() + ': ' + m.content + '<|end|>' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}",
        "<|end|>",
    ),
    "zephyr": (
        "{% for m in messages %}\n{% if m.role == 'assistant' %}\n{{ '<|assistant|>\n' + m.content + eos_token }}\n"
        "{% else %}\n{{ '<|' + m.role + '|>\n' + m.content + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
        "eos",
    ),
    "llama3": (
        "{% for m in messages %}{% set text = '<|start_header|>' + m.role + '<|end_header|>\n\n' + m.content | trim %}"
        "{% if loop.index0 == 0 %}{% set text = bos_token + text %}{% endif %}{{ text }}"
        "{% if m.role == 'assistant' %}" + CALLS + "{% endif %}{{ '<|eot|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header|>assistant<|end_header|>\n\n' }}{% endif %}",
        "<|eot|>",
    ),
    "llama3_always_prompts": (
        "{% for m in messages %}{{ '<|start_header|>' + m.role + '<|end_header|>\n\n' + m.content | trim + '<|eot|>' }}"
        "{% endfor %}{{ '<|start_header|>assistant<|end_header|>\n\n' }}",
        "<|eot|>",
    ),
    "gemma": (
        "{{ bos_token }}{% if messages[0].role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
        "{{ '<|turn|>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim + '<|end|>\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|turn|>model\n' }}{% endif %}",
        "<|end|>",
    ),
    "phi": (
        "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
        "<|end|>",
    ),
    "eos_at_the_end": (
        "{% for m in messages %}{{ '### ' + m.role + ':\n' + m.content + '\n\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '### assistant:\n' }}{% else %}{{ eos_token }}{% endif %}",
        "eos",
    ),
    "nothing_ends_a_turn": (
        "{% for m in messages %}{{ '### ' + m.role + ':\n' + m.content + '\n\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '### assistant:\n' }}{% endif %}",
        "eos",
    ),
    "qwen_tools": (
        "{% if tools %}{{ '<|im_start|>system\n' }}{% for t in tools %}{{ (t | tojson) + '\n' }}{% endfor %}"
        "{{ '<|im_end|>\n' }}{% endif %}{% for m in messages %}{% if m.role == 'tool' %}"
        "{% if loop.index0 == 0 or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}"
        "{{ '\n<tool_response>\n' + m.content + '\n</tool_response>' }}"
        "{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\n' }}{% endif %}"
        "{% elif m.role == 'assistant' and m.tool_calls %}{{ '<|im_start|>assistant' }}"
        "{% if m.content %}{{ '\n' + m.content }}{% endif %}{% for c in m.tool_calls %}{{ '\n<tool_call>\n' }}"
        "{{ (c.function | tojson) + '\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}"
        "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}" + PROMPT,
        "<|im_end|>",
    ),
    "qwen3_think": (
        LAST_QUERY + "{% for m in messages %}{% if m.role == 'assistant' %}{% set content = m.content %}"
        "{% set thought = '' %}{% if '</think>' in content %}"
        "{% set thought = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}"
        "{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
        "{% if loop.index0 > ns.query and (loop.last or thought) %}"
        "{{ '<|im_start|>assistant\n<think>\n' + thought.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}"
        "{% else %}{{ '<|im_start|>assistant\n' + content }}{% endif %}" + CALLS + "{{ '<|im_end|>\n' }}"
        "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}" + PROMPT,
        "<|im_end|>",
    ),
    "empty_think_in_prompt": (
        chatml(
            prompt="{% if add_generation_prompt %}"
            "{{ '<|im_start|>assistant\n<think>\n\n</think>\n\n' }}{% endif %}"
        ),
        "<|im_end|>",
    ),
    "think_in_prompt": (
        chatml(prompt="{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"),
        "<|im_end|>",
    ),
    "think_cut": (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% set content = m.content %}"
        "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
        "{{ '<|assistant|>' + content + eos_token }}{% else %}{{ '<|' + m.role + '|>' + m.content }}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}",
        "eos",
    ),
    "think_cut_from_all": (
        chatml("(m.content.split('</think>')[-1].lstrip('\n') if m.role == 'assistant' else m.content)"),
        "<|im_end|>",
    ),
    "think_cut_from_earlier": (
        LAST_QUERY + "{% for m in messages %}{% set content = m.content %}"
        "{% if m.role == 'assistant' and loop.index0 < ns.query %}"
        "{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
        "{{ '<|im_start|>' + m.role + '\n' + content + '<|im_end|>\n' }}{% endfor %}" + PROMPT,
        "<|im_end|>",
    ),
    "channels": (channels("m.content"), "<|return|>"),
    "channels_forget_thoughts": (channels("m.content and not answered"), "<|return|>"),
    "generation_block": (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|im_start|>assistant\n' }}{% generation %}"
        "{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
        "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}" + PROMPT,
        "<|im_end|>",
    ),
    "generation_block_dashes": (
        "{%- for m in messages %}\n  {%- if m.role == 'assistant' %}\n    {{- '<|im_start|>assistant\n' }}\n"
        "    {%- generation %}\n      {{- m.content + '<|im_end|>' }}\n    {%- endgeneration %}\n    {{- '\n' }}\n"
        "  {%- else %}\n    {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}\n  {%- endif %}\n"
        "{%- endfor %}\n{%- if add_generation_prompt %}\n  {{- '<|im_start|>assistant\n' }}\n{%- endif %}\n",
        "<|im_end|>",
    ),
    "numbered": (
        "{{ '(' ~ messages | length ~ ')\n' }}{% for m in messages %}"
        "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}" + PROMPT,
        "<|im_end|>",
    ),
}


def u(content):
    return {"role": "user", "content": content}


def a(content, **fields):
    return {"role": "assistant", "content": content, **fields}


def call(name, **arguments):
    return {"id": "call00001", "type": "function", "function": {"name": name, "arguments": arguments}}


RESULT = {"role": "tool", "tool_call_id": "call00001", "content": "rain, 7 degrees"}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CONVERSATIONS = {
    "one": {"messages": [u("Where is Oslo?"), a("Hello, it is in Norway.")]},
    "several": {
        "messages": [u("Hi"), a("Hello."), u("And now?"), a("The second reply"), u("Bye"), a("So long, and thanks.")]
    },
    "system": {"messages": [{"role": "system", "content": "Be brief."}, u("Why?"), a("Because."), u("Why?"), a("So.")]},
    "weights": {"messages": [u("A"), a("Wrong.", weight=0), u("B"), a("Right.", weight=1), u("C"), a("No.", weight=0)]},
    "edges": {"messages": [u("  spaced  "), a(" \n spaced reply \n"), u("é 漢 😀"), a("\nNaïve café 漢字 😀")]},
    "empty": {"messages": [u("Say nothing"), a(""), u("Again"), a("Hm")]},
    "short": {"messages": [u("a"), a("a"), u("s"), a("s")]},
    "ends_with_a_question": {"messages": [u("Q"), a("An answer"), u("Unanswered")]},
    "begins_with_a_greeting": {"messages": [a("Welcome!"), u("Hi"), a("What can I do?")]},
    "two_in_a_row": {"messages": [u("Count"), a("One"), a("Two")]},
    "thoughts": {
        "messages": [
            u("First?"),
            a("<think>\nIt is easy.\n</think>\n\nYes."),
            u("Second?"),
            a("<think>\nHarder.\nMuch.\n</think>\n\nNo, it is not."),
        ]
    },
    "one_thought": {"messages": [u("First?"), a("Plain."), u("Second?"), a("<think>\nHm.\n</think>\n\nThought out.")]},
    "calls": {
        "messages": [
            u("Weather in Oslo?"),
            a("I will look.", tool_calls=[call("weather", city="Oslo", days=2)]),
            RESULT,
            a("It rains."),
        ],
        "tools": [TOOL],
    },
    "silent_calls": {
        "messages": [
            u("Weather?"),
            a("", tool_calls=[call("weather", city="Oslo"), call("weather", city="Bergen")]),
            RESULT,
            a("Rain.", weight=0),
        ],
        "tools": [TOOL],
    },
}
