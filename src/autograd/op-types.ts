/** The parts that an operation is made of, and what they are given. */
import type { Device } from "../gpu/device.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type Inputs = readonly (Tensor | undefined)[];
export type Outputs = Tensor | Tensor[];
export type InputGradients = Tensor | undefined | readonly (Tensor | undefined)[];

/** Tensors that a forward keeps for backward: a list, or a tuple where the definition says which. */
export type SavedTensors = readonly (Tensor | undefined)[];

/** The context that a forward is given beside its inputs. */
export interface ForwardContext<S extends SavedTensors = readonly Tensor[]> {
  readonly name: string;
  readonly device: Device;
  /** True for inputs that will want a gradient; all false where no graph is built. */
  readonly needsInputGrad: readonly boolean[];
  /** Alias of `needsInputGrad`. */
  readonly needs: readonly boolean[];
  /** Keeps tensors (inputs, outputs or intermediates) for backward. */
  save(...tensors: S): void;
  /** Frees a tensor made in forward (not an input) when forward is over; the graph goes on holding it if it was saved. */
  disposeAfterForward(tensor: Tensor): Tensor;
  /** Alias of `disposeAfterForward`. */
  temporary(tensor: Tensor): Tensor;
}

/** The context that a backward is given beside the gradients of the outputs. */
export interface BackwardContext<A = object, S extends SavedTensors = readonly Tensor[]> {
  readonly name: string;
  readonly device: Device;
  readonly attrs: A;
  readonly saved: S;
  /** True for inputs that want a gradient. */
  readonly needsInputGrad: readonly boolean[];
  /** Alias of `needsInputGrad`. */
  readonly needs: readonly boolean[];
  /** The tensor to write the gradient of input `i` to at once, when it is a leaf with storage waiting for it. */
  gradSlot(i: number): Tensor | undefined;
  /** True if the consumer has already applied this op's activation derivative to the gradient. */
  readonly activationGradApplied: boolean;
  /** Returns true if this gradient is the constant 1 that `backward()` starts from. */
  isUnit(gradient: Tensor): boolean;
  /** The producer of input `i`, when nothing else consumes it: a backward may then do part of the producer's. */
  onlyConsumerOf(i: number): Producer | undefined;
  /**
   * Declares that the gradient of input `i` is returned with the activation derivative of its producer applied; only where
   * `onlyConsumerOf(i)` gave one.
   */
  applyActivationGrad(i: number): void;
}

/** The node of an operation, as a consumer of its output sees it. */
export interface Producer {
  readonly op: OpDefinition;
  readonly attrs: object;
}

/**
 * The parts of a differentiable operation. Its inputs and gradients are typed by each op as the list that it takes:
 * `[x, weight]: [Tensor, Tensor]`, which only `any` lets through here.
 */
// biome-ignore-start lint/suspicious/noExplicitAny: see above
export interface OpDefinition<A extends object = any, O extends Outputs = any, S extends SavedTensors = any> {
  readonly name: string;
  /**
   * "f32" where the kernels know no other float: f16 inputs are then cast up for them, and the results back if no float
   * was f32. "alike" where the kernels know f16 too, but not both at once: cast up only beside an f32. Default: f16 inputs
   * come as they are.
   */
  readonly computeDtype?: "f32" | "alike";
  /** The dtype that its float inputs are cast to within `autocast`. Default: they stay what they are. */
  readonly autocast?: "f16" | "f32";
  /** Checks its arguments, dispatches, saves what backward needs. */
  forward(ctx: ForwardContext<S>, inputs: any, attrs: A): O;
  /**
   * Gradients in the order of the inputs; undefined where there is none. Missing output gradients come as undefined.
   * Without a `decomposition` it must itself be made of differentiable operations.
   */
  backward?(ctx: BackwardContext<A, S>, ...gradOutputs: any[]): InputGradients;
  /** Linear in each of its inputs: the gradient of one reads the values of the others alone, if it was saved. */
  readonly bilinear?: boolean;
  /** The same function in plain differentiable operations: for second derivatives, and to test against. */
  decomposition?(inputs: any, attrs: A): O;
  /** Alias of `decomposition`. */
  composed?(inputs: any, attrs: A): O;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above
