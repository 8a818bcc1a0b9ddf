/** The `trimtab` command. Results go to standard output, errors to standard error. */
import { parseArgs } from "node:util";
import { messageOf } from "../../shared/errors.ts";
import { type AddModelOptions, addModel, adminAccess } from "./add-model.ts";
import { type PeftCompareOptions, peftCompare } from "./peft-compare.ts";

const USAGE = `usage: trimtab peft compare [--model FOLDER] [--method JSON]... [--json]
       trimtab models add FOLDER [ID] [--url URL] [--token TOKEN]

Compares fine-tuning methods for a base model without training: what each trains, stores and costs.
  --model FOLDER   a Hugging Face folder or its config.json (default: the embedded base)
  --method JSON    settings such as '{"type":"lora","r":16}', or a method's name (default: all methods)
  --json           print the reply of POST /v1/peft/compare

Adds a Hugging Face folder to a running server as a base model, named ID or as the folder.
  --url URL        the server (default: the one on this machine, by PORT and TRIMTAB_STATE)
  --token TOKEN    its admin token (default: ADMIN_TOKEN, or the one in the state folder)
`;

interface Options extends AddModelOptions, PeftCompareOptions {}

async function run(words: readonly string[], options: Options): Promise<string> {
  const [subject, action, folder, id, ...more] = words;
  if (subject === "peft" && action === "compare" && folder === undefined) return peftCompare(options);
  if (subject === "models" && action === "add" && folder !== undefined && more.length === 0) {
    return await addModel(folder, id, adminAccess(options, process.env));
  }
  throw new Error(USAGE);
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: "string" },
      method: { type: "string", multiple: true },
      url: { type: "string" },
      token: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) process.stdout.write(USAGE);
  else process.stdout.write(await run(positionals, values));
} catch (error) {
  process.stderr.write(`${messageOf(error).trimEnd()}\n`);
  process.exitCode = 2;
}
