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
Dataset.from_list(CHATS).to_json(OUT / "chats.jsonl")

lines = [json.dumps(pair).encode() + b"\n" for pair in PAIRS]
# Members one after another, as `cat a.gz b.gz` makes them.
(OUT / "members.jsonl.gz").write_bytes(b"".join(gzip.compress(line, mtime=0) for line in lines))

with pyarrow.OSFile(str(OUT / "pairs.arrow"), "wb") as sink:
    pairs = pyarrow.Table.from_pylist(PAIRS)
    with pyarrow.ipc.new_file(sink, pairs.schema) as writer:
        writer.write_table(pairs)

(OUT / "expected.json").write_text(json.dumps({"pairs": PAIRS, "chats": CHATS}, ensure_ascii=False, indent=1) + "\n")
