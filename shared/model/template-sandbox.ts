/**
 * Runs a chat template, a Jinja program that came with somebody's model, within bounds.
 *
 * Three things are limited: the source's length, the work (every evaluated node, and every character that an operation
 * reads or writes), and the size of every value. Work and sizes are counted as the interpreter goes. The operations that
 * can multiply sizes in one stroke (`replace`, `join`, `indent`, `tojson`, `range`) take only short arguments, so that no
 * value is far over its limit before it is counted. Templates cannot see the clock: the date is an input, so that
 * rendering is a function of its inputs.
 */
import { type Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { messageOf, TrimtabError } from "../errors.ts";
import { failure, stripCharacters, templateGlobals } from "./template-globals.ts";

export interface CompiledTemplate {
  /** Whether the source reads a variable of this name. */
  reads(name: string): boolean;
  /**
   * `messages` counts towards how much work is allowed. Throws `invalid_request` with the template's own words when it
   * refuses the input, `invalid_model` when it fails or goes over a limit.
   */
  render(variables: Readonly<Record<string, unknown>>, limits: RenderLimits): string;
}

export interface RenderLimits {
  /** How many messages, and how many characters in all, the input has. */
  readonly messages: number;
  readonly characters: number;
  /** What `strftime_now` formats, in UTC. */
  readonly date: Date;
}

const MAX_SOURCE = 64 * 1024;
const MAX_WHITESPACE_RUN = 2048;
const MAX_DEPTH = 250;
/** The longest text and the largest number that an operation which multiplies sizes takes as an argument. */
const MAX_SMALL = 64;
const MULTIPLYING = new Set(["replace", "join", "indent", "tojson"]);
const OPERATIONS = new Set(
  "BinaryExpression FilterExpression FilterStatement CallExpression CallStatement TestExpression".split(" "),
);

type Program = ReturnType<typeof parse>;
type Node = NonNullable<Parameters<Interpreter["evaluate"]>[0]>;
type Value = ReturnType<Interpreter["evaluate"]>;

/** Parses a template. Throws `invalid_model` when it is too long, not valid, or uses what the sandbox refuses. */
export function compileTemplate(source: string): CompiledTemplate {
  if (source.length > MAX_SOURCE) {
    throw failure(`has ${source.length} characters; at most ${MAX_SOURCE} are allowed`);
  }
  // The parser's own patterns take quadratic time on long runs of white space.
  if (new RegExp(`\\s{${MAX_WHITESPACE_RUN}}`).test(source)) {
    throw failure(`has more than ${MAX_WHITESPACE_RUN} white-space characters in a row`);
  }
  let program: Program;
  try {
    program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  } catch (error) {
    throw failure(`cannot be parsed: ${messageOf(error)}`, error);
  }
  const facts = inspect(program);

  return {
    reads: (name) => facts.names.has(name),
    render(variables, limits) {
      const environment = templateGlobals(limits.date);
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      try {
        return String(new BoundedInterpreter(environment, limits, facts).run(program).value);
      } catch (error) {
        if (error instanceof TrimtabError) throw error;
        throw failure(`failed: ${messageOf(error)}`, error);
      }
    },
  };
}

class BoundedInterpreter extends Interpreter {
  #work: number;
  #depth = 0;
  /** Size of the values that the node being evaluated has got from its parts so far. */
  #operands = 0;
  /** The value that was evaluated last: after a member expression without brackets, the object it looked into. */
  #last: Value | undefined;
  readonly #maxSize: number;
  readonly #sizes = new WeakMap<object, number>();
  readonly #facts: Facts;

  constructor(environment: Environment, limits: RenderLimits, facts: Facts) {
    super(environment);
    this.#work = 200_000 + 2_000 * limits.messages + limits.characters;
    this.#maxSize = 256 * 1024 + 4 * limits.characters;
    this.#facts = facts;
  }

  override evaluate(node: Node | undefined, environment: Environment): Value {
    this.#charge(1);
    if (++this.#depth > MAX_DEPTH) throw failure(`nests more than ${MAX_DEPTH} deep`);
    const outer = this.#operands;
    this.#operands = 0;
    const value = this.#completed(super.evaluate(node, environment), node);
    if (node !== undefined && isOperation(node)) {
      this.#charge(this.#operands / 16 + (typeof value?.value === "string" ? value.value.length / 64 : 0));
    }
    if (this.#size(value) > this.#maxSize) {
      throw failure(`makes a value of more than ${this.#maxSize} characters`);
    }
    if (value?.type === "FunctionValue" && (node as { computed?: boolean }).computed) {
      throw failure("looks a method up by a computed name, which is not allowed");
    }
    if (this.#facts.smallArguments.has(node)) requireSmall(value);
    if (this.#facts.iterables.has(node)) this.#charge(extent(value));
    this.#depth--;
    this.#operands = outer + extent(value);
    this.#last = value;
    return value;
  }

  /** The library's `strip`, `lstrip` and `rstrip` do not take the characters to strip; Python's do. */
  #completed(value: Value, node: AstNode | undefined): Value {
    const name = node === undefined ? "" : calledName(node);
    const receiver = this.#last;
    if (value?.type !== "FunctionValue" || receiver?.type !== "StringValue" || !/^[lr]?strip$/.test(name)) return value;
    const inherited = value.value as (args: Value[], environment: Environment) => Value;
    const Text = receiver.constructor as new (text: string) => Value;
    const Method = value.constructor as new (method: typeof inherited) => Value;
    return new Method((args, environment) => {
      const characters: unknown = args[0]?.value;
      if (typeof characters !== "string") return inherited([], environment);
      return new Text(stripCharacters(receiver.value as string, characters, name));
    });
  }

  #charge(work: number): void {
    this.#work -= work;
    if (this.#work < 0) throw failure("does too much work; does it loop without end?");
  }

  /** Characters and elements in a value, parts that occur twice counted twice. */
  #size(value: Value | undefined): number {
    switch (value?.type) {
      case "StringValue":
        return (value.value as string).length;
      case "ArrayValue":
      case "TupleValue":
        return this.#sizeOfParts(value, value.value as Value[]);
      case "ObjectValue":
      case "KeywordArgumentsValue":
        return this.#sizeOfParts(value, (value.value as Map<string, Value>).values());
      case "NamespaceValue": {
        // Namespaces change, so their size is not remembered; for the same reason no value may hold one.
        let size = 1;
        for (const part of (value.value as Map<string, Value>).values()) size += this.#sizeOfPart(part);
        return size;
      }
      default:
        return 1;
    }
  }

  #sizeOfParts(value: Value, parts: Iterable<Value>): number {
    const known = this.#sizes.get(value);
    if (known !== undefined) return known;
    let size = 1;
    for (const part of parts) size += this.#sizeOfPart(part);
    this.#sizes.set(value, size);
    this.#charge(extent(value) / 16);
    return size;
  }

  #sizeOfPart(part: Value): number {
    if (part?.type === "NamespaceValue") throw failure("puts a namespace into another value, which is not allowed");
    return 1 + this.#size(part);
  }
}

