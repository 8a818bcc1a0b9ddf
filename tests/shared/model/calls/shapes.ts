/** Chat templates in the shapes of well-known families, as far as tool calls go, and a tokenizer with their control tokens. */
import { readFileSync } from "node:fs";
import { type ChatTemplate, loadChatTemplate } from "../../../../shared/model/chat-template.ts";
import { loadTokenizer, type Tokenizer } from "../../../../shared/model/tokenizer.ts";

const golden = new URL("../../../golden/tokenizer/hub/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, golden), "utf8"));

const TURN = "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}";
const PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const SYSTEM = "{% if tools %}{{ '<|im_start|>system\n' + tools | tojson + '<|im_end|>\n' }}{% endif %}";

/** ChatML whose assistant writes `before` (content in it), each call, and `after`. */
function chatml(call: string, { before = "{{ m.content }}", after = "", prompt = PROMPT } = {}): string {
  return (
    `${SYSTEM}{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|im_start|>assistant\n' }}${before}` +
    `{% for c in m.tool_calls or [] %}${call}{% endfor %}${after}{{ '<|im_end|>\n' }}{% else %}${TURN}{% endif %}{% endfor %}${prompt}`
  );
}

const WRAPPED =
  "{% if m.content or not loop.first %}{{ '\n' }}{% endif %}" +
  "{{ '<tool_call>\n{\"name\": \"' + c.function.name + '\", \"arguments\": ' + c.function.arguments | tojson + '}\n</tool_call>' }}";

/** `[TOOL_CALLS]`, a list of objects with ids of nine characters, and the end-of-text token. */
function mistral(space: string): string {
  return (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}" +
    "[INST]{{ m.content }}[/INST]{% elif m.role == 'tool' %}{% if m.tool_call_id | length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}" +
    "[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]{% elif m.tool_calls %}[TOOL_CALLS]" +
    `${space}[{% for c in m.tool_calls %}{% if c.id | length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}` +
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}, "id": "{{ c.id }}"}' +
    "{{ ', ' if not loop.last else '' }}{% endfor %}]{{ eos_token }}{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
  );
}

const THINKING =
  "{% if m.reasoning_content or loop.last %}{{ '<think>\n' + (m.reasoning_content or '') + '\n</think>\n\n' }}{% endif %}{{ m.content }}";

/** DeepSeek's fullwidth brackets: a list with a beginning and an end, and the arguments in a block of code. */
const FENCED =
  "{{ bos_token }}{{ tools | tojson if tools else '' }}{% for m in messages %}{% if m.role == 'user' %}{{ '<｜User｜>' + m.content }}{% elif m.role == 'assistant' %}" +
  "{{ '<｜Assistant｜>' + m.content }}{% if m.tool_calls %}<｜calls▁begin｜>{% for c in m.tool_calls %}{% if not loop.first %}{{ '\n' }}{% endif %}" +
  "{{ '<｜call▁begin｜>' + c.type + '<｜sep｜>' + c.function.name + '\n```json\n' + c.function.arguments + '\n```<｜call▁end｜>' }}{% endfor %}<｜calls▁end｜>{% endif %}{{ eos_token }}" +
  "{% else %}{{ '<｜out｜>' + m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' + PROMPT_END }}{% endif %}";

/** Llama 3's headers; one call a turn, as bare JSON, without the text of the turn. */
const BARE_JSON =
  "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' }}" +
  "{% if loop.first and tools %}{{ tools | tojson }}{{ '\n\n' }}{% endif %}{% if m.tool_calls %}" +
  "{% if m.tool_calls | length != 1 %}{{ raise_exception('one call at a time') }}{% endif %}{% set f = m.tool_calls[0].function %}" +
  '{{ \'{"name": "\' + f.name + \'", "parameters": \' + f.arguments | tojson + "}" }}' +
  "{% else %}{{ m.content | trim }}{% endif %}{{ '<|eot_id|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

