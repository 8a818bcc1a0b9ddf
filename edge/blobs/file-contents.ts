/** A file's bytes, or what makes them in pieces where they would not fit in memory: once to measure, once to store. */
export type FileContents = Uint8Array | (() => AsyncIterable<Uint8Array>);
