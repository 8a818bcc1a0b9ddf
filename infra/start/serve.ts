/**
 * `npm run serve`: the stack without the demo. On a new state folder it adds the embedded base model and a tenant with a key. HOST,
 * PORT and TRIMTAB_STATE set its address, port and state folder.
 */
import { messageOf } from "../../shared/errors.ts";
import { ApiClient } from "./api-client.ts";
import { setUp } from "./demo-account.ts";
import { endWith } from "./end-with.ts";
import { choosePort } from "./free-port.ts";
import { listenAddress } from "./listen-address.ts";
import { type Stack, startStack } from "./stack.ts";
import { DEFAULT_STATE, StateFolder } from "./state-folder.ts";

const log = (line: string): void => void process.stderr.write(`${line}\n`);

let stack: Stack | undefined;
const end = endWith(async () => await stack?.stop());

try {
  const address = listenAddress(process.env.HOST);
  const port = await choosePort(process.env.PORT, address.host);
  const state = new StateFolder(process.env.TRIMTAB_STATE || DEFAULT_STATE);
  stack = await startStack({ state, port, address, log });
  const { url, secrets } = stack;
  const key = await setUp(new ApiClient({ url, token: secrets.admin_token }), url, state);
  log("");
  log(`  URL    ${url}/v1`);
  log(`  Key    ${key ?? "the demo tenant's key was revoked: make another with the admin token"}`);
  log(
    `  Admin  ${process.env.ADMIN_TOKEN ? "the ADMIN_TOKEN that is set" : `admin_token in ${state.file("secrets.json")}`}`,
  );
  log("");
  log("Press Ctrl-C to stop.");
} catch (error) {
  log(messageOf(error));
  end(1);
}
