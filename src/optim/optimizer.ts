/** The optimizer: groups of parameters in flat storage, updated by one dispatch per kind of group and step. */

import { elementAt } from "../elements.ts";
import { ArgumentError, check, DisposedError, DtypeError, expected, ShapeError } from "../errors.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { printAsString } from "../gpu/inspect.ts";
import { copyInto } from "../tensor/copy.ts";
import { keyedByIdentity } from "../tensor/identity.ts";
import { guardGrad, overwritesGrad, presentGrad } from "../tensor/leaf-gradients.ts";
import { sameShape } from "../tensor/shape.ts";
import { layout } from "../tensor/storage.ts";
import { assertReadable, gradOf, gradSlotOf, putGrad, storageOf, Tensor } from "../tensor/tensor.ts";
import { TableCache } from "./chunk-table.ts";
import { flattenParams } from "./flat-params.ts";
import { checkConstruction, checkGroup, makeGroups, parameterName, rateAt } from "./groups.ts";
import type { BaseOptions, KernelSpec, OptimizerSpec, ParamGroup, ParamsInput } from "./optimizer-spec.ts";
import { type SkipFlag, SkippedSteps } from "./skipped-steps.ts";
import { applyState, type OptimizerState, type Parts, readState } from "./state.ts";
import { makeSlots, type Slot, stateView, variantOf } from "./state-buffers.ts";
import { makePlan, type Plan, planKey, sharingHolds, writeConstants } from "./step-plan.ts";
import { formulaKernel } from "./update-formula.ts";

/** A parameter as a subclass sees it that computes a part of its step by operations. */
export interface HeldParameter<O> {
  readonly param: Tensor;
  readonly options: ParamGroup<O>;
  /** The state of that name in the parameter's shape: a new view, for the caller to dispose. */
  moment(name: string): Tensor;
}

/**
 * Base class of all optimizers, user-defined ones too (docs/add-an-optimizer.md). Making one moves its parameters into flat
 * storage, where `backward()` puts their gradients too. A parameter whose `grad` is null at `step()` is left alone
 * entirely, and its own step count stands still.
 */
export abstract class Optimizer<O extends BaseOptions> {
  /** The groups with all their options, which may be changed at any time: the next step uses them, captured or not. */
  readonly paramGroups: readonly ParamGroup<O>[];
  readonly #device: Device;
  readonly #spec: KernelSpec<O>;
  readonly #variants: readonly string[];
  readonly #slots: readonly Slot[];
  readonly #plans = new TableCache<Plan>();
  readonly #rates: number[];
  readonly #skips: SkippedSteps;
  #stepCount = 0;
  #layoutEpoch: number;
  #disposed = false;

