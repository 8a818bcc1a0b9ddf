/** Rows of a CSV text as Python's `csv` module reads them. */

/**
 * Quotes count at the start of a field; a quote within such a field is doubled, and what stands behind its end belongs to it. Blank
 * lines are empty rows.
 *
 * @returns undefined for a carriage return that ends no line, which Python refuses
 */
export function csvRows(text: string, separator: "," | "\t"): string[][] | undefined {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let state: "start" | "plain" | "quoted" | "quote" = "start";
  let isRow = false;
  const endField = () => {
    row.push(field);
    field = "";
    state = "start";
  };
  const endRow = () => {
    if (isRow) endField();
    rows.push(row);
    row = [];
    isRow = false;
    state = "start";
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (state === "quoted") {
      if (character === '"') state = "quote";
      else field += character;
    } else if (state === "quote" && character === '"') {
      field += '"';
      state = "quoted";
    } else if (character === "\n" || character === "\r") {
      if (character === "\r" && at + 1 < text.length && text[at + 1] !== "\n") return undefined;
      if (character === "\r") at += 1;
      endRow();
    } else {
      isRow = true;
      if (character === separator) endField();
      else if (state === "start" && character === '"') state = "quoted";
      else {
        field += character;
        state = "plain";
      }
    }
  }
  if (isRow || state !== "start") {
    isRow = true;
    endRow();
  }
  return rows;
}
