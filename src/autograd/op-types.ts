/** What an operation is made of, and what its parts are given. */
import type { Device } from "../gpu/device.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type Inputs = readonly (Tensor | undefined)[];
export type Outputs = Tensor | Tensor[];
export type InputGradients = Tensor | undefined | readonly (Tensor | undefined)[];

/** What a forward is given beside its inputs. */
export interface ForwardContext {
  readonly name: string;
  readonly device: Device;
  /** Which inputs will want a gradient; all false where no graph is built. */
  readonly needsInputGrad: readonly boolean[];
  /** Keeps tensors (inputs, outputs or intermediates) for backward. */
  save(...tensors: Tensor[]): void;
  /** Frees a tensor made in forward (not an input) when forward is over; the graph goes on holding it if it was saved. */
  disposeAfterForward(tensor: Tensor): Tensor;
}

/** What a backward is given beside the gradients of the outputs. */
export interface BackwardContext<A = object> {
  readonly name: string;
  readonly device: Device;
  readonly attrs: A;
  readonly saved: readonly Tensor[];
  readonly needsInputGrad: readonly boolean[];
  /** Where the gradient of input `i` may be written at once, when it is a leaf with storage waiting for it. */
  gradSlot(i: number): Tensor | undefined;
  /** Whether the consumer has already applied this op's activation derivative to the gradient. */
  readonly activationGradApplied: boolean;
  /** Whether this gradient is the constant 1 that `backward()` starts from. */
  isUnit(gradient: Tensor): boolean;
  /** The producer of input `i`, when nothing else consumes it: a backward may then do part of the producer's. */
  onlyConsumerOf(i: number): Producer | undefined;
}

/** The node of an operation, as a consumer of its output sees it. */
export interface Producer {
  readonly op: OpDefinition;
  readonly attrs: object;
  /** Set by the only consumer's backward, when that has already applied this op's activation derivative. */
  activationGradApplied: boolean;
}

/**
 * The parts of a differentiable operation. Its inputs and gradients are typed by each op as the list that it takes:
 * `[x, weight]: [Tensor, Tensor]`, which only `any` lets through here.
 */
// biome-ignore-start lint/suspicious/noExplicitAny: see above
export interface OpDefinition<A extends object = any, O extends Outputs = any> {
  readonly name: string;
  /**
   * "f32" where the kernels know no other float: f16 inputs are then cast up for them, and the results back if no float
   * was f32. Default: f16 inputs come as they are.
   */
  readonly computeDtype?: "f32";
  /** What its float inputs become within `autocast`. Default: they stay what they are. */
  readonly autocast?: "f16" | "f32";
  /** Checks its arguments, dispatches, saves what backward needs. */
  forward(ctx: ForwardContext, inputs: any, attrs: A): O;
  /**
   * Gradients in the order of the inputs; undefined where there is none. Missing output gradients come as undefined.
   * Without a `composed` twin it must itself be made of differentiable operations.
   */
  backward?(ctx: BackwardContext<A>, ...gradOutputs: any[]): InputGradients;
  /** Linear in each of its inputs: the gradient of one reads the values of the others alone, if it was saved. */
  readonly bilinear?: boolean;
  /** The same function in plain differentiable operations: for second derivatives and as the tests' twin. */
  decomposition?(inputs: any, attrs: A): O;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above