  /** `spec` is the optimizer's own part: see docs/add-an-optimizer.md. */
  constructor(spec: OptimizerSpec<O>, params: ParamsInput<O>, options?: Partial<O>);
  /** @internal */
  constructor(spec: KernelSpec<O>, params: ParamsInput<O>, options?: Partial<O>);
  constructor(definition: OptimizerSpec<O> | KernelSpec<O>, params: ParamsInput<O>, options: Partial<O> = {}) {
    const spec = "shader" in definition ? definition : formulaKernel(definition);
    checkConstruction(spec.name, [params, options]);
    this.#spec = spec;
    this.paramGroups = makeGroups(spec, params, options);
    const all = this.paramGroups.flatMap((group) => group.params);
    this.#device = elementAt(all, 0).device;
    runtimeOf(this.#device).assertOpen(spec.name);
    runtimeOf(this.#device).recorder.tape?.assertNotCapturing(`making an optimizer (${spec.name})`);
    flattenParams(spec.name, all, (param) => parameterName(param, all.indexOf(param)));
    this.#variants = this.paramGroups.map((group) => variantOf(spec, group));
    this.#slots = makeSlots(spec, this.paramGroups);
    this.#rates = this.paramGroups.map(() => 0);
    this.#skips = new SkippedSteps(this.#device, this.#slots.length);
    this.#layoutEpoch = layout.epoch;
  }

  get [keyedByIdentity](): boolean {
    return true;
  }

  /** Steps taken so far: what a schedule is given in the next step. */
  get stepCount(): number {
    return this.#stepCount;
  }

  /** Updates every parameter that has a gradient. */
  step(): void {
    check(arguments.length === 0, ArgumentError, () => `${this.#spec.name}.step: expected no arguments`);
    this.#assertLive();
    for (const { param } of this.#slots) guardGrad(param);
    const slots = this.#slots.filter(({ param }) => gradOf(param) !== null);
    for (const slot of slots) this.#checkGradient(slot);
    const plan = this.#planFor(slots);
    runtimeOf(this.#device).addCaptureGuard(() => sharingHolds(plan));
    runtimeOf(this.#device).onReplay(
      () => this.#advance(plan),
      () => this.#takeBack(plan),
    );
    for (const { param } of slots) {
      const [grad, slot] = [presentGrad(param), gradSlotOf(param)];
      if (slot && grad !== slot) copyInto(overwritesGrad(slot), grad);
    }
    const skipArgs = this.#skips.begin(plan);
    for (const launch of plan.launches) {
      const refresh = () => {
        writeConstants(this.#spec, this.paramGroups, this.#rates, launch);
        return { constants: launch.constants };
      };
      refresh();
      runtimeOf(this.#device).dispatch(launch.kernel, { ...launch.args, ...skipArgs }, launch.groups, refresh);
    }
  }

  /**
   * Runs `step`, a call of this optimizer's, so that where the flag on the GPU is up it changes neither parameters nor
   * state nor the step counts of bias corrections. Schedules go on. For gradient scalers.
   */
  stepUnless(flag: SkipFlag, step: () => void): void {
    this.#skips.during(flag, step);
  }

  /** `target = value`, unless the present step is skipped: for what a subclass writes by operations. */
  protected write(target: Tensor, value: Tensor): void {
    this.#skips.write(target, value);
  }

  /** Sets every parameter's `grad` to null. The memory stays: the next `backward()` overwrites it. */
  zeroGrad(): void {
    check(arguments.length === 0, ArgumentError, () => `${this.#spec.name}.zeroGrad: expected no arguments`);
    for (const { param } of this.#slots) putGrad(param, null);
  }

  /**
   * Copies of all state, with PyTorch's structure and names: `state` by parameter (its label where it has one, else its
   * index), `paramGroups` with every option. A schedule is not part of it: `lr` is its present value.
   */
  stateDict(): OptimizerState {
    this.#assertLive();
    runtimeOf(this.#device).recorder.tape?.assertNotCapturing("stateDict()");
    const rates = this.paramGroups.map(({ lr }) => rateAt(this.#spec.name, lr, this.#stepCount));
    return readState(this.#parts, this.#stepCount, rates);
  }

  /**
   * Continues from a state dict, of this library or of PyTorch (`param_groups`, options in snake_case). Groups whose
   * `lr` is a schedule keep it. Throws before anything is changed.
   */
  loadStateDict(state: object): void {
    this.#assertLive();
    runtimeOf(this.#device).recorder.tape?.assertNotCapturing("loadStateDict()");
    this.#stepCount = applyState(this.#parts, state, (group, i) => this.#checkVariant(group, i));
  }

  /** Frees the state. Without it the garbage collector does. The parameters stay usable. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#plans.clear();
    this.#skips.dispose();
    for (const { region } of this.#slots) for (const { tensor } of region.buffers) tensor.dispose();
  }

  toString(): string {
    const { length } = this.paramGroups;
    const groups = `${length} ${length === 1 ? "group" : "groups"}`;
    return `${this.#spec.name}(${this.#slots.length} parameters in ${groups}, stepCount=${this.#stepCount})`;
  }

  /** All parameters, or those with a gradient now. */
  protected held({ withGradient = false } = {}): HeldParameter<O>[] {
    this.#assertLive();
    if (withGradient) for (const { param } of this.#slots) guardGrad(param);
    const slots = this.#slots.filter(({ param }) => !withGradient || gradOf(param) !== null);
    if (withGradient) for (const slot of slots) this.#checkGradient(slot);
    return slots.map((slot) => ({
      param: slot.param,
      options: this.paramGroups[slot.group] as ParamGroup<O>,
      moment: (name) => stateView(slot, name),
    }));
  }

  get #parts(): Parts<O> {
    return { spec: this.#spec, groups: this.paramGroups, slots: this.#slots, skips: this.#skips };
  }

  #assertLive(): void {
    check(!this.#disposed, DisposedError, () => `${this.#spec.name}: the optimizer was disposed`);
    runtimeOf(this.#device).assertOpen(this.#spec.name);
  }

  /** Does the host's part of a run or replay of a step, before its dispatches: new rates, checked, and new counts. */
  #advance(plan: Plan): void {
    this.paramGroups.forEach((group, i) => {
      checkGroup(this.#spec, group);
      this.#checkVariant(group, i);
    });
    const rates = this.paramGroups.map(({ lr }) => rateAt(this.#spec.name, lr, this.#stepCount));
    rates.forEach((rate, i) => {
      this.#rates[i] = rate;
    });
    for (const slot of plan.slots) {
      slot.steps++;
      storageOf(slot.param).version++;
    }
    this.#stepCount++;
  }

  #takeBack(plan: Plan): void {
    for (const slot of plan.slots) slot.steps--;
    this.#stepCount--;
  }

  #checkVariant(group: O, i: number): void {
    check(
      variantOf(this.#spec, group) === this.#variants[i],
      ArgumentError,
      () =>
        `${this.#spec.name}: group ${i} was made with the kernel options ${this.#variants[i]} and cannot change to ` +
        `${variantOf(this.#spec, group)}; make a new optimizer`,
    );
  }

  #checkGradient({ param, index, region }: Slot): void {
    const op = `${this.#spec.name}.step`;
    const name = `grad of parameter ${parameterName(param, index)}`;
    const grad = gradOf(param);
    check(grad instanceof Tensor, ArgumentError, () => expected(op, name, "a tensor or null", grad));
    assertReadable(param, op);
    assertReadable(grad, op);
    for (const { tensor } of region.buffers) assertReadable(tensor, op);
    check(sameShape(grad.shape, param.shape), ShapeError, () => expected(op, name, `shape [${param.shape}]`, grad));
    check(grad.dtype === "f32", DtypeError, () => expected(op, name, "dtype f32", grad.dtype));
    check(grad.device === param.device, ArgumentError, () => `${op}: the ${name} is on another device`);
  }

  #planFor(slots: readonly Slot[]): Plan {
    if (this.#layoutEpoch !== layout.epoch) {
      this.#plans.clear();
      this.#layoutEpoch = layout.epoch;
    }
    return this.#plans.get(planKey(slots), () => makePlan(this.#device, this.#spec, this.paramGroups, slots));
  }
}
printAsString(Optimizer);
