/** Records in the native shapes of public collections, with what they become. The texts are made up. */
import { assistantTurn, chatExample, type Example, systemTurn, userTurn } from "../../../../shared/data/example.ts";

export interface CollectionCase {
  readonly collection: string;
  readonly record: Readonly<Record<string, unknown>>;
  /** The name that an upload may say. */
  readonly format: string;
  readonly examples: readonly Example[];
  /** What is not trained on. */
  readonly ignored: readonly string[];
}

const [q, a] = [userTurn("Where is Oslo?"), assistantTurn("In Norway.")];
const QA = [chatExample([q, a])];
const messages = [q, a];

const call = (name: string, given: unknown) => ({ type: "function", function: { name, arguments: given } });
const tool = (name: string, description: string, parameters?: unknown) => ({
  type: "function",
  function: { name, description, ...(parameters === undefined ? {} : { parameters }) },
});

const TIMES = [
  {
    name: "time",
    description: "Tells the time.",
    parameters: { type: "object", properties: { zone: { type: "string" } } },
  },
  { name: "now", description: "n" },
]
  .map((declared) => JSON.stringify(declared, null, 4))
  .join("\n\n");

const GLAIVE = [
  "\n\nUSER: What is the time in Peter's zone?\n\nThe user: he is in Oslo.",
  `ASSISTANT: I look. <functioncall> {"name": "time", "arguments": '{"zone": "Peter\\'s"}'} <|endoftext|>`,
  'FUNCTION RESPONSE: {"time": "12:00"}',
  "ASSISTANT: It is noon. <|endoftext|>",
  "USER: And now?",
  'ASSISTANT: <functioncall> {"name": "now", "arguments": {}} <|endoftext|>\n',
].join("\n\n\n");

const GLAIVE_TURNS = [
  userTurn("What is the time in Peter's zone?\n\nThe user: he is in Oslo."),
  { ...assistantTurn("I look."), tool_calls: [call("time", '{"zone": "Peter\'s"}')] },
  { role: "tool", content: '{"time": "12:00"}' } as const,
  assistantTurn("It is noon."),
  userTurn("And now?"),
  { ...assistantTurn(""), tool_calls: [call("now", {})] },
];

