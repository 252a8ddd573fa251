import { ArgumentError, check, expected } from "../errors.ts";
import { isInstanceOf } from "../plain-object.ts";
import { isParameter, Tensor } from "../tensor/tensor.ts";
import { ActivationLayer } from "./activation.ts";
import { adaptDefault, type NextActivation } from "./default-weight.ts";
import { isPlain } from "./forward.ts";
import { trace } from "./forward-trace.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/**
 * Layers one after the other; paths count them: `0.weight`. Default weights are drawn for the activation that follows,
 * and a Linear computes the activation after it in one kernel.
 */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    layers.forEach((layer, i) => {
      check(isInstanceOf(layer, Module), ArgumentError, () => expected("Sequential", `layer ${i}`, "a module", layer));
    });
    super();
    this.layers = [...layers];
    const leaves = leavesOf(this);
    leaves.forEach((leaf, i) => {
      const { weight } = leaf as { weight?: unknown };
      if (weight instanceof Tensor) adaptDefault(weight, followerIn(leaves, i));
    });
  }

  get length(): number {
    return this.layers.length;
  }

  [Symbol.iterator](): Iterator<Module> {
    return this.layers[Symbol.iterator]();
  }

  override forward(x: Tensor): Tensor {
    check(arguments.length <= 1, ArgumentError, () => expected("Sequential", "x", "one input", arguments.length));
    let y = x;
    for (let i = 0; i < this.layers.length; i++) {
      const layer = this.layers[i] as Module;
      const pair = fused(layer, this.layers[i + 1]);
      y = pair ? pair[0].forwardWith(y, pair[1].activation, pair[1].slope) : layer.forward(y);
      if (pair) i++;
    }
    return y;
  }

  protected override stateName(property: string): string {
    return property === "layers" ? "" : super.stateName(property);
  }
}

/** The layers of nested sequences in the order in which data pass. */
const leavesOf = (sequence: Sequential): Module[] =>
  sequence.layers.flatMap((layer) => (layer instanceof Sequential ? leavesOf(layer) : [layer]));

function followerIn(leaves: readonly Module[], i: number): NextActivation {
  const next = leaves.slice(i + 1).find((leaf) => !leaf.isInitTransparent);
  return next instanceof ActivationLayer ? next.follower : undefined;
}

/** No class of a user's, whose `forward` may compute something else. */
const isBuiltIn = (layer: ActivationLayer): boolean => Object.getPrototypeOf(layer.constructor) === ActivationLayer;

/** A Linear and the activation after it, when nobody watches them or has changed what they do. */
function fused(layer: Module, next: Module | undefined): [Linear, ActivationLayer] | undefined {
  if (!(layer instanceof Linear && next instanceof ActivationLayer) || trace.seen) return undefined;
  const known = layer.constructor === Linear && isBuiltIn(next);
  const isWhole = isParameter(layer.weight) && (!layer.bias || isParameter(layer.bias));
  const isUnchanged = layer.activation === "none" && isPlain(layer) && isPlain(next);
  return known && isWhole && isUnchanged ? [layer, next] : undefined;
}
