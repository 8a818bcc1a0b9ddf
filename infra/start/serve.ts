/** `npm run serve`: the stack without the demo. PORT and TRIMTAB_STATE set its port and state folder. */
import { messageOf } from "../../shared/errors.ts";
import { endWith } from "./end-with.ts";
import { choosePort } from "./free-port.ts";
import { type Stack, startStack } from "./stack.ts";
import { DEFAULT_STATE, StateFolder } from "./state-folder.ts";

const log = (line: string): void => void process.stderr.write(`${line}\n`);

let stack: Stack | undefined;
const end = endWith(async () => await stack?.stop());

try {
  const state = new StateFolder(process.env.TRIMTAB_STATE || DEFAULT_STATE);
  stack = await startStack({ state, port: await choosePort(process.env.PORT), log });
  log(`Serving at ${stack.url}/v1. Press Ctrl-C to stop. The admin token is in ${state.file("secrets.json")}.`);
} catch (error) {
  log(messageOf(error));
  end(1);
}
