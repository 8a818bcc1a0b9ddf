"""Small Parquet files that stand for a lot: texts of a dictionary in every row, and lists of a value again and again.

Writes tests/golden/datasets/bomb-*.parquet. Needs pyarrow.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parents[1] / "datasets"


def write(name: str, table: pa.Table) -> None:
    pq.write_table(table, FOLDER / f"bomb-{name}.parquet", compression="zstd", use_dictionary=True)


rows = 500_000
text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 20_000])
write("dictionary", pa.table({"text": text}))

write("lists", pa.table({"text": pa.array(["t"]), "inputs": pa.array([[7] * 5_000_000], pa.list_(pa.int32()))}))
