/** Records of a pax header (POSIX.1-2001): "LENGTH KEY=VALUE\n", where LENGTH counts the record's bytes, itself included. */

/** Key → value; the last record of a key counts. undefined for bytes that are not records. */
export function parsePaxRecords(bytes: Uint8Array): Map<string, string> | undefined {
  const records = new Map<string, string>();
  const utf8 = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : utf8.decode(bytes.subarray(at, space));
    if (!/^[1-9]\d{0,9}$/.test(digits)) return undefined;
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end || end > bytes.length || bytes[end - 1] !== 0x0a) return undefined;
    records.set(utf8.decode(bytes.subarray(space + 1, equals)), utf8.decode(bytes.subarray(equals + 1, end - 1)));
    at = end;
  }
  return records;
}
