/** The `trimtab` command. Results go to standard output, errors to standard error. */
import { parseArgs } from "node:util";
import { messageOf } from "../../shared/errors.ts";
import { peftCompare } from "./peft-compare.ts";

const USAGE = `usage: trimtab peft compare [--model FOLDER] [--method JSON]... [--json]

Compares fine-tuning methods for a base model without training: what each trains, stores and costs.
  --model FOLDER   a Hugging Face folder or its config.json (default: the embedded base)
  --method JSON    settings such as '{"type":"lora","r":16}', or a method's name (default: all methods)
  --json           print the reply of POST /v1/peft/compare
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
