/** IFBench's instructions to write a table as CSV. */
import { csvRows } from "../../text/csv-rows.ts";
import { SPACE, strip, WORD } from "../../text/python-text.ts";
import { instructionKind } from "../kind.ts";

/** Five columns and seven rows. */
export const city = instructionKind("custom:csv_city", {}, (text) => {
  const rows = csvRows(text, ",");
  if (rows?.length !== 8 || rows[0]!.join("\n") !== "ID\nCountry\nCity\nYear\nCount") return false;
  return rows.every((row) => row.length === 5);
});

/** Column names, each in quotes or not. */
function header(names: readonly string[], separator: string): RegExp {
  return new RegExp(`^${names.map((name) => `(?:${name}|"${name}")`).join(separator)}$`, "u");
}

const PRODUCTS = header(["ProductID", "Category", "Brand", "Price", "Stock"], ",[ \\t]*");
const STUDENTS = header(["StudentID", "Subject", "Grade", "Semester", "Score"], "\\t *");

/** Quotes are part of the fields. undefined for what is no table with this header and so many rows. */
function rowsWithQuotes(
  text: string,
  { head, separator, count }: { head: RegExp; separator: "," | "\t"; count: number },
) {
  if (!head.test(strip(text.split("\n")[0]!))) return undefined;
  const rows = csvRows(text.replaceAll('"', '"""'), separator);
  return rows?.length === count + 1 ? rows : undefined;
}

/** Fourteen rows, of which one has a special character in quotes; rows behind that one may be of any length. */
export const specialCharacter = instructionKind("custom:csv_special_character", {}, (text) => {
  const rows = rowsWithQuotes(text, { head: PRODUCTS, separator: ",", count: 14 })?.slice(1) ?? [];
  const found = rows.findIndex((row) => row.length === 5 && row.some(hasSpecialCharacter));
  return found >= 0 && rows.slice(0, found).every((row) => row.length === 5);
});

const SPECIAL = new RegExp(`[^\\p{Nd}${WORD}${SPACE}]`, "u");

/** Whether it begins with a quote, and a mark is before another quote on its first line. */
function hasSpecialCharacter(field: string): boolean {
  const line = field.split("\n")[0]!;
  return line.startsWith('"') && SPECIAL.test(line.slice(1, Math.max(1, line.lastIndexOf('"'))));
}

/** Three rows with tabs between fields, each of which is in quotes. */
export const quotes = instructionKind("custom:csv_quotes", {}, (text) => {
  const rows = rowsWithQuotes(text, { head: STUDENTS, separator: "\t", count: 3 }) ?? [];
  const isQuoted = (field: string) => strip(field).startsWith('"') && strip(field).endsWith('"');
  return rows.length > 0 && rows.every((row) => row.length === 5 && row.every(isQuoted));
});
