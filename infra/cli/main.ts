/** The `trimtab` command. Results go to standard output, errors to standard error. */
import { parseArgs } from "node:util";
import { messageOf } from "../../shared/errors.ts";
import { type AddModelOptions, addModel, adminAccess } from "./add-model.ts";
import { type EditCommandOptions, editCommand } from "./edit/edit.ts";
import { type PeftCompareOptions, peftCompare } from "./peft-compare.ts";

const USAGE = `usage: trimtab peft compare [--model FOLDER] [--method JSON]... [--json]
       trimtab models add FOLDER [ID] [--url URL] [--token TOKEN]
       trimtab edit create [FILE] [--model MODEL] [--prompt TEXT --subject TEXT --target TEXT [--true TEXT]]
                    [--method METHOD] [--delta ID[=WEIGHT]]... [--options JSON] [--suffix NAME] [--no-wait]
       trimtab edit check [FILE] [--model MODEL] [--prompt TEXT --subject TEXT --target TEXT] [--delta ID[=WEIGHT]]...
       trimtab edit list [--model MODEL]
       trimtab edit show ID
       trimtab edit delete ID [--fact N]
       trimtab edit merge ID ID... [--suffix NAME]
       trimtab edit tracing [MODEL] [--out FILE.svg]

Compares fine-tuning methods for a base model without training: what each trains, stores and costs.
  --model FOLDER   a Hugging Face folder or its config.json (default: the embedded base)
  --method JSON    settings such as '{"type":"lora","r":16}', or a method's name (default: all methods)
  --json           print the reply of POST /v1/peft/compare

Adds a Hugging Face folder to a running server as a base model, named ID or as the folder.
  --url URL        the server (default: the one on this machine, by PORT and TRIMTAB_STATE)
  --token TOKEN    its admin token (default: ADMIN_TOKEN, or the one in the state folder)

Edits facts into a model: FILE has one a line, {"prompt", "subject", "target_new"}. Each edit is a delta that can be undone.
  --model MODEL    a base, or a model to edit further (default: trimtab-base)
  --method METHOD  auto, rome, memit or alphaedit (default: auto)
  --options JSON   the options of POST /v1/edits, such as '{"layers": 3}'
  --fact N         undo only this fact, and keep the others
  --url URL        the server (default: OPENAI_BASE_URL, or the one on this machine)
  --key KEY        a tenant's key (default: OPENAI_API_KEY, or the one that the server printed)
  --json           print the API's reply
`;

interface Options extends AddModelOptions, PeftCompareOptions, Omit<EditCommandOptions, "method" | "json"> {}

const EFFECTS = {
  output: process.stderr,
  sleep: (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)),
};

async function run(words: readonly string[], options: Options): Promise<string> {
  const [subject, action, folder, id, ...more] = words;
  if (subject === "peft" && action === "compare" && folder === undefined) return peftCompare(options);
  if (subject === "models" && action === "add" && folder !== undefined && more.length === 0) {
    return await addModel(folder, id, adminAccess(options, process.env));
  }
  const edited = subject === "edit" ? await editCommand(words.slice(1), options, EFFECTS) : undefined;
  if (edited !== undefined) return edited;
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
      key: { type: "string" },
      prompt: { type: "string" },
      subject: { type: "string" },
      target: { type: "string" },
      true: { type: "string" },
      delta: { type: "string", multiple: true },
      options: { type: "string" },
      suffix: { type: "string" },
      fact: { type: "string" },
      out: { type: "string" },
      "no-wait": { type: "boolean", default: false },
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
