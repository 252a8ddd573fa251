/** Loss scaling for gradients that f16 would lose: found, kept and adapted on the GPU, without a read. */

import { finite, flag, integerIn, options as optionsOf, signature } from "../arguments.ts";
import { ArgumentError, check, checkNumber, expected, ShapeError } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { grad_scale_update } from "../gpu/shaders.generated.ts";
import { mul } from "../ops/binary.ts";
import { bindingOf } from "../tensor/binding.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { full } from "../tensor/create.ts";
import { keyedByIdentity } from "../tensor/identity.ts";
import type { Dtype } from "../tensor/storage.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { internal } from "./flat-params.ts";
import { divideGradients } from "./gradients.ts";
import { Optimizer } from "./optimizer.ts";
import { MAX_OPTIMIZERS, ScalerState } from "./scaler-state.ts";
import type { SkipFlag } from "./skipped-steps.ts";

export interface GradScalerOptions {
  /** Default 65536. */
  initScale?: number;
  /** The factor of the scale after `growthInterval` steps without an overflow. Default 2. */
  growthFactor?: number;
  /** The factor of the scale after a step with an overflow. Default 0.5. */
  backoffFactor?: number;
  /** Default 2000. */
  growthInterval?: number;
  /** False: `scale` gives the loss itself, `step` steps, and the rest does nothing. Default true. */
  enabled?: boolean;
}

/** The optimizers that a scaler can step: any, with its options. */
// biome-ignore lint/suspicious/noExplicitAny: options differ, and only `step` is called
export type AnyOptimizer = Optimizer<any> & { step(...args: any[]): void };

export interface GradScalerState {
  /** f32, (): the scale. */
  readonly scale: Tensor;
  readonly growthFactor: number;
  readonly backoffFactor: number;
  readonly growthInterval: number;
  /** i32, (): steps since the scale changed. */
  readonly growthTracker: Tensor;
}

const OP = "GradScaler";

const checkArguments = /* @__PURE__ */ signature(OP, () => ({
  options: optionsOf({
    initScale: finite,
    growthFactor: finite,
    backoffFactor: finite,
    growthInterval: integerIn(1, 2 ** 31 - 1),
    enabled: flag,
  }),
}));

/**
 * Dynamic loss scaling (Micikevicius et al. 2018; `torch.amp.GradScaler`): the loss is multiplied by a scale that keeps small
 * gradients within f16's range. A step whose gradients are not finite is skipped, parameters, moments and the step counts
 * of bias corrections staying as they are, and the scale is halved; after many steps without that it is doubled. All this
 * is decided on the GPU: nothing is read back, and a captured step replays to the same bits.
 *
 * ```ts
 * const scaler = new optim.GradScaler();
 * optimizer.zeroGrad();
 * const loss = autocast(() => nn.crossEntropy(model.forward(x), y));
 * scaler.scale(loss).backward();
 * scaler.unscale_(optimizer);                     // only if gradients are clipped or looked at
 * optim.clipGradNorm(model.parameters(), 1);
 * scaler.step(optimizer);
 * scaler.update();
 * ```
 */
export class GradScaler {
  readonly enabled: boolean;
  /** These three may be changed at any time: the next update uses them, captured or not. */
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
  readonly #device: Device;
  readonly #scale: Tensor;
  readonly #growthTracker: Tensor;
  readonly #flags: Tensor;
  readonly #turns: ScalerState;

