/** Tensor: a strided view on storage, with what autograd hangs on it. Its methods are attached in ops/methods.ts. */
import { ArgumentError, check, DisposedError, DtypeError, expected, ShapeError } from "../errors.ts";
import { ALIGNMENT, type BufferSlice } from "../gpu/buffer-pool.ts";
import type { Device } from "../gpu/device.ts";
import { printAsString } from "../gpu/inspect.ts";
import { adapterClass } from "../gpu/launch-policy.ts";
import { lostError } from "../gpu/lost-memory.ts";
import { standInFor } from "./external-memory.ts";
import { keep, trackInScope } from "./scope.ts";
import { isDense, type Shape, sameShape, sizeOf, stridesOf } from "./shape.ts";
import { bytesOf, type Dtype, Storage } from "./storage.ts";

/** The graph node that made a tensor; autograd implements it. */
export interface GraphLink {
  retain(): void;
  release(): void;
}

/** What must be freed with a tensor. Apart from it, so that a finalizer can hold this and not the tensor. */
interface Body {
  storage: Storage;
  link: GraphLink | undefined;
  live: boolean;
  /** Whether device.tensorCount counts it. */
  counted: boolean;
  /** Whether backward() has used it up. */
  spent: boolean;
}

/** What a gradient that the library made is to those who look at it through `grad`. */
interface GradientMemory {
  /** Whether a later backward or replay overwrites it (an optimizer's slot, a capture's memory). */
  shared: boolean;
  /** What `grad` gave out: the gradient itself, or of shared memory a window on it, until that is overwritten. */
  shown: Tensor | undefined;
}

const finalizers = new FinalizationRegistry<Body>((body) => {
  releaseBody(body);
  body.storage.device.collected();
});

/** Rises whenever `requiresGrad` of a tensor changed after it was made: captures check it. */
export const requiresGradEpoch = { epoch: 0 };

/** The gradient itself, where `leaf.grad` gives what a user may keep: for those who read it at once. */
export let gradOf: (leaf: Tensor) => Tensor | null;

/** Sets the gradient unchecked. One that the library made for this leaf alone, and that nobody saw, is freed. */
export let putGrad: (leaf: Tensor, gradient: Tensor | null) => void;

/** Notes that the library made a gradient; `shared`, if others will write it anew. */
export let ownGrad: (gradient: Tensor, shared: boolean) => Tensor;

/** Whether the library made this gradient for one leaf, and nothing but `zeroGrad` ends it. */
export let isOwnGrad: (gradient: Tensor) => boolean;

