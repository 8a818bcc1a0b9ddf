"""Three small tokenizers of the kinds found on the Hub, and what the Python library makes of a list of strings.

Writes tokenizer/hub/<kind>/ as transformers saves it, plus cases.json:
- gpt2-like: GPT-2's, with a chat template in its own file (chat_template.jinja), as transformers 5 writes it;
- llama3-like: Llama 3's, a regular expression before the byte alphabet, `ignore_merges`, a BOS by post-processing;
- llama2-like: Llama 2's, ▁ for spaces, byte fallback for what the vocabulary lacks, a BOS by post-processing.

A case is {text, ids, idsWithSpecials, idsPlain, decoded, decodedClean}: special tokens written in the text are
recognised in `ids` and read as ordinary text in `idsPlain`; `idsWithSpecials` adds what post-processing adds;
`decoded` and `decodedClean` turn `ids` back with special tokens kept and dropped.
"""

import json
import shutil

import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from chats import chats_of
from golden_io import GOLDEN, write_json
from tokenizer_texts import CORPUS, TEXTS

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHATML = (
    r"{% for message in messages %}"
    r"{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    r"{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def trained(pre_tokenizer, size, special_tokens, alphabet):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special_tokens, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def byte_level():
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    pre = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = trained(pre, 420, special, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )


def split_digits():
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"]
    pre = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer = trained(pre, 420, special, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.model.ignore_merges = True
    tokenizer.decoder = decoders.ByteLevel()
    begin = [("<|begin_of_text|>", 0)]
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=begin),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>"
    )


def metaspace():
    learned = json.loads(
        trained(pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=True), 160, [], []).to_str()
    )["model"]
    special = ["<unk>", "<s>", "</s>"]
    pieces = special + [f"<0x{b:02X}>" for b in range(256)]
    pieces += [p for p, _ in sorted(learned["vocab"].items(), key=lambda item: item[1])]
    merges = [tuple(m) for m in learned["merges"]]
    vocabulary = {p: i for i, p in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=None
    )


def cases_of(folder):
    """Encodes every string with the tokenizer that the folder's file describes."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain.encode_special_tokens = True
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append(
            {
                "text": text,
                "ids": ids,
                "idsWithSpecials": tokenizer.encode(text).ids,
                "idsPlain": plain.encode(text, add_special_tokens=False).ids,
                "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                "decodedClean": tokenizer.decode(ids, skip_special_tokens=True),
            }
        )
    return cases


VERSIONS = {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}

if __name__ == "__main__":
    for kind, make in {"gpt2-like": byte_level, "llama3-like": split_digits, "llama2-like": metaspace}.items():
        folder = GOLDEN / "tokenizer" / "hub" / kind
        shutil.rmtree(folder, ignore_errors=True)
        tokenizer = make()
        tokenizer.save_pretrained(folder)
        reread = transformers.AutoTokenizer.from_pretrained(folder)
        result = VERSIONS | {"cases": cases_of(folder)}
        for case in result["cases"]:
            assert case["ids"] == reread(case["text"], add_special_tokens=False)["input_ids"], case["text"]
            assert case["idsWithSpecials"] == reread(case["text"])["input_ids"], case["text"]
        if tokenizer.chat_template is not None:
            result["chats"] = chats_of(reread)
        write_json(f"tokenizer/hub/{kind}/cases.json", result)