  constructor(options: GradScalerOptions = {}) {
    checkArguments(arguments);
    const { initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000, enabled = true } = options;
    checkScale("initScale", initScale);
    this.enabled = enabled;
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
    checkFactors(this);
    this.#device = currentDevice();
    runtimeOf(this.#device).recorder.tape?.assertNotCapturing(`making a ${OP}`);
    this.#turns = new ScalerState(this.#device);
    this.#scale = this.#keep([], "f32", initScale);
    this.#growthTracker = this.#keep([], "i32", 0);
    this.#flags = this.#keep([MAX_OPTIMIZERS], "u32", 0);
  }

  get [keyedByIdentity](): boolean {
    return true;
  }

  /** The loss times the scale. */
  scale(loss: Tensor): Tensor {
    check(loss instanceof Tensor, ArgumentError, () => expected(`${OP}.scale`, "loss", "a tensor", loss));
    return this.#isEnabled() ? mul(loss, this.#scale) : loss;
  }

  /**
   * Divides the gradients of the optimizer's parameters by the scale, and notes whether they are finite: before they are
   * clipped or looked at. At most once per optimizer and step; `step` does it where it was not done.
   */
  unscale_(optimizer: AnyOptimizer): void {
    if (!this.#isEnabled()) return;
    const op = `${OP}.unscale_`;
    checkOptimizer(op, optimizer);
    const stage = this.#turns.stageOf(optimizer);
    check(!stage, ArgumentError, () => `${op}: the optimizer was ${stage} already since the last update()`);
    divideGradients(op, paramsOf(optimizer), this.#scale, this.#flagOf(op, optimizer));
    this.#turns.enter(optimizer, "unscaled");
  }

  /** Calls `optimizer.step(...args)`; where a gradient is not finite, it leaves everything as it is. */
  step(optimizer: AnyOptimizer, ...args: unknown[]): void {
    if (!this.#isEnabled()) {
      optimizer.step(...args);
      return;
    }
    const op = `${OP}.step`;
    checkOptimizer(op, optimizer);
    const stage = this.#turns.stageOf(optimizer);
    check(stage !== "stepped", ArgumentError, () => `${op}: the optimizer was stepped already since the last update()`);
    if (!stage) this.unscale_(optimizer);
    optimizer.stepUnless(this.#flagOf(op, optimizer), () => optimizer.step(...args));
    this.#turns.enter(optimizer, "stepped");
  }

  /** Adapts the scale to what the steps since the last update found, or sets it. Call it once, after the last of them. */
  update(newScale?: number): void {
    if (!this.#isEnabled()) return;
    if (newScale !== undefined) checkScale("newScale", newScale);
    check(
      newScale !== undefined || !this.#turns.isEmpty,
      ArgumentError,
      () => `${OP}.update: no gradients were unscaled since the last update(); call step(optimizer) or unscale_ before`,
    );
    if (newScale === undefined) this.#adapt();
    else {
      fill(this.#scale, newScale);
      fill(this.#flags, 0);
    }
    this.#turns.clear();
  }

  /** The scale as it is now (1 when not enabled): a scalar tensor, unread. */
  getScale(): Tensor {
    return this.enabled ? this.#copy(this.#scale) : full([], 1, { device: this.#device });
  }

  /** Copies of all state; empty when not enabled. */
  stateDict(): GradScalerState | Record<string, never> {
    if (!this.enabled) return {};
    runtimeOf(this.#device).recorder.tape?.assertNotCapturing("stateDict()");
    return {
      scale: this.#copy(this.#scale),
      growthFactor: this.growthFactor,
      backoffFactor: this.backoffFactor,
      growthInterval: this.growthInterval,
      growthTracker: this.#copy(this.#growthTracker),
    };
  }

  /** Continues from a state dict of this library or of PyTorch (snake_case, numbers). Nothing when not enabled. */
  loadStateDict(state: object): void {
    if (!this.enabled) return;
    runtimeOf(this.#device).recorder.tape?.assertNotCapturing("loadStateDict()");
    const op = `${OP}.loadStateDict`;
    const given = state as Record<string, unknown>;
    const [scale, tracker] = [given.scale, given.growthTracker ?? given._growth_tracker ?? 0];
    const factors = {
      growthFactor: given.growthFactor ?? given.growth_factor,
      backoffFactor: given.backoffFactor ?? given.backoff_factor,
      growthInterval: given.growthInterval ?? given.growth_interval,
    } as Factors;
    checkFactors(factors);
    checkScalar(op, "scale", scale, this.#scale);
    checkScalar(op, "growthTracker", tracker, this.#growthTracker);
    put(this.#scale, scale);
    put(this.#growthTracker, tracker);
    Object.assign(this, factors);
  }

  /** Frees the state. Without it the garbage collector does. */
  dispose(): void {
    for (const one of [this.#scale, this.#growthTracker, this.#flags]) one.dispose();
  }

  /** As found in this step: a capture of it is right only while that stays so. */
  #isEnabled(): boolean {
    runtimeOf(this.#device).addCaptureGuard(() => this.enabled);
    return this.enabled;
  }

  #adapt(): void {
    const bindings = {
      flags: bindingOf(this.#flags),
      scale: bindingOf(this.#scale),
      tracker: bindingOf(this.#growthTracker),
    };
    const factors = () => {
      checkFactors(this);
      const { growthFactor, backoffFactor, growthInterval } = this;
      return { growthFactor, backoffFactor, growthInterval };
    };
    runtimeOf(this.#device).runDynamic(grad_scale_update, { ...bindings, optimizers: MAX_OPTIMIZERS }, factors, 1);
  }

  #keep(shape: readonly number[], dtype: Dtype, value: number): Tensor {
    const kept = internal(empty(this.#device, shape, dtype));
    fill(kept, value);
    return kept;
  }

  #copy(x: Tensor): Tensor {
    const copy = empty(this.#device, x.shape, x.dtype);
    copyInto(copy, x);
    return copy;
  }

  #flagOf(op: string, optimizer: AnyOptimizer): SkipFlag {
    return { flags: this.#flags, index: this.#turns.numberOf(op, optimizer) };
  }
}

function checkOptimizer(op: string, optimizer: AnyOptimizer): void {
  check(optimizer instanceof Optimizer, ArgumentError, () => expected(op, "optimizer", "an optimizer", optimizer));
}

const paramsOf = ({ paramGroups }: AnyOptimizer): Tensor[] =>
  paramGroups.flatMap(({ params }: { params: readonly Tensor[] }) => [...params]);

const checkScale = (argument: string, value: number): void => checkNumber(OP, argument, value, 2 ** -126, 2 ** 127);

type Factors = Pick<GradScaler, "growthFactor" | "backoffFactor" | "growthInterval">;

function checkFactors({ growthFactor, backoffFactor, growthInterval }: Factors): void {
  checkNumber(OP, "growthFactor", growthFactor, 0);
  check(growthFactor > 1, ArgumentError, () => expected(OP, "growthFactor", "a number > 1", growthFactor));
  checkNumber(OP, "backoffFactor", backoffFactor, 0);
  check(backoffFactor < 1, ArgumentError, () => expected(OP, "backoffFactor", "a number < 1", backoffFactor));
  check(Number.isSafeInteger(growthInterval) && growthInterval >= 1, ArgumentError, () =>
    expected(OP, "growthInterval", "an integer >= 1", growthInterval),
  );
}

function checkScalar(op: string, argument: string, value: unknown, like: Tensor): asserts value is Tensor | number {
  const fits = value instanceof Tensor ? value.size === 1 && value.dtype === like.dtype : Number.isFinite(value);
  check(fits, ShapeError, () => expected(op, argument, `a number or a tensor () of dtype ${like.dtype}`, value));
}

function put(target: Tensor, value: Tensor | number): void {
  if (value instanceof Tensor) copyInto(target, value);
  else fill(target, value);
}
