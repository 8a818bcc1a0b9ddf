"""Writes small datasets in the forms that pandas, pyarrow and Hugging Face's datasets save, with what they hold as JSON."""

import gzip
import json
from pathlib import Path

import pandas
import pyarrow
import pyarrow.parquet as parquet
from datasets import Dataset

OUT = Path(__file__).parent.parent / "datasets"
OUT.mkdir(exist_ok=True)

PAIRS = [
    {"prompt": "Say hi", "completion": "hi", "n": 1},
    {"prompt": 'A "quoted", line\nand another', "completion": "ok, é 🙂", "n": 2},
    {"prompt": "", "completion": " leading and trailing ", "n": 3},
]
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
CHATS = [
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "source": "x"},
    {"messages": [{"role": "user", "content": "2?"}, {"role": "assistant", "content": None, "tool_calls": [CALL]}], "source": None},
]

frame = pandas.DataFrame(PAIRS)
frame.to_csv(OUT / "pairs.csv", index=False)
frame.to_csv(OUT / "pairs-index.csv")
frame.to_csv(OUT / "pairs.tsv", sep="\t", index=False, lineterminator="\r\n", encoding="utf-8-sig")
frame.to_csv(OUT / "pairs.csv.gz", index=False, compression={"method": "gzip", "mtime": 0})
frame.to_json(OUT / "pairs.json", orient="records")
frame.to_json(OUT / "pairs-columns.json")
frame.to_json(OUT / "pairs-pretty.json", orient="records", indent=2)

table = Dataset.from_list(CHATS).data.table
for codec in ["none", "snappy", "gzip", "zstd"]:
    parquet.write_table(table, OUT / f"chats-{codec}.parquet", compression=codec)
parquet.write_table(table, OUT / "chats-brotli.parquet", compression="brotli")
parquet.write_table(table, OUT / "chats-groups.parquet", row_group_size=1, data_page_version="2.0")
# One row group whose pages are indexed; a page for each few rows.
many = pyarrow.Table.from_pylist([CHATS[i % 2] | {"source": f"{i} " + "s" * 100} for i in range(400)], table.schema)
parquet.write_table(
    many, OUT / "chats-indexed.parquet", write_page_index=True, data_page_size=256, write_batch_size=16, use_dictionary=False
)
Dataset.from_list(CHATS).to_json(OUT / "chats.jsonl")

lines = [json.dumps(pair).encode() + b"\n" for pair in PAIRS]
# Members one after another, as `cat a.gz b.gz` makes them.
(OUT / "members.jsonl.gz").write_bytes(b"".join(gzip.compress(line, mtime=0) for line in lines))


def zstd(data):
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


(OUT / "frames.jsonl.zst").write_bytes(b"".join(zstd(line) for line in lines))
# Longer than a block, which holds at most 128 KiB.
squares = "".join(f'{{"prompt": "{n} squared", "completion": "{n * n}"}}\n' for n in range(8000))
(OUT / "squares.jsonl.zst").write_bytes(zstd(squares.encode()))

with pyarrow.OSFile(str(OUT / "pairs.arrow"), "wb") as sink:
    pairs = pyarrow.Table.from_pylist(PAIRS)
    with pyarrow.ipc.new_file(sink, pairs.schema) as writer:
        writer.write_table(pairs)

(OUT / "expected.json").write_text(json.dumps({"pairs": PAIRS, "chats": CHATS}, ensure_ascii=False, indent=1) + "\n")
