/** The graph: a node per operation, edges to the nodes or leaves that its inputs came from. */
import { ArgumentError, check } from "../errors.ts";
import type { Device } from "../gpu/device.ts";
import { castElements } from "../kernels/elementwise/cast.ts";
import type { GraphLink } from "../tensor/handle.ts";
import { keep } from "../tensor/scope.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { assertReadable, handleOf, makeTensor, setNode, storageOf, type Tensor } from "../tensor/tensor.ts";
import type { OpDefinition, Producer } from "./op-types.ts";

/** The destination of a gradient: an output of a node, or a leaf. */
export type Target = Edge | Tensor;

/** One output of a node, as its consumers and its tensors refer to it. */
export class Edge implements GraphLink {
  readonly node: Node;
  readonly index: number;

  constructor(node: Node, index: number) {
    this.node = node;
    this.index = index;
  }

  retain(): void {
    this.node.refs++;
  }

  release(): void {
    if (--this.node.refs === 0) freeFrom(this.node);
  }
}

/** Nodes whose turn to be freed comes next: a list and not a recursion, since graphs may be of any depth. */
const unreferenced: Node[] = [];
let isFreeing = false;

/** Frees a node, and then those that nothing leads to any more. */
export function freeFrom(first: Node): void {
  unreferenced.push(first);
  if (isFreeing) return;
  isFreeing = true;
  try {
    for (let node = unreferenced.pop(); node; node = unreferenced.pop()) node.letGo();
  } finally {
    isFreeing = false;
  }
}

/**
 * The f16 tensors that f32 ones, cast up for an operation, come from: a graph keeps those, which take half the memory,
 * and casts again.
 */
export const f16Source = new WeakMap<Tensor, Tensor>();

/** A tensor that backward will read, and how often its memory had been written when the operation read it. */
class SavedTensor {
  readonly tensor: Tensor;
  readonly #label: string | undefined;
  /** Negative: backward reads no more of it than its shape. */
  readonly #writes: number;
  /** The output of the node itself that this is: its link is set at backward, or node and tensor would hold each other. */
  readonly output: number;
  /** True if `tensor` is a handle of the graph's own. Decided here: the user may freeze a leaf afterwards. */
  readonly #isOwn: boolean;
  readonly #isLifted: boolean;

  constructor(tensor: Tensor, { reads = true, output = -1 } = {}) {
    const source = f16Source.get(tensor) ?? tensor;
    this.#isLifted = source !== tensor;
    // The half's values with the cast's place in the graph.
    // A leaf stays itself: it is looked up by identity.
    this.#isOwn = this.#isLifted || !tensor.requiresGrad || handleOf(tensor).link !== undefined;
    this.tensor = this.#isOwn ? aliasWithGraph(source, edgeOf(tensor) ?? null) : tensor;
    this.#label = source.label;
    this.#writes = reads ? storageOf(source).version : -1;
    this.output = output;
  }

