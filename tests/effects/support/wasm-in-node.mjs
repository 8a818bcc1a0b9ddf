/** Lets Node import the runtime's WASM file, as the Worker's bundler does: `node --import ./tests/effects/support/wasm-in-node.mjs`. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

registerHooks({
  load(url, context, next) {
    if (!url.endsWith(".wasm")) return next(url, context);
    const bytes = JSON.stringify(fileURLToPath(url));
    const source = `import { readFileSync } from "node:fs"; export default new WebAssembly.Module(readFileSync(${bytes}));`;
    return { format: "module", shortCircuit: true, source };
  },
});