/** Whether a node does work in proportion to its operands; the others only pass references on. */
function isOperation(node: AstNode): boolean {
  return OPERATIONS.has(node.type) || node.property?.type === "SliceExpression";
}

/** How much an operation has to look at: the characters of a text, the elements of a list. */
function extent(value: Value | undefined): number {
  const inner: unknown = value?.value;
  if (typeof inner === "string" || Array.isArray(inner)) return inner.length;
  return inner instanceof Map ? inner.size : 1;
}

function requireSmall(value: Value): void {
  const inner: unknown = value.value;
  if (Array.isArray(inner)) {
    for (const part of inner as Value[]) requireSmall(part);
  } else if (extent(value) > MAX_SMALL || (typeof inner === "number" && Math.abs(inner) > MAX_SMALL)) {
    throw failure(`gives ${[...MULTIPLYING].join(", ")} an argument longer or larger than ${MAX_SMALL}`);
  }
}

interface Facts {
  /** The variables that the program reads. */
  readonly names: ReadonlySet<string>;
  /** Expressions whose values have to be small. */
  readonly smallArguments: ReadonlySet<unknown>;
  /** What loops go over. */
  readonly iterables: ReadonlySet<unknown>;
}

function inspect(program: Program): Facts {
  const names = new Set<string>();
  const smallArguments = new Set<unknown>();
  const iterables = new Set<unknown>();
  const callees = new Set<unknown>();
  const open: unknown[] = [program];
  while (open.length > 0) {
    const node = open.pop();
    if (typeof node !== "object" || node === null) continue;
    const { type } = node as { type?: unknown };
    if (type === "Identifier") names.add((node as { value: string }).value);
    if (type === "For") {
      const { iterable } = node as { iterable: AstNode & { lhs?: AstNode } };
      iterables.add(iterable.type === "SelectExpression" ? iterable.lhs : iterable);
    }
    if (type === "CallExpression") {
      const { callee, args } = node as { callee: AstNode; args: AstNode[] };
      callees.add(callee);
      if (MULTIPLYING.has(calledName(callee))) {
        for (const argument of args) smallArguments.add(smallPart(argument));
      }
    }
    if (type === "MemberExpression" && calledName(node as AstNode) === "replace" && !callees.has(node)) {
      throw failure("uses replace as a value, which is not allowed; call it");
    }
    for (const child of node instanceof Map ? [...node.keys(), ...node.values()] : Object.values(node))
      open.push(child);
  }
  return { names, smallArguments, iterables };
}

interface AstNode {
  readonly type: string;
  readonly value?: unknown;
  readonly computed?: boolean;
  readonly property?: AstNode;
}

function calledName(callee: AstNode): string {
  const name = callee.type === "MemberExpression" && !callee.computed ? callee.property : callee;
  return name?.type === "Identifier" ? String(name.value) : "";
}

/** The expression whose value counts: what a keyword argument holds, or the argument itself. */
function smallPart(argument: AstNode): unknown {
  if (argument.type === "SpreadExpression" || argument.type === "KeywordSpreadExpression") {
    throw failure(`spreads arguments into ${[...MULTIPLYING].join(", ")}, which is not allowed`);
  }
  return argument.type === "KeywordArgumentExpression" ? argument.value : argument;
}
