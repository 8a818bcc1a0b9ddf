import { TrimtabError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import type { Value } from "./graph.ts";
import type { Attribute, OnnxNode } from "./onnx-model.ts";

/** A model under construction. */
export class Encoder {
  readonly names = new Map<Value, string>();
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Tensor>();
  #next = 0;

  name(value: Value): string {
    const name = this.names.get(value) ?? `%${value.id}`;
    this.names.set(value, name);
    return name;
  }

  bind(name: string, value: Value, bound: Tensor): void {
    if (bound.dtype !== value.dtype || bound.shape.join() !== value.shape.join()) {
      const got = `${bound.dtype}[${bound.shape.join(", ")}]`;
      throw new TrimtabError("invalid_graph", `${name} must be ${value.dtype}[${value.shape.join(", ")}], got ${got}`);
    }
    this.initializers.set(name, bound);
  }

  /** An extra constant operand that only ONNX needs, such as a Reshape's target shape. */
  constant(data: Tensor): string {
    const name = `#${this.#next++}`;
    this.initializers.set(name, data);
    return name;
  }

  /** Appends the node; gives the name of its first output, a fresh one unless `outputs` names them. */
  push(type: string, inputs: readonly (Value | string)[], options: PushOptions = {}): string {
    return this.pushMany(type, inputs, { ...options, count: 1 })[0]!;
  }

  /** The same for a node with `count` outputs; gives all their names. */
  pushMany(
    type: string,
    inputs: readonly (Value | string)[],
    options: PushOptions & { readonly count: number },
  ): string[] {
    const fresh = () => Array.from({ length: options.count }, () => `#${this.#next++}`);
    const outputs = options.outputs?.map((output) => this.name(output)) ?? fresh();
    const names = inputs.map((input) => (typeof input === "string" ? input : this.name(input)));
    const attributes = options.attributes ?? {};
    const domain = options.contrib ? ({ domain: "com.microsoft" } as const) : {};
    this.nodes.push({ type, inputs: names, outputs, attributes, ...domain });
    return outputs;
  }
}

interface PushOptions {
  readonly outputs?: readonly Value[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** The node is of onnxruntime's own domain. */
  readonly contrib?: boolean;
}
