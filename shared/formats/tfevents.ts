/**
 * TensorBoard's event files: TFRecords of `tensorflow.Event` messages.
 *
 *     record  = length: u64 | masked CRC-32C of length: u32 | message | masked CRC-32C of message: u32   (little-endian)
 *     Event   = 1 wall_time: double | 2 step: int64 | 3 file_version: string | 5 summary: Summary
 *     Summary = 1 value: repeated { 1 tag: string | 2 simple_value: float }
 */
import { crc32c } from "./crc32c.ts";
import { joinBytes } from "./join-bytes.ts";
import { MessageWriter } from "./protobuf.ts";

const FILE_VERSION = "brain.Event:2";
/** TFRecord masks its checksums, so that one over data that contains checksums is still good. */
const MASK = 0xa282ead8;

export interface ScalarEvent {
  readonly step: number;
  /** Seconds since 1970. */
  readonly at: number;
  /** By tag; a tag such as `train/loss` is shown in the group `train`. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** An event file with the events in their order. */
export function tfevents(events: readonly ScalarEvent[]): Uint8Array<ArrayBuffer> {
  const version = new MessageWriter().double(1, events[0]?.at ?? 0).string(3, FILE_VERSION);
  return joinBytes([record(version.finish()), ...events.map((event) => record(message(event)))]);
}

function message({ step, at, scalars }: ScalarEvent): Uint8Array {
  const summary = new MessageWriter();
  for (const [tag, value] of Object.entries(scalars)) {
    summary.message(1, new MessageWriter().string(1, tag).float(2, value));
  }
  return new MessageWriter().double(1, at).varint(2, step).message(5, summary).finish();
}

function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return bytes;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK) >>> 0;
}
