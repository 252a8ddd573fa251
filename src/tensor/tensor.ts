/** Tensor: a strided view on storage, with what autograd hangs on it. Its methods are attached in core-methods.ts and tensor-methods.ts. */
import { ArgumentError, check, DisposedError, DtypeError, expected, ShapeError } from "../errors.ts";
import { ALIGNMENT } from "../gpu/buffer-pool.ts";
import type { Tape } from "../gpu/command-recorder.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { printAsString } from "../gpu/inspect.ts";
import { adapterClass } from "../gpu/launch-policy.ts";
import { lostError } from "../gpu/lost-memory.ts";
import { standInFor } from "./external-memory.ts";
import { type GradientMemory, GradientRecorders } from "./gradient-recorders.ts";
import { type GraphLink, Handle } from "./handle.ts";
import { type Free, keep, type Reason, trackInScope } from "./scope.ts";
import { isDense, type Shape, sameShape, sizeOf, stridesOf } from "./shape.ts";
import { bytesOf, type Dtype, Storage } from "./storage.ts";

/** Rises whenever `requiresGrad` of a tensor changed after it was made: captures check it. */
export const requiresGradEpoch = { epoch: 0 };

/** The captures that record gradients. */
export const gradientRecorders: GradientRecorders<Tensor> = /* @__PURE__ */ new GradientRecorders();

/** Makes a tensor on memory; `standIn` is its bytes as the garbage collector is to count them. */
export let makeTensor: (
  storage: Storage,
  shape: Shape,
  strides: Shape,
  offset: number,
  dtype: Dtype,
  standIn?: ArrayBuffer,
) => Tensor;

/** Returns the gradient itself, where `leaf.grad` gives what a user may keep: for those who read it at once. */
export let gradOf: (leaf: Tensor) => Tensor | null;

/** Sets the gradient unchecked. One that the library made for this leaf alone, and that nobody saw, is freed. */
export let putGrad: (leaf: Tensor, gradient: Tensor | null) => void;

/** Notes that the library made a gradient; `shared`, if others will write it anew. */
export let ownGrad: (gradient: Tensor, shared: boolean) => Tensor;

/** Returns true for what `leaf.grad` gives, without making a handle where none was given out. */
export let isGradOf: (tensor: Tensor, leaf: Tensor) => boolean;

/** Returns true if the library made this gradient for one leaf, and nothing but `zeroGrad` ends it. */
export let isOwnGrad: (gradient: Tensor) => boolean;

/** Ends what users hold of a gradient that was overwritten. */
export let cutOffGrad: (gradient: Tensor) => void;

/** Returns the memory where `backward()` writes this leaf's gradient: an optimizer's flat storage. */
export let gradSlotOf: (leaf: Tensor) => Tensor | undefined;

export let setGradSlot: (leaf: Tensor, slot: Tensor | undefined) => void;

/** Returns a tensor's hold on its memory and graph. */
export let handleOf: (tensor: Tensor) => Handle;

/** Returns the memory of a live tensor. */
export let storageOf: (tensor: Tensor) => Storage;

/** Makes a tensor an output of a node. */
export let setNode: (tensor: Tensor, node: GraphLink) => void;

/** Returns true if `requiresGrad` was ever set: a parameter that was frozen later is still one. */
export let isParameter: (tensor: Tensor) => boolean;

/** Makes a tensor that nothing has seen yet a leaf that wants a gradient: no capture can depend on it. */
export let asLeaf: (tensor: Tensor) => Tensor;

/** Disposes a tensor on behalf of the library: who reads it later is told why. */
export let disposeBecause: (tensor: Tensor, why: Reason) => void;

/** Throws unless a tensor is live and its values were not lost when memory ran out. */
export let assertReadable: (tensor: Tensor, op: string) => void;

const freeOwned: Free = (owned, why) => {
  if (owned instanceof Tensor) disposeBecause(owned, why);
};

// Symbol.dispose is missing in some browsers that have WebGPU.
const disposeSymbol: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);

/**
 * An n-dimensional array on the GPU. `shape`, `strides` and `offset` count elements.
 * Freed with its graph, by `dispose()`, `using` or `scope`, and as a last resort by the garbage collector.
 */
export class Tensor {
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
  readonly dtype: Dtype;
  readonly size: number;
  readonly device: Device;
  /** A name for messages: a parameter's path in its model, or whatever the user sets. */
  label: string | undefined;
  readonly #handle: Handle;
  /** The memory where `backward()` writes this leaf's gradient: an optimizer's flat storage. */
  #gradSlot: Tensor | undefined;
  /** True once `requiresGrad` was set: a parameter that was frozen later is still one. */
  #isParameter = false;
  /** The reason why it is no longer readable, once it was freed by something other than its owner. */
  #freedBy: Reason | undefined;
  /** Its bytes, as far as the garbage collector knows. */
  #standIn: ArrayBuffer | undefined;
  #requiresGrad = false;
  #grad: Tensor | null = null;
  #memory: GradientMemory<Tensor> | undefined;
  /** The gradient behind it, for a window that `grad` gave out. */
  #shows: Tensor | undefined;

