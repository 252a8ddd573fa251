/** The graph: a node per operation, edges to the nodes or leaves that its inputs came from. */
import type { Device } from "../gpu/device.ts";
import { keep } from "../tensor/scope.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { type GraphLink, Tensor } from "../tensor/tensor.ts";
import type { OpDefinition, Producer } from "./definition.ts";

/** Where a gradient goes: an output of a node, or a leaf. */
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
    if (--this.node.refs === 0) this.node.free();
  }
}

interface Saved {
  readonly tensor: Tensor;
  /** The output of the node itself that this is: its link is set at backward, or node and tensor would hold each other. */
  readonly output: number;
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
  /** The inputs themselves, kept for ops with a composed twin: second derivatives run it again. */
  readonly inputs: readonly (Tensor | undefined)[];
  refs = 0;
  freed = false;
  finished = false;
  #saved: Saved[] = [];

  constructor(op: OpDefinition, attrs: object, device: Device, inputs: readonly (Tensor | undefined)[]) {
    this.op = op;
    this.attrs = attrs;
    this.device = device;
    this.targets = inputs.map((input) => (input?.requiresGrad ? targetOf(input) : undefined));
    for (const target of this.targets) if (target instanceof Edge) target.retain();
    this.inputs = op.composed ? inputs.map((input) => input && hold(input)) : [];
  }

  save(tensors: readonly Tensor[], outputs: readonly Tensor[]): void {
    this.#saved = tensors.map((tensor) => ({ tensor: hold(tensor), output: outputs.indexOf(tensor) }));
  }

  /** A `linked` output can be differentiated: whole numbers cannot. */
  addOutput(tensor: Tensor, linked: boolean): void {
    const edge = new Edge(this, this.outputs.length);
    this.outputs.push({ shape: tensor.shape, dtype: tensor.dtype, ref: new WeakRef(tensor) });
    if (linked) tensor.setNode(edge);
  }

  /** What forward saved; with `linked`, outputs are part of the graph again so that they can be differentiated. */
  saved(linked: boolean): Tensor[] {
    return this.#saved.map(({ tensor, output }) =>
      linked && output >= 0 ? linkedAlias(tensor, new Edge(this, output)) : tensor,
    );
  }

  /** Lets go of everything that backward would need. */
  free(): void {
    if (this.freed) return;
    this.freed = true;
    for (const { tensor } of this.#saved) letGo(tensor);
    for (const input of this.inputs) if (input) letGo(input);
    this.#saved = [];
    for (const target of this.targets) if (target instanceof Edge) target.release();
  }
}

export function targetOf(tensor: Tensor): Target {
  return (tensor.node as Edge | undefined) ?? tensor;
}

/** A handle of the graph's own on a tensor, so that the user's may be freed first. A leaf stays itself: it is looked up by identity. */
function hold(tensor: Tensor): Tensor {
  if (tensor.requiresGrad && !tensor.node) return tensor;
  return linkedAlias(tensor, tensor.node as Edge | undefined);
}

function letGo(tensor: Tensor): void {
  if (!tensor.requiresGrad || tensor.node) tensor.dispose();
}

export function linkedAlias(tensor: Tensor, edge: Edge | undefined): Tensor {
  const alias = keep(new Tensor(tensor.storage, tensor.shape, tensor.strides, tensor.offset, tensor.dtype));
  alias.uncount();
  if (edge) alias.setNode(edge);
  return alias;
}