/** Ends what users hold of a gradient that was overwritten. */
export let cutOffGrad: (gradient: Tensor) => void;

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
  /** @internal Where `backward()` should write this leaf's gradient: an optimizer's flat storage. */
  gradSlot: Tensor | undefined;
  /** @internal Whether `requiresGrad` was ever set: a parameter that was frozen later is still one. */
  isParameter = false;
  /** @internal Why the tensor is no longer readable, once it was freed by something other than its owner. */
  freedBy: string | (() => string) | undefined;
  readonly #body: Body;
  /** Its bytes, as far as the garbage collector knows. */
  #standIn: ArrayBuffer | undefined;
  #requiresGrad = false;
  #grad: Tensor | null = null;
  #memory: GradientMemory | undefined;
  /** Of a window that `grad` gave out: the gradient behind it. */
  #shows: Tensor | undefined;

  constructor(storage: Storage, shape: Shape, strides: Shape, offset: number, dtype: Dtype, standIn?: ArrayBuffer) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    this.device = storage.device;
    this.#standIn = standIn;
    this.#body = { storage, link: undefined, live: true, counted: true, spent: false };
    storage.retain();
    storage.device.tensorCount++;
    finalizers.register(this, this.#body);
    trackInScope(this);
  }

  /** Only what this class made is a tensor: no proxy of one and no object that has its prototype. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && #body in value;
  }

  get ndim(): number {
    return this.shape.length;
  }

  /** @internal */
  get storage(): Storage {
    const { storage } = this.#body;
    if (!this.#body.live || storage.revoked !== undefined) this.assertLive("tensor");
    return storage;
  }

  get disposed(): boolean {
    return !this.#body.live || this.#body.storage.revoked !== undefined;
  }

  /** @internal The node that computed this tensor; undefined for leaves. */
  get node(): GraphLink | undefined {
    return this.#body.link;
  }

  /** @internal */
  setNode(node: GraphLink): void {
    this.#body.link = node;
    node.retain();
    this.#requiresGrad = true;
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
    if (this.device.recorder.tape) return view(gradient, gradient.shape, gradient.strides, gradient.offset);
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
    check(!this.#body.link, ArgumentError, () => "requiresGrad: only a leaf can be changed; use detach()");
    check(!value || this.dtype === "f32" || this.dtype === "f16", ArgumentError, () =>
      expected("requiresGrad", "dtype", "a float tensor", this.dtype),
    );
    this.#requiresGrad = value;
    this.isParameter = true;
    requiresGradEpoch.epoch++;
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

  /** The same values under a handle that `overwritesGrad` cuts off, with all views of it. */
  #window(): Tensor {
    const { shape, strides, offset, dtype } = this;
    const shown = keep(new Tensor(this.storage.window(), shape, strides, offset, dtype));
    shown.uncount();
    shown.#shows = this;
    return shown;
  }

  static {
    gradOf = (leaf) => leaf.#grad;
    putGrad = (leaf, gradient) => {
      leaf.device.recorder.tape?.recordGrad(leaf);
      const before = leaf.#grad;
      leaf.#grad = gradient;
      // The next backward writes the slot as a whole.
      if (gradient === null && leaf.gradSlot?.disposed === false) leaf.gradSlot.storage.restore();
      if (!before || before === gradient) return;
      const memory = before.#memory;
      if (memory && !memory.shared && !memory.shown) before.dispose();
    };
    ownGrad = (gradient, shared) => {
      if (!gradient.#memory) gradient.#memory = { shared, shown: undefined };
      else if (shared) gradient.#memory.shared = true;
      return gradient;
    };
    isOwnGrad = (gradient) => gradient.#memory?.shared === false;
    cutOffGrad = (gradient) => {
      const shown = gradient.#memory?.shown;
      if (!shown || shown === gradient) return;
      shown.#body.storage.revoked = OVERWRITTEN;
      shown.#shows = undefined;
      shown.dispose();
      (gradient.#memory as GradientMemory).shown = undefined;
    };
  }

  /** @internal Makes a tensor that nothing has seen yet a leaf that wants a gradient: no capture can depend on it. */
  asLeaf(): this {
    const before = requiresGradEpoch.epoch;
    this.requiresGrad = true;
    requiresGradEpoch.epoch = before;
    return this;
  }

  /** Whether elements lie one after the other in row-major order, where a kernel can bind them. */
  get isContiguous(): boolean {
    return isDense(this.shape, this.strides) && (this.offset * bytesOf(this.dtype)) % ALIGNMENT === 0;
  }

  /** @internal Whether the words after the last element, up to the next 16 bytes, belong to this tensor alone. */
  get ownsPadding(): boolean {
    const bytes = this.size * bytesOf(this.dtype);
    return (bytes > 0 && bytes % 16 === 0) || bytes === this.storage.bytes;
  }

  /** @internal The bytes of a contiguous tensor, for a kernel. */
  get binding(): BufferSlice {
    const bytes = bytesOf(this.dtype);
    return this.storage.slice(this.offset * bytes, this.size * bytes);
  }

  /** @internal The whole storage, for kernels that index by offset and strides. */
  get wholeBinding(): BufferSlice {
    return this.storage.slice(0, this.storage.bytes);
  }

  assertLive(op: string): void {
    const { revoked } = this.#body.storage;
    if (this.#body.live && revoked === undefined) return;
    const { freedBy = revoked ?? "it was disposed" } = this;
    const why = typeof freedBy === "string" ? freedBy : freedBy();
    throw new DisposedError(`${op}: ${this.#described()} is gone: ${why}`);
  }

  /** @internal Live, and its values were not lost when memory ran out. */
  assertReadable(op: string): void {
    this.assertLive(op);
    if (this.device.losses.count > 0 && this.#body.storage.isLost) throw lostError(`${op}: ${this.#described()}`);
  }

  #described(): string {
    return `tensor ${this.label ? `'${this.label}' ` : ""}of shape [${this.shape}]`;
  }

  /** Frees this view; the memory goes with its last view. Safe to call twice. */
  dispose(): void {
    releaseBody(this.#body);
    if (!this.#standIn) return;
    const { buffer } = this.#body.storage;
    if (buffer.free) buffer.standIn = this.#standIn;
    this.#standIn = undefined;
  }

  [disposeSymbol](): void {
    this.dispose();
  }

  /** @internal Leaves the count of live tensors: the library keeps it readable for a while, but nobody owns it any more. */
  uncount(): void {
    if (!this.#body.live || !this.#body.counted) return;
    this.#body.counted = false;
    this.device.tensorCount--;
  }

  /** @internal Whether it counts as live: neither freed nor uncounted. */
  get counted(): boolean {
    return this.#body.live && this.#body.counted;
  }

  /** @internal Used up by backward(): neither it nor, with its last handle, its memory counts as live. */
  spend(): void {
    if (!this.#body.live || this.#body.spent) return;
    this.uncount();
    this.#body.spent = true;
    this.#body.storage.spend();
  }

  /** What it is, on one line; its values are on the GPU. */
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

/** Says that a gradient's memory is about to be written with other values, now and at each replay. */
export function overwritesGrad(gradient: Tensor): Tensor {
  gradient.device.recorder.tape?.overwritesGrad(gradient);
  cutOffGrad(gradient);
  return gradient;
}

const OVERWRITTEN =
  "it was a gradient, which a later backward() or captured step computed anew; keep a copy with grad.clone()";

function releaseBody(body: Body): void {
  if (!body.live) return;
  body.live = false;
  if (body.counted) body.storage.device.tensorCount--;
  body.link?.release();
  body.link = undefined;
  body.storage.release(body.spent);
}

/** A dense tensor with undefined content. */
export function empty(device: Device, shape: Shape, dtype: Dtype = "f32"): Tensor {
  const what = () => `${device.operation?.name ?? "tensor"} of shape [${shape}]`;
  const storage = new Storage(device, sizeOf(shape) * bytesOf(dtype), what);
  return new Tensor(storage, shape, stridesOf(shape), 0, dtype, standInFor(storage.buffer));
}

/** Another view of the same storage. */
export function view(source: Tensor, shape: Shape, strides: Shape, offset: number): Tensor {
  return new Tensor(source.storage, shape, strides, offset, source.dtype);
}
