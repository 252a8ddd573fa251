/** Loss scaling for gradients that f16 would lose: found, kept and adapted on the GPU, without a read. */
import { ArgumentError, check, checkKeys, checkNumber, expected, ShapeError } from "../errors.ts";
import { currentDevice, type Device } from "../gpu/device.ts";
import type { Tape } from "../gpu/recorder.ts";
import { grad_scale_update } from "../gpu/shaders.generated.ts";
import { mul } from "../ops/binary.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { full } from "../tensor/create.ts";
import type { Dtype } from "../tensor/storage.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { internal } from "./flat.ts";
import { divideGradients } from "./gradients.ts";
import { checkFlag } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";

export interface GradScalerOptions {
  /** Default 65536. */
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without an overflow. Default 2. */
  growthFactor?: number;
  /** What it is multiplied by after a step with one. Default 0.5. */
  backoffFactor?: number;
  /** Default 2000. */
  growthInterval?: number;
  /** False: `scale` gives the loss itself, `step` steps, and the rest does nothing. Default true. */
  enabled?: boolean;
}

/** What a scaler is given to step: any optimizer with its options. */
// biome-ignore lint/suspicious/noExplicitAny: options differ, and only `step` is called
type AnyOptimizer = Optimizer<any> & { step(...args: any[]): void };

/** What happened to an optimizer since the last update. */
interface Turn {
  readonly index: number;
  readonly stage: "unscaled" | "stepped";
  /** The capture that was recording. */
  readonly tape: Tape | undefined;
}

export interface GradScalerState {
  /** f32, (): the scale. */
  readonly scale: Tensor;
  readonly growthFactor: number;
  readonly backoffFactor: number;
  readonly growthInterval: number;
  /** i32, (): steps since the scale changed. */
  readonly growthTracker: Tensor;
}

/** Optimizers between two updates: each has a flag of its own. */
const MOST_OPTIMIZERS = 16;

