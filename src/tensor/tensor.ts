/** Tensor: a strided view on storage, with what autograd hangs on it. Its methods are attached in ops/methods.ts. */
import { ArgumentError, check, DisposedError, expected } from "../errors.ts";
import { ALIGNMENT, type BufferSlice } from "../gpu/buffer-pool.ts";
import type { Device } from "../gpu/device.ts";
import { trackInScope } from "./scope.ts";
import { isDense, type Shape, sizeOf, stridesOf } from "./shape.ts";
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

const finalizers = new FinalizationRegistry<Body>(releaseBody);

/** Rises whenever `requiresGrad` of a tensor changed after it was made: captures check it. */
export const requiresGradEpoch = { epoch: 0 };

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
  /** Where `backward()` should write this leaf's gradient: an optimizer's flat storage. */
  gradSlot: Tensor | undefined;
  /** Whether `requiresGrad` was ever set: a parameter that was frozen later is still one. */
  isParameter = false;
  /** Why the tensor is no longer readable, once it was freed by something other than its owner. */
  freedBy: string | undefined;
  readonly #body: Body;
  #requiresGrad = false;
  #grad: Tensor | null = null;

  constructor(storage: Storage, shape: Shape, strides: Shape, offset: number, dtype: Dtype) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    this.device = storage.device;
    this.#body = { storage, link: undefined, live: true, counted: true, spent: false };
    storage.retain();
    storage.device.tensorCount++;
    finalizers.register(this, this.#body);
    trackInScope(this);
  }

  get ndim(): number {
    return this.shape.length;
  }

  get storage(): Storage {
    if (!this.#body.live) this.assertLive("tensor");
    return this.#body.storage;
  }

  get disposed(): boolean {
    return !this.#body.live;
  }

  /** The node that computed this tensor; undefined for leaves. */
  get node(): GraphLink | undefined {
    return this.#body.link;
  }

  setNode(node: GraphLink): void {
    this.#body.link = node;
    node.retain();
    this.#requiresGrad = true;
  }

  /** dLoss/dthis after `backward()`, for leaves with `requiresGrad`. */
  get grad(): Tensor | null {
    return this.#grad;
  }

  set grad(gradient: Tensor | null) {
    this.device.recorder.tape?.recordGrad(this);
    this.#grad = gradient;
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

  /** Makes a tensor that nothing has seen yet a leaf that wants a gradient: no capture can depend on it. */
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

  /** The bytes of a contiguous tensor, for a kernel. */
  get binding(): BufferSlice {
    const bytes = bytesOf(this.dtype);
    return this.storage.slice(this.offset * bytes, this.size * bytes);
  }

  /** The whole storage, for kernels that index by offset and strides. */
  get wholeBinding(): BufferSlice {
    return this.storage.slice(0, this.storage.bytes);
  }

  assertLive(op: string): void {
    if (this.#body.live) return;
    const why = this.freedBy ?? "it was disposed";
    throw new DisposedError(
      `${op}: tensor ${this.label ? `'${this.label}' ` : ""}of shape [${this.shape}] is gone: ${why}`,
    );
  }

  /** Frees this view; the memory goes with its last view. Safe to call twice. */
  dispose(): void {
    releaseBody(this.#body);
  }

  [disposeSymbol](): void {
    this.dispose();
  }

  /** Leaves the count of live tensors: the library keeps it readable for a while, but nobody owns it any more. */
  uncount(): void {
    if (!this.#body.live || !this.#body.counted) return;
    this.#body.counted = false;
    this.device.tensorCount--;
  }

  /** Whether it counts as live: neither freed nor uncounted. */
  get counted(): boolean {
    return this.#body.live && this.#body.counted;
  }

  /** Used up by backward(): neither it nor, with its last handle, its memory counts as live. */
  spend(): void {
    if (!this.#body.live || this.#body.spent) return;
    this.uncount();
    this.#body.spent = true;
    this.#body.storage.spend();
  }

  toString(): string {
    return `Tensor(shape=[${this.shape}], dtype=${this.dtype}${this.requiresGrad ? ", requiresGrad" : ""})`;
  }
}

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
  return new Tensor(storage, shape, stridesOf(shape), 0, dtype);
}

/** Another view of the same storage. */
export function view(source: Tensor, shape: Shape, strides: Shape, offset: number): Tensor {
  return new Tensor(source.storage, shape, strides, offset, source.dtype);
}
