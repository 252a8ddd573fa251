/** One node of a graph as its operator sees it. */
import type { Tensor } from "gradwell";
import type { Attribute, Node } from "./proto.ts";
import type { Value } from "./value.ts";

/** An ONNX operator in calls of the public API: the values of its outputs, in order. */
export type Operator = (call: Call) => Tensor | Tensor[] | Promise<Tensor | Tensor[]>;
export type Operators = Readonly<Record<string, Operator>>;

export class Call {
  readonly op: string;
  readonly #inputs: readonly (Value | undefined)[];
  readonly #outputs: readonly string[];
  readonly #attributes: ReadonlyMap<string, Attribute>;

  constructor({ op, outputs, attributes }: Node, inputs: readonly (Value | undefined)[]) {
    this.op = op;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#attributes = attributes;
  }

  /** The number of outputs of the node. */
  get outputs(): number {
    return this.#outputs.length;
  }

  /** True when the graph uses the output at this index. */
  wants(output: number): boolean {
    return Boolean(this.#outputs[output]);
  }

  has(input: number): boolean {
    return this.#inputs[input] !== undefined;
  }

  /** The first input: most operators have one. */
  get x(): Tensor {
    return this.tensor(0);
  }

  tensor(input: number): Tensor {
    const value = this.#inputs[input];
    if (!value) throw new Error(`${this.op}: there is no input ${input}`);
    return value.tensor;
  }

  optional(input: number): Tensor | undefined {
    return this.#inputs[input]?.tensor;
  }

  get tensors(): Tensor[] {
    return this.#inputs.map((_, i) => this.tensor(i));
  }

  /** An input that says how, not what: read to the host. */
  async numbers(input: number): Promise<number[] | undefined> {
    return this.#inputs[input]?.numbers();
  }

  async number(input: number, fallback: number): Promise<number> {
    return (await this.numbers(input))?.[0] ?? fallback;
  }

  /** Axes and the like: an attribute in older versions of an operator, an input in newer ones. */
  async list(name: string, input = 1): Promise<number[] | undefined> {
    return this.ints(name) ?? (await this.numbers(input));
  }

  attribute<T extends Attribute>(name: string): T | undefined {
    return this.#attributes.get(name) as T | undefined;
  }

  real(name: string, fallback: number): number {
    return this.attribute<number>(name) ?? fallback;
  }

  flag(name: string, fallback = false): boolean {
    return this.real(name, fallback ? 1 : 0) !== 0;
  }

  text(name: string, fallback: string): string {
    return this.attribute<string>(name) ?? fallback;
  }

  ints(name: string): number[] | undefined {
    return this.attribute<number[]>(name);
  }
}
