/** Options, parameter groups, and the part of an optimizer that is its own. */
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

/** Every option's default; `lr` is undefined where the user has to give it. */
export type OptionDefaults<O> = { readonly [K in keyof O]: K extends "lr" ? O[K] | undefined : O[K] };

/** One value per parameter element that an optimizer carries from step to step. */
export interface StateBuffer<O> {
  /** Its name in state dicts (PyTorch's, where PyTorch has it) and in the formula. */
  readonly name: string;
  /** Its value before the first step; default 0. */
  initial?(options: O): number;
}

/**
 * A user-defined optimizer: options, state, and the update as a formula. Captures, groups, schedules, state dicts,
 * checkpoints and gradient scalers need no more than this.
 */
export interface OptimizerSpec<O extends BaseOptions> {
  /** The optimizer's name in messages. */
  readonly name: string;
  readonly defaults: OptionDefaults<O>;
  /** At most four. */
  readonly stateBuffers?: readonly StateBuffer<O>[];
  /**
   * The update as WGSL statements for four elements (`vec4f`) at a time. They assign to `value`, the parameter, and to the
   * state buffers by their names; they read `grad`, and as `f32` `lr`, `t` (steps taken by the parameter, from 1; skipped
   * ones do not count) and the names of `kernelConstants` and `biasCorrections`.
   */
  readonly update: string;
  /**
   * The part of the update that `weightDecay` has, which the formula leaves out: "decoupled", the default, is
   * `value *= 1 - lr weightDecay` before the formula; "l2" is `grad += weightDecay value`.
   */
  readonly weightDecay?: "decoupled" | "l2";
  /**
   * Numbers that the formula reads by name, computed in double precision in every step: the same names each time, with
   * those of `biasCorrections` at most five. What depends on the step count belongs into the formula, as `t`.
   */
  kernelConstants?(options: O, lr: number): Readonly<Record<string, number>>;
  /** Names that the formula reads as `1 - beta^t`, each with its beta. */
  biasCorrections?(options: O): Readonly<Record<string, number>>;
  /** Throws for options outside their domain, `lr` and `weightDecay` excepted. */
  check?(options: O): void;
}

/** A state buffer of a kernel. */
export interface BoundStateBuffer<O> extends StateBuffer<O> {
  /** The shader's binding. */
  readonly binding: string;
  /** Returns whether a group with these options has it; default always. */
  used?(options: O): boolean;
}

/** The part of an optimizer that is its own, with a shader for its update: what the built-in ones are made of. */
export interface KernelSpec<O extends BaseOptions> {
  readonly name: string;
  readonly shader: Shader;
  readonly defaults: OptionDefaults<O>;
  readonly stateBuffers: readonly BoundStateBuffer<O>[];
  /** Throws for options outside their domain, `lr` and `weightDecay` excepted. */
  check(options: O): void;
  /** Overrides that specialize the kernel. They may not change once the optimizer is made. */
  overrides(options: O): OverrideValues;
  /**
   * The kernel's constants for step `t` of a parameter, counted from 1: at most seven numbers, the eighth is `t`. Double
   * precision until here.
   */
  kernelConstants(options: O, lr: number, t: number): number[];
}
