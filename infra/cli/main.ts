/** What `trimtab` does with its arguments. Errors go to standard error, with what to do; results to standard output. */
import { parseArgs } from "node:util";
import { messageOf } from "../../shared/errors.ts";
import { peftCompare } from "./peft-compare.ts";

const USAGE = `usage: trimtab peft compare [--model FOLDER] [--method JSON]... [--json]

Compares parameter-efficient methods on a base without training: what each trains, stores and costs.
  --model FOLDER   a Hugging Face folder, or its config.json; the embedded base when left out
  --method JSON    settings such as '{"type":"lora","r":16}', or a method's name; all of them when left out
  --json           print what POST /v1/peft/compare answers
`;

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: "string" },
      method: { type: "string", multiple: true },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) process.stdout.write(USAGE);
  else if (positionals.join(" ") !== "peft compare") throw new Error(USAGE);
  else process.stdout.write(peftCompare(values));
} catch (error) {
  process.stderr.write(`${messageOf(error).trimEnd()}\n`);
  process.exitCode = 2;
}