export const SHAPES = {
  hermes: chatml(WRAPPED),
  thinking: chatml(WRAPPED, { before: THINKING }),
  prompted: chatml(WRAPPED, {
    before: THINKING,
    prompt: "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
  }),
  argumentsFirst: chatml(
    "{{ '<tool_call>\n{\"arguments\": ' + c.function.arguments | tojson + ', \"name\": \"' + c.function.name + '\"}\n</tool_call>\n' }}",
    { before: "{% if not m.tool_calls %}{{ m.content }}{% endif %}" },
  ),
  mistral: mistral(" "),
  nemo: mistral(""),
  granite: chatml(
    '{{ \', \' if not loop.first }}{{ {"name": c.function.name, "arguments": c.function.arguments} | tojson }}',
    {
      before: "{{ m.content }}{% if m.tool_calls %}<|tool_call|>[{% endif %}",
      after: "{% if m.tool_calls %}]{% endif %}",
    },
  ),
  phi: chatml(
    '{{ \', \' if not loop.first }}{{ {"name": c.function.name, "arguments": c.function.arguments} | tojson }}',
    {
      before: "{{ m.content }}{% if m.tool_calls %}<|tool_call|>[{% endif %}",
      after: "{% if m.tool_calls %}]<|/tool_call|>{% endif %}",
    },
  ),
  deepseek: FENCED.replace("PROMPT_END", "''"),
  deepseekThinking: FENCED.replace("PROMPT_END", "'<think>\n'"),
  llama: BARE_JSON,
  command: chatml(
    '{{ \',\' if not loop.first }}{{ \'\n    {"tool_call_id": "\' ~ loop.index0 ~ \'", "tool_name": "\' + c.function.name + \'", "parameters": \' + c.function.arguments | tojson + "}" }}',
    {
      before:
        "{% if m.tool_calls %}<|START_THINKING|>{{ m.tool_plan }}<|END_THINKING|><|START_ACTION|>[{% else %}{{ m.content }}{% endif %}",
      after: "{% if m.tool_calls %}{{ '\n' }}]<|END_ACTION|>{% endif %}",
    },
  ),
} as const satisfies Record<string, string>;

/** Templates whose calls cannot be read or constrained, with the reason. */
export const REFUSED: Readonly<Record<string, readonly [source: string, problem: RegExp]>> = {
  noTools: [`{% for m in messages %}${TURN}{% endfor %}${PROMPT}`, /does not show tools to the model/],
  noCalls: [`${SYSTEM}{% for m in messages %}${TURN}{% endfor %}${PROMPT}`, /does not write the calls/],
  named: [chatml("<tool_call>{{ c.function.name }}</tool_call>"), /leaves out the arguments/],
  byId: [chatml("<tool_call>{{ c.id }}{{ c.function.arguments | tojson }}</tool_call>"), /does not write the calls/],
  twice: [
    chatml("{{ '<' + c.function.name + '>' + c.function.arguments | tojson + '</' + c.function.name + '>' }}"),
    /the name of a call more than once/,
  ],
  python: [
    chatml(
      "{{ '[' + c.function.name + '(' }}{% for k, v in c.function.arguments | items %}{{ k }}={{ v }}{% endfor %}{{ ')]' }}",
    ),
    /as Python code/,
  ],
  repr: [chatml("<tool_call>{{ c.function | string }}</tool_call>"), /arguments as Python would/],
  jsonText: [
    chatml("<tool_call>{{ c.function.name }} {{ c.function.arguments | tojson | tojson }}</tool_call>"),
    /arguments as a text with JSON in it/,
  ],
  parameters: [
    chatml(
      "<function={{ c.function.name }}>{% for k, v in c.function.arguments | items %}<parameter={{ k }}>{{ v }}</parameter>{% endfor %}</function>",
    ),
    /each argument by itself/,
  ],
  elsewhere: [
    chatml(WRAPPED, { prompt: "{% if add_generation_prompt %}{{ '<|im_start|>bot\n' }}{% endif %}" }),
    /differently from where it lets the model begin/,
  ],
  bare: [chatml("{{ c.function.name + ': ' + c.function.arguments | tojson }}"), /nothing before the name of a call/],
  failing: [chatml(`{{ c.function.name.nothing.more }}${WRAPPED}`), /fails on a sample call/],
};

const ENDS = ["<|eot_id|>", "</s>", "<｜end▁of▁sentence｜>"];

/** A byte-level tokenizer in which the control tokens of the template are special, and its template. */
export function shape(source: string, isLlama = false): { tokenizer: Tokenizer; template: ChatTemplate } {
  const folder = isLlama ? "llama2-like" : "gpt2-like";
  const file = json(`${folder}/tokenizer.json`);
  const found = source.match(/<\|[^|<>\s]+\|>|<｜[^｜<>\s]+｜>|\[\/?[A-Z_]{4,}\]/g) ?? [];
  const known = new Set(file.added_tokens.map(({ content }: { content: string }) => content));
  for (const content of new Set([...ENDS, "<|im_start|>", "<|im_end|>", ...found])) {
    if (!known.has(content)) file.added_tokens.push({ id: 6000 + file.added_tokens.length, content, special: true });
  }
  const end = source.includes("<|eot_id|>")
    ? ENDS[0]
    : source.includes("｜")
      ? ENDS[2]
      : source.includes("[INST]")
        ? ENDS[1]
        : "<|im_end|>";
  const bos = isLlama ? "<s>" : "<|endoftext|>";
  const tokenizer = loadTokenizer(file, { eos_token: end, bos_token: bos }, { chatTemplate: source });
  return { tokenizer, template: loadChatTemplate(tokenizer, { clock: () => new Date(0) }) };
}
