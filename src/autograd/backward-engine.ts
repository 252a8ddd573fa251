/** One walk over the graph, consumers before producers: calls each backward and adds up gradients that reach a tensor twice. */

import { check, DisposedError } from "../errors.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { addInPlace, fill } from "../tensor/copy.ts";
import { guardGrad, overwritesGrad } from "../tensor/leaf-gradients.ts";
import { type Batch, beginBatch, releaseLater } from "../tensor/release-queue.ts";
import { keep, scope } from "../tensor/scope.ts";
import type { Dtype } from "../tensor/storage.ts";
import { empty, gradOf, gradSlotOf, handleOf, storageOf, Tensor } from "../tensor/tensor.ts";
import { aliasWithGraph, Edge, edgeOf, freeFrom, type Node, type Target, targetOf } from "./graph.ts";
import { withMode } from "./modes.ts";
import { cast } from "./op.ts";
import { isObserved, type ObservedOp, observe } from "./op-observer.ts";
import type { BackwardContext, InputGradients } from "./op-types.ts";
import { addGradients, identity } from "./primitives.ts";
import { checkGradients } from "./validate-gradients.ts";

const units = new WeakMap<Device, Tensor>();

/** The constant 1 that a scalar loss's backward starts from, one per device. */
export function onesScalar(device: Device): Tensor {
  let one = units.get(device);
  if (!one) {
    one = runtimeOf(device).outsideCapture(() => {
      const fresh = keep(empty(device, []));
      handleOf(fresh).uncount();
      fill(fresh, 1);
      return fresh;
    });
    units.set(device, one);
  }
  return one;
}

interface WalkOptions {
  createGraph: boolean;
  retainGraph: boolean;
  /** Only these gradients are asked for; undefined: those of all leaves. */
  wanted?: readonly Tensor[];
  /** Nodes made up to this id are outside. */
  since?: number;
}

/** One pass over the graph. */
export class BackwardEngine {
  readonly leaves = new Map<Tensor, Tensor>();
  readonly #options: WalkOptions;
  readonly #pending = new Map<Node, (Tensor | undefined)[]>();
  readonly #results = new Map<Tensor, Tensor>();
  readonly #uses = new Map<Node, number>();
  readonly #starts: Node[] = [];
  /** Nodes that get their gradient with their activation's derivative applied: for this walk alone. */
  readonly #activationGradApplied = new Set<Node>();
  /** The leaves that the graph reaches. */
  readonly #reached = new Set<Tensor>();

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  start(output: Tensor, gradient: Tensor): void {
    const target = targetOf(output);
    if (target instanceof Edge) this.#starts.push(target.node);
    const fitting = ofDtype(gradient, output.dtype);
    this.#give(target, aliasWithGraph(fitting));
    if (fitting !== gradient) fitting.dispose();
  }

  resultFor(input: Tensor): Tensor | undefined {
    const edge = edgeOf(input);
    if (!edge) return this.#results.get(input) ?? this.leaves.get(input);
    // A node outside (see `since`) is never visited: what was given to it still waits there.
    return this.#results.get(input) ?? this.#pending.get(edge.node)?.[edge.index];
  }

  run(): void {
    const order = this.#order();
    const [first] = order;
    if (!first) return;
    // The decomposition of an operation is a part of a graph.
    const batch = this.#options.since === undefined ? beginBatch(first.device, this.#reached) : undefined;
    // A freed node lets go of those before it, which must last until their own turn.
    for (const node of order) node.refs++;
    try {
      for (const node of order) this.#step(node, batch);
    } finally {
      for (const node of order) if (--node.refs === 0) freeFrom(node);
    }
  }

  #step(node: Node, batch: Batch | undefined): void {
    const gradients = this.#pending.get(node);
    this.#pending.delete(node);
    this.#collect(node, gradients);
    if (gradients) this.#visit(node, gradients);
    if (!this.#options.retainGraph) retire(node, batch);
  }

