/**
 * Keys that tell what a recording is valid for. The key of a list of arguments is injective: two lists have the
 * same one only where a function cannot tell them apart but by the values of their tensors and host arrays. Every token
 * says where it ends.
 */
import { CaptureError } from "../errors.ts";
import { Device } from "../gpu/device.ts";
import { UserKernel } from "../gpu/user-kernel.ts";
import { keyedByIdentity } from "../tensor/identity.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { GivenShapes } from "./host-arrays.ts";
import { boundLayout, type Input } from "./inputs.ts";
import { checkDepth, isPlain, pathOf } from "./plain.ts";

const ids = new WeakMap<WeakKey, number>();
let nextId = 1;

/** A number that stands for this object, function or symbol alone. */
function identityOf(value: WeakKey): number {
  const known = ids.get(value);
  if (known !== undefined) return known;
  ids.set(value, nextId);
  return nextId++;
}

/** Paths of arguments, made once. */
const ARGUMENTS: string[] = [];

const isKnownByIdentity = (value: object): boolean =>
  keyedByIdentity in value || value instanceof Device || value instanceof UserKernel;

/** Writes the key of one list of arguments and notes the inputs in it. */
export class KeyWriter {
  readonly inputs: Input[] = [];
  readonly #shapes: GivenShapes;
  /** Objects in the order of their first visit: a later one is a reference to its number. */
  readonly #seen = new Map<object, number>();
  #path: string[] = [];

  constructor(shapes: GivenShapes) {
    this.#shapes = shapes;
  }

  /** One part for each argument. */
  parts(args: readonly unknown[]): string[] {
    return args.map((one, i) => {
      while (ARGUMENTS.length <= i) ARGUMENTS.push(`arguments[${ARGUMENTS.length}]`);
      this.#path = [ARGUMENTS[i] as string];
      return this.#part(one);
    });
  }

  #part(value: unknown): string {
    switch (typeof value) {
      case "undefined":
        return "u";
      case "boolean":
        return value ? "t" : "f";
      case "number":
        return `d${Object.is(value, -0) ? "-0" : value};`;
      case "bigint":
        return `b${value};`;
      case "string":
        return `s${value.length}:${value}`;
      case "symbol": {
        const name = Symbol.keyFor(value);
        return name === undefined ? `Y${identityOf(value)};` : `y${this.#part(name)}`;
      }
      case "function":
        return `F${identityOf(value)};`;
      default:
        return value === null ? "n" : this.#object(value as object);
    }
  }

  #object(value: object): string {
    const seen = this.#seen.get(value);
    if (seen !== undefined) return `&${seen};`;
    this.#seen.set(value, this.#seen.size);
    if (value instanceof Tensor) return this.#tensor(value);
    if (Object.prototype.isPrototypeOf.call(Tensor.prototype, value))
      this.#refuse("a Proxy of a tensor or an object like it; pass the tensor itself");
    if (isKnownByIdentity(value)) return `I${identityOf(value)};`;
    const host = this.#shapes.read(value, () => this.#path.join(""));
    if (host) {
      this.inputs.push({ source: value, path: this.#path.join(""), host });
      return `H${host.dtype}[${host.shape}];`;
    }
    checkDepth(this.#path.length, this.#path.slice(0, 10).join(""));
    if (!isPlain(value)) this.#refuse(`${aClass(value)}, whose state cannot be compared between calls; ${WAY_OUT}`);
    if (Array.isArray(value)) return this.#array(value);
    if (value instanceof Map) return this.#map(value);
    if (value instanceof Set) return this.#list("S", value, [...value]);
    if (value instanceof Date) return `D${this.#own(value, 0, value.getTime())};`;
    if (value instanceof RegExp)
      return `R${this.#own(value, 1, `${value.lastIndex}`)}:${this.#part(value.source)}${value.flags};`;
    return this.#plainObject(value);
  }

  #tensor(value: Tensor): string {
    const path = this.#path.length > 1 ? this.#path.join("") : (this.#path[0] as string);
    this.inputs.push({ source: value, path, host: undefined });
    return `T${value.dtype}[${value.shape}]${boundLayout(value) ?? ""};`;
  }

  #array(value: unknown[]): string {
    let [text, count] = [`A${value.length}(`, 0];
    for (let i = 0; i < value.length; i++) {
      const isThere = i in value;
      if (isThere) count++;
      text += isThere ? this.#at(`[${i}]`, value[i]) : "h";
    }
    this.#own(value, count + 1, "");
    return text;
  }

  #map(value: Map<unknown, unknown>): string {
    const entries = [...value].flat(1);
    return this.#list("M", value, entries);
  }

  #list(kind: string, value: object, parts: unknown[]): string {
    this.#own(value, 0, "");
    return `${kind}${parts.length}(${parts.map((one, i) => this.#at(`.entry(${i})`, one)).join("")}`;
  }

  #plainObject(value: object): string {
    const keys = Reflect.ownKeys(value);
    let text = `${Object.getPrototypeOf(value) === null ? "N" : "O"}${keys.length}(`;
    for (const key of keys) {
      const { enumerable, ...rest } = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      this.#path.push(pathOf(key));
      if (!("value" in rest)) this.#refuse("a getter, which may give something else in each call; pass its value");
      text += `${enumerable ? "e" : "x"}${this.#part(key)}${this.#part(rest.value)}`;
      this.#path.pop();
    }
    return text;
  }

  #at(step: string, value: unknown): string {
    this.#path.push(step);
    const text = this.#part(value);
    this.#path.pop();
    return text;
  }

  /** `text`, unless an object of a built-in class has more properties than `most`. */
  #own<T>(value: object, most: number, text: T): T {
    if (Reflect.ownKeys(value).length > most)
      this.#refuse(`${aClass(value)} with properties of its own; pass them in a plain object`);
    return text;
  }

  #refuse(what: string): never {
    throw new CaptureError(`capture: ${this.#path.join("")} is ${what}`);
  }
}

const WAY_OUT = "pass the plain values and tensors that fn needs of it, or let fn refer to it directly";

function aClass(value: object): string {
  const made = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor;
  const name = typeof made === "function" && made.name;
  return name ? `an instance of ${name}` : "an object without a class";
}
