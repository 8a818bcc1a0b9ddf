"""Writes the golden event file of tests/shared/formats/tfevents.test.ts with TensorBoard, and reads it back with its own reader.

    pip install tensorboard && python tests/golden/tfevents.py
"""

import pathlib

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

FOLDER = pathlib.Path(__file__).parent / "tfevents"
STEPS = [
    (1, 1796000000.25, {"train/loss": 1.5, "train/learning_rate": 0.001}),
    (300, 1796000001.0, {"train/loss": 0.25, "valid/loss": 0.5}),
]

FOLDER.mkdir(exist_ok=True)
file = FOLDER / "events.out.tfevents.1796000000.golden"
with open(file, "wb") as out:
    writer = RecordWriter(out)
    writer.write(Event(wall_time=STEPS[0][1], file_version="brain.Event:2").SerializeToString())
    for step, at, scalars in STEPS:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        writer.write(Event(wall_time=at, step=step, summary=Summary(value=values)).SerializeToString())
    writer.flush()

for event in LegacyEventFileLoader(str(file)).Load():
    print(event.step, event.wall_time, event.file_version, {value.tag: value.simple_value for value in event.summary.value})
