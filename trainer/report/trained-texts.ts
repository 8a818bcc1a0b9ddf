/** What a training file says, so that a report asks nothing that may have been learned by heart. */

export interface TrainedTexts {
  /** Whether a string of the file is this text, but for white space around it. */
  asks(text: string): boolean;
  /** Whether a line has both, wherever they stand in it. */
  states(subject: string, answer: string): boolean;
  /** Whether all of the file was read. */
  readonly isWhole: boolean;
}

/** Bytes of a training file that are read: a few seconds' work at most. */
export const READ_BYTES = 4 << 20;

/** Reads the strings and numbers of JSON Lines, as they are without their escapes; of a long file the first lines. */
export function readTrainedTexts(bytes: Uint8Array, most = READ_BYTES): TrainedTexts {
  const isWhole = bytes.byteLength <= most;
  const lines = new TextDecoder().decode(bytes.subarray(0, most)).split("\n");
  // The last line is cut somewhere.
  if (!isWhole) lines.pop();
  const whole = new Set<string>();
  const joined: string[] = [];
  for (const line of lines) {
    const texts = textsOf(line);
    for (const text of texts) whole.add(text.trim());
    joined.push(texts.join("\n"));
  }
  return {
    asks: (text) => whole.has(text.trim()),
    states: (subject, answer) => joined.some((line) => line.includes(subject) && line.includes(answer)),
    isWhole,
  };
}

function textsOf(line: string): string[] {
  try {
    return [...leaves(JSON.parse(line))];
  } catch {
    // A line that is no JSON is not trained on.
    return [];
  }
}

function* leaves(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "number") yield String(value);
  else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) yield* leaves(inner);
}
