/**
 * Turns JSON values into the values of templates.
 */
import { failure } from "./failure.ts";
import { Dict, type Value } from "./values.ts";

const MAX_NESTING = 64;

/**
 * A whole number becomes an integer, any other a float; members that are undefined are left out. Values of templates,
 * such as a `Dict`, stay as they are. Throws `invalid_model` for functions and values nested too deep.
 */
export function toValue(given: unknown, depth = 0): Value {
  if (depth > MAX_NESTING) throw failure(`was given a value that nests more than ${MAX_NESTING} levels deep`);
  if (given === null || typeof given === "boolean" || typeof given === "string" || typeof given === "bigint")
    return given;
  if (typeof given === "number") return Number.isInteger(given) ? BigInt(given) : given;
  if (Array.isArray(given)) return given.map((item) => toValue(item ?? null, depth + 1));
  if (given instanceof Dict) return given;
  if (typeof given !== "object") throw failure(`was given a ${typeof given}, which is not a JSON value`);
  return new Dict(
    Object.entries(given).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, toValue(value, depth + 1)] as const],
    ),
  );
}