const OP = "GradScaler";

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
  /** These three may be changed at any time: the next update goes by them, captured or not. */
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
  readonly #device: Device;
  readonly #scale: Tensor;
  readonly #growthTracker: Tensor;
  readonly #flags: Tensor;
  readonly #turns = new Map<AnyOptimizer, Turn>();

  constructor(options: GradScalerOptions = {}) {
    checkKeys(OP, options, ["initScale", "growthFactor", "backoffFactor", "growthInterval", "enabled"]);
    const { initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000, enabled = true } = options;
    checkFlag(OP, "enabled", enabled);
    checkScale("initScale", initScale);
    this.enabled = enabled;
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
    checkFactors(this);
    this.#device = currentDevice();
    this.#device.recorder.tape?.refuse(`making a ${OP}`);
    this.#scale = this.#keep([], "f32", initScale);
    this.#growthTracker = this.#keep([], "i32", 0);
    this.#flags = this.#keep([MOST_OPTIMIZERS], "u32", 0);
  }

  /** The loss times the scale. */
  scale(loss: Tensor): Tensor {
    check(loss instanceof Tensor, ArgumentError, () => expected(`${OP}.scale`, "loss", "a tensor", loss));
    return this.enabled ? mul(loss, this.#scale) : loss;
  }

  /**
   * Divides the gradients of the optimizer's parameters by the scale, and notes whether they are finite: before they are
   * clipped or looked at. At most once per optimizer and step; `step` does it where it was not done.
   */
  unscale_(optimizer: AnyOptimizer): void {
    if (!this.enabled) return;
    const turn = this.#turnOf("unscale_", optimizer);
    check(
      !turn,
      ArgumentError,
      () => `${OP}.unscale_: the optimizer was ${turn?.stage} already since the last update()`,
    );
    const index = this.#turns.size;
    check(index < MOST_OPTIMIZERS, ArgumentError, () =>
      expected(`${OP}.unscale_`, "optimizer", `one of at most ${MOST_OPTIMIZERS} between two updates`, index + 1),
    );
    divideGradients(`${OP}.unscale_`, paramsOf(optimizer), this.#scale, { flags: this.#flags, index });
    this.#enter(optimizer, { index, stage: "unscaled", tape: this.#device.recorder.tape });
  }

  /** Calls `optimizer.step(...args)`; where a gradient is not finite, it leaves everything as it is. */
  step(optimizer: AnyOptimizer, ...args: unknown[]): void {
    if (!this.enabled) {
      optimizer.step(...args);
      return;
    }
    const turn = this.#turnOf("step", optimizer);
    check(
      turn?.stage !== "stepped",
      ArgumentError,
      () => `${OP}.step: the optimizer was stepped already since the last update()`,
    );
    if (!turn) this.unscale_(optimizer);
    const { index } = this.#turns.get(optimizer) as Turn;
    optimizer.stepUnless({ flags: this.#flags, index }, () => optimizer.step(...args));
    this.#enter(optimizer, { index, stage: "stepped", tape: this.#device.recorder.tape });
  }

  /** Adapts the scale to what the steps since the last update found, or sets it. Call it once, after the last of them. */
  update(newScale?: number): void {
    if (!this.enabled) return;
    if (newScale !== undefined) checkScale("newScale", newScale);
    check(
      newScale !== undefined || this.#turns.size > 0,
      ArgumentError,
      () => `${OP}.update: no gradients were unscaled since the last update(); call step(optimizer) or unscale_ before`,
    );
    if (newScale === undefined) this.#adapt();
    else {
      fill(this.#scale, newScale);
      fill(this.#flags, 0);
    }
    const before = new Map(this.#turns);
    this.#device.eachRun(
      () => this.#turns.clear(),
      () => {
        for (const [optimizer, turn] of before) this.#turns.set(optimizer, turn);
      },
    );
  }

  /** The scale as it is now (1 when not enabled): a scalar tensor, unread. */
  getScale(): Tensor {
    return this.enabled ? this.#copy(this.#scale) : full([], 1, { device: this.#device });
  }

  /** Copies of all state; empty when not enabled. */
  stateDict(): GradScalerState | Record<string, never> {
    if (!this.enabled) return {};
    this.#device.recorder.tape?.refuse("stateDict()");
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
    this.#device.recorder.tape?.refuse("loadStateDict()");
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
    put(this.#scale, scale as Tensor | number);
    put(this.#growthTracker, tracker as Tensor | number);
    Object.assign(this, factors);
  }

  /** Frees the state. Without it the garbage collector does. */
  dispose(): void {
    for (const one of [this.#scale, this.#growthTracker, this.#flags]) one.dispose();
  }

  #adapt(): void {
    const bindings = { flags: this.#flags.binding, scale: this.#scale.binding, tracker: this.#growthTracker.binding };
    const args = () => {
      checkFactors(this);
      const { growthFactor, backoffFactor, growthInterval } = this;
      return { ...bindings, optimizers: MOST_OPTIMIZERS, growthFactor, backoffFactor, growthInterval };
    };
    this.#device.runDynamic(grad_scale_update, args, 1);
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

  #turnOf(method: string, optimizer: AnyOptimizer): Turn | undefined {
    check(optimizer instanceof Optimizer, ArgumentError, () =>
      expected(`${OP}.${method}`, "optimizer", "an optimizer", optimizer),
    );
    const turn = this.#turns.get(optimizer);
    const { tape } = this.#device.recorder;
    // A recording holds where the optimizer is found as it was, unless the recording itself brought it there.
    if (!turn || turn.tape !== tape) this.#device.guard(() => this.#turns.get(optimizer)?.stage);
    return turn;
  }

  #enter(optimizer: AnyOptimizer, turn: Turn): void {
    const before = this.#turns.get(optimizer);
    this.#device.eachRun(
      () => this.#turns.set(optimizer, turn),
      () => {
        if (before) this.#turns.set(optimizer, before);
        else this.#turns.delete(optimizer);
      },
    );
  }
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
    expected(OP, "growthInterval", "a whole number >= 1", growthInterval),
  );
}

function checkScalar(op: string, argument: string, value: unknown, like: Tensor): void {
  const fits = value instanceof Tensor ? value.size === 1 && value.dtype === like.dtype : Number.isFinite(value);
  check(fits, ShapeError, () => expected(op, argument, `a number or a tensor () of dtype ${like.dtype}`, value));
}

function put(place: Tensor, value: Tensor | number): void {
  if (value instanceof Tensor) copyInto(place, value);
  else fill(place, value);
}
