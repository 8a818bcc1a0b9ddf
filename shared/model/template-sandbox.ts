/**
 * Runs chat templates, which are untrusted Jinja programs, within limits.
 *
 * Three things are limited: the length of the source, the work (every node evaluated, and every character that an operation
 * reads or writes), and the size of every value. Work and sizes are checked during interpretation. Operations that can
 * multiply sizes in a single step (`replace`, `join`, `indent`, `tojson`, `range`) accept only small arguments, so that no
 * value can far exceed its limit before it is checked. Templates cannot read the clock: the date is an input, so rendering
 * is a function of its inputs.
 */
import { type Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { messageOf, TrimtabError } from "../errors.ts";
import { failure, stripCharacters, templateGlobals } from "./template-globals.ts";

export interface CompiledTemplate {
  /** Whether the source reads a variable of this name. */
  reads(name: string): boolean;
  /**
   * Throws `invalid_request` with the template's own message when it rejects the input, `invalid_model` when it fails or
   * exceeds a limit. The limits grow with `limits.messages` and `limits.characters`.
   */
  render(variables: Readonly<Record<string, unknown>>, limits: RenderLimits): string;
}

export interface RenderLimits {
  /** The size of the input: messages, and characters in total. */
  readonly messages: number;
  readonly characters: number;
  /** What `strftime_now` formats, in UTC. */
  readonly date: Date;
}

const MAX_SOURCE = 64 * 1024;
const MAX_WHITESPACE_RUN = 2048;
const MAX_DEPTH = 250;
/** The longest text and the largest number that a size-multiplying operation accepts as an argument. */
const MAX_SMALL = 64;
const MULTIPLYING = new Set(["replace", "join", "indent", "tojson"]);
const OPERATIONS = new Set(
  "BinaryExpression FilterExpression FilterStatement CallExpression CallStatement TestExpression".split(" "),
);

type Program = ReturnType<typeof parse>;
type Node = NonNullable<Parameters<Interpreter["evaluate"]>[0]>;
type Value = ReturnType<Interpreter["evaluate"]>;

/** Parses a template. Throws `invalid_model` when it is too long, invalid, or uses something that the sandbox forbids. */
export function compileTemplate(source: string): CompiledTemplate {
  if (source.length > MAX_SOURCE) {
    throw failure(`has ${source.length} characters; at most ${MAX_SOURCE} are allowed`);
  }
  // The parser's regular expressions take quadratic time on long runs of white space.
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
  /** The total extent of the values that the current node's children have produced so far. */
  #operands = 0;
  /** The last value evaluated. Right after a dotted member expression, this is the object that has the member. */
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
      throw failure("looks up a method by a computed name, which is not allowed");
    }
    if (this.#facts.smallArguments.has(node)) requireSmall(value);
    if (this.#facts.iterables.has(node)) this.#charge(extent(value));
    this.#depth--;
    this.#operands = outer + extent(value);
    this.#last = value;
    return value;
  }

  /** Lets `strip`, `lstrip` and `rstrip` take the characters to strip, as in Python; the library's do not. */
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
    if (this.#work < 0) throw failure("does too much work; does it loop forever?");
  }

  /** The number of characters and elements in a value; a part that occurs twice counts twice. */
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
        // Namespaces are mutable, so their size is not cached; for the same reason, no other value may contain one.
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

/** Whether a node does work in proportion to its operands. Other nodes only pass references. */
function isOperation(node: AstNode): boolean {
  return OPERATIONS.has(node.type) || node.property?.type === "SliceExpression";
}

/** How much an operation has to read: the characters of a text, the elements of a list. */
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
    throw failure(`passes ${[...MULTIPLYING].join(", ")} an argument longer or larger than ${MAX_SMALL}`);
  }
}

interface Facts {
  /** The variables that the program reads. */
  readonly names: ReadonlySet<string>;
  /** Expressions whose values must be small. */
  readonly smallArguments: ReadonlySet<unknown>;
  /** The expressions that loops iterate over. */
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

/** The expression whose value must be small: the value of a keyword argument, or the argument itself. */
function smallPart(argument: AstNode): unknown {
  if (argument.type === "SpreadExpression" || argument.type === "KeywordSpreadExpression") {
    throw failure(`spreads arguments into ${[...MULTIPLYING].join(", ")}, which is not allowed`);
  }
  return argument.type === "KeywordArgumentExpression" ? argument.value : argument;
}
