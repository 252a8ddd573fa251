/** What makes one optimizer different from another: its options, its state, and the numbers its kernel is given. */
import type { OverrideValues } from "../gpu/compute-kernel.ts";
import type { Shader } from "../gpu/shader.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A learning rate, or a function from the number of steps taken so far (0 at the first step) to one. */
export type LearningRate = number | ((step: number) => number);

export interface BaseOptions {
  lr: LearningRate;
  /** Factor of the weights that is added to their gradient (in AdamW: subtracted from the weights, times lr). */
  weightDecay: number;
}

/** Parameters with the options that hold for them. The options may be changed at any time. */
export type ParamGroup<O> = O & { readonly params: readonly Tensor[] };

/** A group as the user gives it: what it leaves out comes from the optimizer's options. */
export type GroupInput<O> = { readonly params: Tensor | Iterable<Tensor> } & Partial<O>;
export type ParamsInput<O> = Iterable<Tensor> | Iterable<GroupInput<O>>;

/** One value per parameter element that an optimizer carries from step to step. */
export interface StateBuffer<O> {
  /** Its name in state dicts: PyTorch's. */
  readonly name: string;
  /** The shader's binding. */
  readonly binding: string;
  /** Whether a group with these options has it; default always. */
  used?(options: O): boolean;
  /** What it starts from; default 0. */
  initial?(options: O): number;
}

export interface OptimizerSpec<O extends BaseOptions> {
  readonly name: string;
  readonly shader: Shader;
  /** Every option; `lr` is undefined where the user has to give it. */
  readonly defaults: { readonly [K in keyof O]: K extends "lr" ? O[K] | undefined : O[K] };
  readonly stateBuffers: readonly StateBuffer<O>[];
  /** Throws for options outside their domain, `lr` and `weightDecay` excepted. */
  check(options: O): void;
  /** What the kernel is specialised by. It may not change once the optimizer is made. */
  overrides(options: O): OverrideValues;
  /**
   * The kernel's row for step `t` of a parameter, counted from 1: at most seven numbers, the eighth is `t`. Double precision
   * until here.
   */
  kernelConstants(options: O, lr: number, t: number): number[];
}