  /** The tensor, unless its values are no longer those of forward; with `linked`, as a part of the graph. */
  valueFor(op: string, linked: boolean): Tensor {
    const { tensor } = this;
    if (this.#writes >= 0) assertReadable(tensor, `backward of ${op}`);
    check(
      this.#writes < 0 || storageOf(tensor).version === this.#writes,
      ArgumentError,
      () =>
        `backward: tensor ${this.#label ? `'${this.#label}' ` : ""}of shape [${tensor.shape}], which '${op}' read, was changed in place since (copy_, fill_, loadStateDict or an optimizer's step); do that after backward(), or with a clone()`,
    );
    if (!this.#isLifted || this.#writes < 0) return tensor;
    const value = castElements(tensor, "f32");
    if (!linked) return value;
    const alias = aliasWithGraph(value, edgeOf(tensor) ?? null);
    value.dispose();
    return alias;
  }

  release(): void {
    if (this.#isOwn) this.tensor.dispose();
  }
}

let nextId = 1;

/** An operation that was run: what its backward needs, counted by the edges and tensors that lead to it. */
export class Node implements Producer {
  /** Rises with creation: consumers have larger ids than producers, so descending ids are a topological order. */
  readonly id = nextId++;
  readonly op: OpDefinition;
  readonly attrs: object;
  readonly device: Device;
  readonly targets: readonly (Target | undefined)[];
  readonly outputs: { readonly shape: Shape; readonly dtype: Dtype; readonly ref: WeakRef<Tensor> }[] = [];
  /** The inputs themselves, kept for ops with a decomposition: second derivatives run it again. */
  readonly #inputs: readonly (SavedTensor | undefined)[];
  refs = 0;
  freed = false;
  #saved: readonly SavedTensor[] = [];

  constructor(op: OpDefinition, attrs: object, device: Device, inputs: readonly (Tensor | undefined)[]) {
    this.op = op;
    this.attrs = attrs;
    this.device = device;
    this.targets = inputs.map((input) => (input?.requiresGrad ? targetOf(input) : undefined));
    for (const target of this.targets) if (target instanceof Edge) target.retain();
    this.#inputs = op.decomposition ? inputs.map((input) => input && new SavedTensor(input)) : [];
  }

  save(tensors: readonly Tensor[], inputs: readonly (Tensor | undefined)[], outputs: readonly Tensor[]): void {
    const reads = (tensor: Tensor) => {
      const index = this.op.bilinear ? inputs.indexOf(tensor) : -1;
      return (
        index < 0 ||
        this.targets.some((target, i) => target && inputs[i] !== tensor) ||
        inputs.lastIndexOf(tensor) > index
      );
    };
    this.#saved = tensors.map(
      (tensor) => new SavedTensor(tensor, { reads: reads(tensor), output: outputs.indexOf(tensor) }),
    );
  }

  /** The inputs as the decomposition takes them. */
  inputs(): (Tensor | undefined)[] {
    return this.#inputs.map((held) => held?.valueFor(this.op.name, true));
  }

  /** A `linked` output can be differentiated: integers cannot. */
  addOutput(tensor: Tensor, linked: boolean): void {
    const edge = new Edge(this, this.outputs.length);
    this.outputs.push({ shape: tensor.shape, dtype: tensor.dtype, ref: new WeakRef(tensor) });
    if (linked) setNode(tensor, edge);
  }

  /** The tensors that forward saved; with `linked`, outputs are part of the graph again, to be differentiated. */
  saved(linked: boolean): Tensor[] {
    return this.#saved.map((held) => {
      const tensor = held.valueFor(this.op.name, linked);
      return linked && held.output >= 0 ? aliasWithGraph(tensor, new Edge(this, held.output)) : tensor;
    });
  }

  /** Lets go of everything that backward would need. For `freeFrom`, which goes on with the producers. */
  letGo(): void {
    if (this.freed) return;
    this.freed = true;
    for (const held of this.#saved) held.release();
    for (const held of this.#inputs) held?.release();
    this.#saved = [];
    for (const target of this.targets) if (target instanceof Edge) target.release();
  }
}

/** Returns the edge to the node that computed a tensor; undefined for leaves. */
export function edgeOf(tensor: Tensor): Edge | undefined {
  const { link } = handleOf(tensor);
  return link instanceof Edge ? link : undefined;
}

export const targetOf = (tensor: Tensor): Target => edgeOf(tensor) ?? tensor;

/** The same values under a handle of the library's own, at the same point of the graph or at another. */
export function aliasWithGraph(tensor: Tensor, edge: Edge | null = edgeOf(tensor) ?? null): Tensor {
  const alias = keep(makeTensor(storageOf(tensor), tensor.shape, tensor.strides, tensor.offset, tensor.dtype));
  handleOf(alias).uncount();
  if (edge) setNode(alias, edge);
  return alias;
}
