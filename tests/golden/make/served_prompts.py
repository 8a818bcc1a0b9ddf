"""What serving shows before every assistant's turn, by transformers: templates × tokenizers × conversations.

Writes tokenizer/hub/served-prompts.json: {extraTokens, shapes: {name: {source, end}}, conversations, prompts, masks}.
`prompts[shape|tokenizer|conversation]` has one digest for each assistant's turn: the first 12 digits of SHA-256 of the
ids, joined by commas, of `apply_chat_template(messages before it, add_generation_prompt=True)`; null where the template
refuses. `masks` has, for shapes with generation blocks, a digest of the ids and the runs of the assistant mask.
Every tokenizer gets `extraTokens` as special tokens; `metaspace` is llama2-like with a pre-tokenizer in place of its
normaliser, as newer conversions have it.
"""

import hashlib
import json

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from golden_io import GOLDEN, write_json
from template_shapes import CONVERSATIONS, SHAPES

HUB = GOLDEN / "tokenizer" / "hub"
EXTRA = ["<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<|eot|>", "<|turn|>"]
EXTRA += ["<|start_header|>", "<|end_header|>", "<|start|>", "<|channel|>", "<|message|>", "<|return|>", "<|call|>"]
KINDS = ["gpt2-like", "llama3-like", "llama2-like", "metaspace"]
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}


def load(kind):
    folder = HUB / ("llama2-like" if kind == "metaspace" else kind)
    file = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    if kind == "metaspace":
        file["normalizer"], file["pre_tokenizer"] = None, METASPACE
    known = {token["content"] for token in file["added_tokens"]}
    size = max(max(file["model"]["vocab"].values()), *(token["id"] for token in file["added_tokens"])) + 1
    for content in EXTRA:
        if content not in known:
            token = {"id": size, "content": content, "special": True, "normalized": False}
            file["added_tokens"].append(token | {"single_word": False, "lstrip": False, "rstrip": False})
            size += 1
    names = {name: config[name] for name in ("bos_token", "eos_token", "pad_token", "unk_token") if config.get(name)}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(file)), **names)


def digest(ids):
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:12]


def runs(mask):
    starts = [i for i, bit in enumerate(mask) if bit and (i == 0 or not mask[i - 1])]
    ends = [i for i, bit in enumerate(mask) if not bit and i > 0 and mask[i - 1]] + [len(mask)]
    return [[start, end] for start, end in zip(starts, ends)]


def plain(messages):
    return [{key: value for key, value in message.items() if key != "weight"} for message in messages]


prompts, masks = {}, {}
for kind in KINDS:
    tokenizer = load(kind)
    for shape, (source, _) in SHAPES.items():
        for name, conversation in CONVERSATIONS.items():
            messages, tools = plain(conversation["messages"]), conversation.get("tools")
            options = {"tools": tools, "chat_template": source, "return_dict": True}
            found = []
            for at, message in enumerate(messages):
                if message["role"] != "assistant":
                    continue
                try:
                    ids = tokenizer.apply_chat_template(messages[:at], add_generation_prompt=True, **options)
                    found.append(digest(ids["input_ids"]))
                except Exception:
                    found.append(None)
            prompts[f"{shape}|{kind}|{name}"] = found
            if "generation" in shape and "{% generation" in source.replace("{%-", "{%") and not tools:
                out = tokenizer.apply_chat_template(messages, return_assistant_tokens_mask=True, **options)
                masks[f"{shape}|{kind}|{name}"] = [digest(out["input_ids"]), runs(out["assistant_masks"])]

shapes = {name: {"source": source, "end": end} for name, (source, end) in SHAPES.items()}
write_json(
    HUB / "served-prompts.json",
    {"extraTokens": EXTRA, "shapes": shapes, "conversations": CONVERSATIONS, "prompts": prompts, "masks": masks},
)