  private constructor(
    storage: Storage,
    shape: Shape,
    strides: Shape,
    offset: number,
    dtype: Dtype,
    standIn?: ArrayBuffer,
  ) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    this.device = storage.device;
    this.#standIn = standIn;
    this.#handle = new Handle(this, storage);
    trackInScope(this, freeOwned);
  }

  /** Only what this class made is a tensor: no proxy of one and no object that has its prototype. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && #handle in value;
  }

  get ndim(): number {
    return this.shape.length;
  }

  get disposed(): boolean {
    return !this.#handle.live || this.#handle.storage.revoked !== undefined;
  }

  /**
   * dLoss/dthis after `backward()`, for leaves with `requiresGrad`. What it gives holds until the gradient is computed anew
   * (after `zeroGrad()`, or by a captured step) and then throws; a copy that lasts is `grad.clone()`.
   */
  get grad(): Tensor | null {
    const gradient = this.#grad;
    if (!gradient) return null;
    const memory = gradient.#memory;
    if (!memory) return gradient;
    // A recording's scope owns what the captured function looks at.
    const { tape } = runtimeOf(this.device).recorder;
    if (tape) return gradient.#recordedView(memory, tape);
    memory.shown ??= memory.shared ? gradient.#window() : gradient;
    return memory.shown;
  }

  set grad(gradient: Tensor | null) {
    if (gradient !== null) this.#checkGrad(gradient);
    putGrad(this, gradient && keep(gradient.#shows ?? gradient));
  }

  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  set requiresGrad(value: boolean) {
    if (value === this.#requiresGrad) return;
    this.#setRequiresGrad(value);
    requiresGradEpoch.epoch++;
  }

  #setRequiresGrad(value: boolean): void {
    check(!this.#handle.link, ArgumentError, () => "requiresGrad: only a leaf can be changed; use detach()");
    check(!value || this.dtype === "f32" || this.dtype === "f16", ArgumentError, () =>
      expected("requiresGrad", "dtype", "a float tensor", this.dtype),
    );
    this.#requiresGrad = value;
    this.#isParameter = true;
  }

  #checkGrad(gradient: Tensor): void {
    const op = this.label ? `grad of '${this.label}'` : "grad";
    const like = `null or a tensor of dtype ${this.dtype} and shape [${this.shape}] on the same device`;
    check(gradient instanceof Tensor, ArgumentError, () => expected(op, "value", like, gradient));
    gradient.assertLive(op);
    check(sameShape(gradient.shape, this.shape), ShapeError, () => expected(op, "value", like, gradient));
    check(gradient.dtype === this.dtype, DtypeError, () => expected(op, "value", like, gradient.dtype));
    check(gradient.device === this.device, ArgumentError, () => expected(op, "value", like, "one of another device"));
  }

  #recordedView(memory: GradientMemory<Tensor>, tape: Tape): Tensor {
    const known = memory.recorded;
    if (known?.tape === tape && !known.view.disposed) return known.view;
    const made = view(this, this.shape, this.strides, this.offset);
    memory.recorded = { tape, view: made };
    return made;
  }

  /** The same values under a handle that `overwritesGrad` cuts off, with all views of it. */
  #window(): Tensor {
    const { shape, strides, offset, dtype } = this;
    const shown = keep(new Tensor(storageOf(this).window(), shape, strides, offset, dtype));
    shown.#handle.uncount();
    shown.#shows = this;
    return shown;
  }

  static {
    makeTensor = (storage, shape, strides, offset, dtype, standIn) =>
      new Tensor(storage, shape, strides, offset, dtype, standIn);
    gradOf = (leaf) => leaf.#grad;
    putGrad = (leaf, gradient) => {
      gradientRecorders.of(leaf.device)?.recordGrad(leaf);
      const before = leaf.#grad;
      leaf.#grad = gradient;
      // The next backward writes the slot as a whole.
      if (gradient === null && leaf.#gradSlot?.disposed === false) storageOf(leaf.#gradSlot).restore();
      if (!before || before === gradient) return;
      const memory = before.#memory;
      if (memory && !memory.shared && !memory.shown) before.dispose();
    };
    ownGrad = (gradient, shared) => {
      if (!gradient.#memory) gradient.#memory = { shared, shown: undefined, recorded: undefined };
      else if (shared) gradient.#memory.shared = true;
      return gradient;
    };
    isGradOf = (tensor, leaf) => {
      const gradient = leaf.#grad;
      const memory = gradient === null ? undefined : gradient.#memory;
      return gradient === tensor || (memory && (memory.shown === tensor || memory.recorded?.view === tensor)) === true;
    };
    isOwnGrad = (gradient) => gradient.#memory?.shared === false;
    cutOffGrad = (gradient) => {
      const memory = gradient.#memory;
      const shown = memory?.shown;
      if (!memory || !shown || shown === gradient) return;
      shown.#handle.storage.revoked = OVERWRITTEN;
      shown.#shows = undefined;
      shown.dispose();
      memory.shown = undefined;
    };
    gradSlotOf = (leaf) => leaf.#gradSlot;
    setGradSlot = (leaf, slot) => {
      leaf.#gradSlot = slot;
    };
    handleOf = (tensor) => tensor.#handle;
    storageOf = (tensor) => {
      const { live, storage } = tensor.#handle;
      if (!live || storage.revoked !== undefined) tensor.assertLive("tensor");
      return storage;
    };
    setNode = (tensor, node) => {
      tensor.#handle.link = node;
      node.retain();
      tensor.#requiresGrad = true;
    };
    isParameter = (tensor) => tensor.#isParameter;
    asLeaf = (tensor) => {
      if (!tensor.#requiresGrad) tensor.#setRequiresGrad(true);
      return tensor;
    };
    disposeBecause = (tensor, why) => {
      tensor.#freedBy = why;
      tensor.dispose();
    };
    assertReadable = (tensor, op) => {
      tensor.assertLive(op);
      if (runtimeOf(tensor.device).losses.count > 0 && tensor.#handle.storage.isLost)
        throw lostError(`${op}: ${tensor.#described()}`);
    };
  }

  /** True if the elements lie one after the other in row-major order, where a kernel can bind them. */
  get isContiguous(): boolean {
    return isDense(this.shape, this.strides) && (this.offset * bytesOf(this.dtype)) % ALIGNMENT === 0;
  }

  assertLive(op: string): void {
    const { revoked } = this.#handle.storage;
    if (this.#handle.live && revoked === undefined) return;
    const freedBy = this.#freedBy ?? revoked ?? "it was disposed";
    const why = typeof freedBy === "string" ? freedBy : freedBy();
    throw new DisposedError(`${op}: ${this.#described()} is gone: ${why}`);
  }

  #described(): string {
    return `tensor ${this.label ? `'${this.label}' ` : ""}of shape [${this.shape}]`;
  }

  /** Frees this view; the memory goes with its last view. Safe to call twice. */
  dispose(): void {
    this.#handle.release();
    if (!this.#standIn) return;
    const { buffer } = this.#handle.storage;
    if (buffer.free) buffer.standIn = this.#standIn;
    this.#standIn = undefined;
  }

  [disposeSymbol](): void {
    this.dispose();
  }

  /** Describes it on one line; its values are on the GPU. */
  toString(): string {
    const { label, dtype, device, requiresGrad, disposed } = this;
    const parts = [`shape=[${this.shape}]`, `dtype=${dtype}`, `device=${adapterClass(device)}`];
    if (label) parts.push(`label='${label}'`);
    if (requiresGrad) parts.push("requiresGrad");
    if (disposed) parts.push("disposed");
    return `Tensor(${parts.join(", ")})`;
  }

  /** Throws: JSON cannot wait for the GPU. */
  toJSON(): never {
    throw new ArgumentError(
      `JSON.stringify: the values of ${this} are on the GPU; use JSON.stringify(await x.tolist()), or data.saveSafetensors({ name: x }) for a file`,
    );
  }

  /** Text in template literals; throws where JavaScript's operators want a number of it. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new ArgumentError(
      `JavaScript's operators do not work on ${this}: write x.add(y), x.mul(2), x.lt(1) for new tensors, or take the number with await x.item()`,
    );
  }
}
printAsString(Tensor);

const OVERWRITTEN =
  "it was a gradient, which a later backward() or captured step computed anew; keep a copy with grad.clone()";

/** A dense tensor with undefined content. */
export function empty(device: Device, shape: Shape, dtype: Dtype = "f32"): Tensor {
  const what = () => `${runtimeOf(device).operation?.name ?? "tensor"} of shape [${shape}]`;
  const storage = new Storage(device, sizeOf(shape) * bytesOf(dtype), what);
  return makeTensor(storage, shape, stridesOf(shape), 0, dtype, standInFor(storage.buffer));
}

/** Another view of the same storage. */
export function view(source: Tensor, shape: Shape, strides: Shape, offset: number): Tensor {
  return makeTensor(storageOf(source), shape, strides, offset, source.dtype);
}
