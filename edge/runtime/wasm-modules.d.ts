/**
 * The files that `npm run build:wasm` writes to `generated/` (infra/start/build-wasm.ts). Declared by pattern, so that types
 * check before the first build too.
 */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*/ort-glue.mjs" {
  /** Emscripten's factory: adds the exported C API to `module`, and resolves to it once the instance is ready. */
  export default function createOrt(module: object): Promise<object>;
}