  /** The reachable nodes, consumers before producers. */
  #order(): Node[] {
    const seen = new Set<Node>();
    const stack = [...this.#starts];
    const since = this.#options.since ?? 0;
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (seen.has(node) || node.id <= since) continue;
      check(
        !node.freed,
        DisposedError,
        () =>
          `backward: the graph of '${node?.op.name}' was freed by an earlier backward; pass retainGraph: true there`,
      );
      seen.add(node);
      for (const target of node.targets) {
        if (target instanceof Tensor) this.#reached.add(target);
        if (!(target instanceof Edge)) continue;
        stack.push(target.node);
        this.#uses.set(target.node, (this.#uses.get(target.node) ?? 0) + 1);
      }
    }
    return [...seen].sort((a, b) => b.id - a.id);
  }

  /** Keeps gradients that `grad` asked for at this node's outputs. */
  #collect(node: Node, gradients: (Tensor | undefined)[] | undefined): void {
    for (const input of this.#options.wanted ?? []) {
      const edge = edgeOf(input);
      const found = edge?.node === node ? gradients?.[edge.index] : undefined;
      if (found) this.#results.set(input, aliasWithGraph(found));
    }
  }

  #visit(node: Node, gradients: (Tensor | undefined)[]): void {
    const { createGraph } = this.#options;
    const run = () => {
      const results =
        createGraph && node.op.decomposition
          ? backwardThroughDecomposition(node, gradients)
          : this.#call(node, gradients);
      // An operand that met a wider one has the wider one's gradient so far.
      return node.targets.map((target, i) => results[i] && target && ofDtype(results[i], dtypeOf(target)));
    };
    const inMode = () => withMode("grad", createGraph, () => (createGraph ? run() : scope(run)));
    const results = withMode("autocast", false, inMode);
    if (isObserved()) observe(seenBackward(node, gradients, results));
    // What a backward hands on, or gives to several inputs, must not be one handle with several owners.
    const given = new Set(gradients);
    node.targets.forEach((target, i) => {
      const gradient = results[i];
      if (!target || !gradient) return;
      this.#give(target, given.has(gradient) ? aliasWithGraph(gradient) : gradient);
      given.add(gradient);
    });
    if (!createGraph) for (const gradient of gradients) gradient?.dispose();
  }

  #call(node: Node, gradients: (Tensor | undefined)[]): (Tensor | undefined)[] {
    const { device } = node;
    const one = onesScalar(device);
    const needs = node.targets.map((target) => target !== undefined);
    const ctx: BackwardContext & { shapes(): string } = {
      name: node.op.name,
      device,
      attrs: node.attrs,
      saved: node.saved(this.#options.createGraph),
      needsInputGrad: needs,
      needs,
      activationGradApplied: this.#activationGradApplied.delete(node),
      gradSlot: (i) => this.#slot(node.targets[i]),
      isUnit: (gradient) => storageOf(gradient) === storageOf(one),
      onlyConsumerOf: (i) => this.#onlyConsumerOf(node.targets[i]),
      applyActivationGrad: (i) => {
        const producer = this.#onlyConsumerOf(node.targets[i]);
        if (producer) this.#activationGradApplied.add(producer);
      },
      shapes: () => node.outputs.map(({ shape }) => `[${shape}]`).join(", "),
    };
    runtimeOf(device).operation = ctx;
    try {
      const results = asList((node.op.backward as NonNullable<typeof node.op.backward>)(ctx, ...gradients));
      checkGradients(node, results);
      return results;
    } finally {
      runtimeOf(device).operation = undefined;
    }
  }

  #slot(target: Target | undefined): Tensor | undefined {
    if (!(target instanceof Tensor) || this.#options.wanted || this.#options.createGraph) return undefined;
    guardGrad(target);
    const slot = gradSlotOf(target);
    if (!target.requiresGrad || !slot || gradOf(target) !== null || this.leaves.has(target)) return undefined;
    return overwritesGrad(slot);
  }

  #onlyConsumerOf(target: Target | undefined): Node | undefined {
    if (!(target instanceof Edge) || this.#options.createGraph || this.#options.wanted) return undefined;
    return this.#uses.get(target.node) === 1 && !this.#starts.includes(target.node) ? target.node : undefined;
  }

  #give(target: Target, gradient: Tensor): void {
    const { createGraph } = this.#options;
    if (target instanceof Tensor) {
      const sum = this.leaves.get(target);
      this.leaves.set(target, sum ? accumulate(sum, gradient, createGraph, sum === gradSlotOf(target)) : gradient);
      return;
    }
    const slots = this.#pending.get(target.node) ?? target.node.outputs.map(() => undefined);
    const sum = slots[target.index];
    slots[target.index] = sum ? accumulate(sum, gradient, createGraph, false) : gradient;
    this.#pending.set(target.node, slots);
  }
}

const dtypeOf = (target: Target): Dtype =>
  target instanceof Tensor ? target.dtype : (target.node.outputs[target.index]?.dtype ?? "f32");

const ofDtype = (gradient: Tensor, dtype: Dtype): Tensor =>
  gradient.dtype === dtype ? gradient : cast(gradient, dtype);

/** sum + gradient, in place where nothing else sees `sum`. */
function accumulate(sum: Tensor, gradient: Tensor, createGraph: boolean, inPlace: boolean): Tensor {
  if (createGraph) return addGradients(sum, gradient);
  if (inPlace || (storageOf(sum).exclusive && sum.isContiguous)) {
    addInPlace(sum, gradient);
    gradient.dispose();
    return sum;
  }
  const total = addGradients(sum, gradient);
  sum.dispose();
  gradient.dispose();
  return total;
}

/** Differentiates the decomposition instead, whose operations are differentiable in turn. */
function backwardThroughDecomposition(node: Node, gradients: (Tensor | undefined)[]): (Tensor | undefined)[] {
  // Identities mark where the decomposition begins: an input that another input depends on must not be counted through it.
  const inputs = node.inputs().map((input) => (input?.requiresGrad ? identity(input) : input));
  const wanted = inputs.filter((input): input is Tensor => input?.requiresGrad === true);
  const since = wanted.reduce((latest, input) => Math.max(latest, edgeOf(input)?.node.id ?? 0), 0);
  const outputs: Tensor[] = [node.op.decomposition?.(inputs, node.attrs) ?? []].flat();
  const walk = new BackwardEngine({ createGraph: true, retainGraph: true, wanted, since });
  outputs.forEach((output, i) => {
    const gradient = gradients[i];
    if (gradient && output.requiresGrad) walk.start(output, gradient);
  });
  walk.run();
  return inputs.map((input) => (input?.requiresGrad ? walk.resultFor(input) : undefined));
}

function seenBackward(node: Node, inputs: (Tensor | undefined)[], outputs: (Tensor | undefined)[]): ObservedOp {
  const leaves = node.targets.map((target) => (target instanceof Tensor ? target : undefined));
  return { name: node.op.name, direction: "backward", inputs, outputs, leaves };
}

/** Frees a node that was walked; tensors of it that the program still holds live on for a while. */
function retire(node: Node, batch: Batch | undefined): void {
  // First, so that a released tensor's memory is its own and leaves the count of live bytes.
  freeFrom(node);
  for (const { ref } of node.outputs) {
    const tensor = ref.deref();
    if (tensor) releaseLater(tensor, batch);
  }
}

function asList(gradients: InputGradients): (Tensor | undefined)[] {
  return gradients === undefined || gradients instanceof Tensor ? [gradients] : [...gradients];
}