export const COLLECTIONS: readonly CollectionCase[] = [
  {
    collection: "HuggingFaceH4/no_robots",
    record: { prompt: q.content, prompt_id: "ab", messages, category: "Open QA" },
    ...{ format: "chat", examples: QA, ignored: ["prompt", "prompt_id", "category"] },
  },
  {
    collection: "HuggingFaceH4/ultrachat_200k",
    record: { prompt: q.content, prompt_id: "ab", messages },
    ...{ format: "chat", examples: QA, ignored: ["prompt", "prompt_id"] },
  },
  {
    collection: "allenai/tulu-3-sft-mixture",
    record: { id: "x_1", messages, source: "ai2/flan" },
    ...{ format: "chat", examples: QA, ignored: ["id", "source"] },
  },
  {
    collection: "HuggingFaceTB/smoltalk",
    record: { messages, source: "smol-constraints" },
    ...{ format: "chat", examples: QA, ignored: ["source"] },
  },
  {
    collection: "Open-Orca/SlimOrca",
    record: {
      conversations: [
        { from: "system", value: "Be brief.", weight: null },
        { from: "human", value: q.content, weight: 0 },
        { from: "gpt", value: a.content, weight: 1 },
      ],
    },
    format: "sharegpt",
    examples: [chatExample([...systemTurn("Be brief."), q, { ...a, weight: 1 }])],
    ignored: [],
  },
  {
    collection: "teknium/OpenHermes-2.5",
    record: {
      conversations: [
        { from: "human", value: q.content, weight: null },
        { from: "gpt", value: a.content, weight: null },
      ],
      ...{ source: "x", category: null, skip_prompt_formatting: false },
    },
    ...{ format: "sharegpt", examples: QA, ignored: ["source", "skip_prompt_formatting"] },
  },
  {
    collection: "ShareGPT, as first published",
    record: {
      id: "a_0",
      items: [
        { from: "human", value: q.content },
        { from: "gpt", value: a.content },
      ],
    },
    ...{ format: "sharegpt_items", examples: QA, ignored: ["id"] },
  },
  {
    collection: "lmsys/lmsys-chat-1m",
    record: { conversation_id: "c", model: "m", conversation: messages, turn: 1, language: "English", redacted: false },
    ...{ format: "lmsys", examples: QA, ignored: ["conversation_id", "model", "turn", "language", "redacted"] },
  },
  {
    collection: "allenai/WildChat",
    record: { conversation: messages.map((turn) => ({ ...turn, toxic: false, turn_identifier: 7 })), model: "m" },
    format: "lmsys",
    examples: QA,
    ignored: ["model", "conversation[].toxic", "conversation[].turn_identifier"],
  },
  {
    collection: "LDJnr/Capybara",
    record: {
      source: "TheoremQA",
      conversation: [
        { input: q.content, output: a.content },
        { input: "And Bergen?", output: "There too." },
      ],
    },
    format: "capybara",
    examples: [chatExample([q, a, userTurn("And Bergen?"), assistantTurn("There too.")])],
    ignored: ["source"],
  },
  {
    collection: "YeungNLP/moss-003-sft-data",
    record: {
      conversation_id: 1,
      category: "Brainstorming",
      conversation: [{ human: q.content, assistant: a.content }],
    },
    ...{ format: "capybara", examples: QA, ignored: ["conversation_id", "category"] },
  },
  {
    collection: "stingning/ultrachat",
    record: { id: "0", data: [q.content, a.content, "And Bergen?", "There too."] },
    format: "ultrachat",
    examples: [chatExample([q, a, userTurn("And Bergen?"), assistantTurn("There too.")])],
    ignored: ["id"],
  },
  {
    collection: "GAIR/lima",
    record: { conversations: [q.content, a.content], source: "stackexchange" },
    ...{ format: "lima", examples: QA, ignored: ["source"] },
  },
  {
    collection: "OpenAssistant/oasst1, trees",
    record: {
      message_tree_id: "t",
      tree_state: "ready_for_export",
      prompt: {
        ...{ message_id: "t", text: q.content, role: "prompter", lang: "en", deleted: false },
        replies: [
          {
            ...{ text: a.content, role: "assistant", rank: 0 },
            replies: [
              { text: "Really?", role: "prompter", replies: [{ text: "Yes.", role: "assistant", replies: [] }] },
              { text: "Thanks!", role: "prompter", replies: [{ text: "Welcome.", role: "assistant" }] },
            ],
          },
          { text: "No idea.", role: "assistant", rank: 1, review_result: false },
        ],
      },
    },
    format: "openassistant",
    examples: [
      chatExample([q, a, userTurn("Really?"), assistantTurn("Yes.")]),
      chatExample([q, { ...a, weight: 0 }, userTurn("Thanks!"), assistantTurn("Welcome.")]),
    ],
    ignored: ["message_tree_id", "tree_state", "messages that were deleted or refused"],
  },
  {
    collection: "tatsu-lab/alpaca",
    record: { instruction: "Translate.", input: "hei", output: "hello", text: "Below is an instruction …" },
    format: "alpaca",
    examples: [chatExample([userTurn("Translate.\n\nhei"), assistantTurn("hello")])],
    ignored: ["text"],
  },
  {
    collection: "databricks/databricks-dolly-15k",
    record: { instruction: q.content, context: "", response: a.content, category: "open_qa" },
    ...{ format: "dolly", examples: QA, ignored: ["category"] },
  },
  {
    collection: "Open-Orca/OpenOrca",
    record: { id: "flan.1", system_prompt: "", question: q.content, response: a.content },
    ...{ format: "openorca", examples: QA, ignored: ["id"] },
  },
  {
    collection: "yizhongw/self-instruct, seed_tasks.jsonl",
    record: {
      ...{ id: "seed_task_0", name: "capitals", instruction: "Name the capital.", is_classification: false },
      instances: [
        { input: "Norway", output: "Oslo" },
        { input: "", output: "Of which country?" },
      ],
    },
    format: "self_instruct",
    examples: [
      chatExample([userTurn("Name the capital.\n\nNorway"), assistantTurn("Oslo")]),
      chatExample([userTurn("Name the capital."), assistantTurn("Of which country?")]),
    ],
    ignored: ["id", "name", "is_classification"],
  },
  {
    collection: "Open-Orca/FLAN",
    record: {
      ...{ inputs: q.content, targets: a.content, _template_idx: 3, _task_source: "Flan2021" },
      ...{ _task_name: "natural_questions_open:1.0.0", _template_type: "zs_noopt" },
    },
    format: "flan",
    examples: QA,
    ignored: ["_template_idx", "_task_source", "_task_name", "_template_type"],
  },
  {
    collection: "bigscience/xP3",
    record: { inputs: q.content, targets: a.content, language: "en", split: "train", template: "t", dataset: "d" },
    ...{ format: "flan", examples: QA, ignored: ["language", "split", "template", "dataset"] },
  },
  {
    collection: "bigscience/P3",
    record: {
      ...{ inputs: [9246, 19, 1], inputs_pretokenized: "Where is Oslo? ", targets: [86, 1] },
      targets_pretokenized: "\nIn Norway.\n",
    },
    ...{ format: "p3", examples: QA, ignored: ["inputs", "targets"] },
  },
  {
    collection: "bigscience/P3, ranked answers",
    record: {
      ...{ answer_choices: ["Yes", "No"], idx: [4, 1], inputs: [1], targets: [2], weight: 1 },
      ...{ inputs_pretokenized: "Is it?", targets_pretokenized: "No", is_correct: false },
    },
    format: "p3",
    examples: [chatExample([userTurn("Is it?"), { ...assistantTurn("No"), weight: 0 }])],
    ignored: ["answer_choices", "idx", "inputs", "targets"],
  },
  {
    collection: "Muennighoff/natural-instructions",
    record: { task_name: "task1", id: "task1-0", definition: "Name the country.", inputs: "Oslo", targets: "Norway" },
    format: "natural_instructions",
    examples: [chatExample([userTurn("Name the country.\n\nOslo"), assistantTurn("Norway")])],
    ignored: ["task_name", "id"],
  },
  {
    collection: "allenai/natural-instructions, an instance of a task",
    record: { Definition: ["Name the country.", "Be brief."], id: "task1-0", input: "Oslo", output: ["Norway", "NO"] },
    format: "natural_instructions_task",
    examples: [chatExample([userTurn("Name the country.\nBe brief.\n\nOslo"), assistantTurn("Norway")])],
    ignored: ["id", "output[1…]"],
  },
  {
    collection: "openai/gsm8k",
    record: { question: q.content, answer: a.content },
    ...{ format: "gsm8k", examples: QA, ignored: [] },
  },
  {
    collection: "meta-math/MetaMathQA",
    record: { type: "MATH_Rephrased", query: q.content, original_question: "Oslo?", response: a.content },
    ...{ format: "metamath", examples: QA, ignored: ["type", "original_question"] },
  },
  {
    collection: "HuggingFaceFW/fineweb",
    record: { text: "Oslo is in Norway.", id: "<urn>", dump: "CC", url: "https://a.example", token_count: 6 },
    format: "text",
    examples: [{ kind: "completion", prompt: "", completion: "Oslo is in Norway." }],
    ignored: ["id", "dump", "url", "token_count"],
  },
  {
    collection: "Salesforce/xlam-function-calling-60k",
    record: {
      ...{ id: 0, query: "What is the weather in Oslo?" },
      answers: JSON.stringify([{ name: "weather", arguments: { city: "Oslo", days: 2 } }]),
      tools: JSON.stringify([
        {
          name: "weather",
          description: "Looks the weather up.",
          parameters: {
            city: { description: "The city.", type: "str" },
            type: { description: "What of it.", type: "List[str], optional" },
            days: { description: "How many.", type: "int", default: 1 },
          },
        },
      ]),
    },
    format: "xlam",
    examples: [
      chatExample(
        [
          userTurn("What is the weather in Oslo?"),
          { ...assistantTurn(""), tool_calls: [call("weather", { city: "Oslo", days: 2 })] },
        ],
        [
          tool("weather", "Looks the weather up.", {
            type: "object",
            properties: {
              city: { type: "string", description: "The city." },
              type: { type: "array", items: { type: "string" }, description: "What of it." },
              days: { type: "integer", description: "How many.", default: 1 },
            },
            required: ["city"],
          }),
        ],
      ),
    ],
    ignored: ["id"],
  },
  {
    collection: "glaiveai/glaive-function-calling-v2",
    record: { system: `SYSTEM: You can call these functions. -\n${TIMES}\n\n`, chat: GLAIVE },
    format: "glaive",
    examples: [
      chatExample(
        [...systemTurn("You can call these functions. -"), ...GLAIVE_TURNS],
        [
          tool("time", "Tells the time.", { type: "object", properties: { zone: { type: "string" } } }),
          tool("now", "n"),
        ],
      ),
    ],
    ignored: [],
  },
  {
    collection: "glaiveai/glaive-function-calling",
    record: { sample: `SYSTEM: You have no functions.\n${GLAIVE.trimStart()}` },
    format: "glaive_sample",
    examples: [chatExample([...systemTurn("You have no functions."), ...GLAIVE_TURNS])],
    ignored: [],
  },
];
