/** The command line of `npm start`: options, their defaults, and the messages of refused ones. */
import { parseArgs } from "node:util";
import { nearest } from "../../src/errors.ts";
import { UsageError } from "../support/command.ts";

export const INITS = [
  "torchDefault",
  "xavierUniform",
  "xavierNormal",
  "heUniform",
  "heNormal",
  "lecunNormal",
  "orthogonal",
] as const;
export const OPTIMIZERS = ["adam", "adamw", "rmsprop", "adagrad", "sgd"] as const;
export const NORMS = ["none", "batch", "layer"] as const;
export const ADAPTERS = ["auto", "gpu", "software"] as const;

export type InitName = (typeof INITS)[number];
export type OptimizerName = (typeof OPTIMIZERS)[number];
export type Norm = (typeof NORMS)[number];

export interface Options {
  epochs: number;
  /** Optimizer steps per run instead of whole epochs. */
  steps: number | undefined;
  /** The number of seeds; they are 1, 2, … */
  seeds: number;
  inits: InitName[];
  /** Sizes of the hidden layers. */
  hidden: number[];
  batch: number;
  lr: number;
  optimizer: OptimizerName;
  norm: Norm;
  adapter: (typeof ADAPTERS)[number];
  /** Folder of the report. */
  out: string;
}

export const DEFAULTS: Options = {
  epochs: 1,
  steps: undefined,
  seeds: 1,
  inits: ["torchDefault", "xavierUniform", "xavierNormal", "heUniform", "heNormal"],
  hidden: [256, 128],
  batch: 128,
  lr: 1e-4,
  optimizer: "adam",
  norm: "none",
  adapter: "auto",
  out: "out/start",
};

const NAMES = [...Object.keys(DEFAULTS), "help"];
const TRAIN_IMAGES = 60_000;

/** The options of a command line, or "help". Throws UsageError. */
export function parseOptions(argv: readonly string[]): Options | "help" {
  const given = tokens(argv);
  if (given.has("help")) return "help";
  const option = <T>(name: string, read: (name: string, value: string) => T, otherwise: T): T => {
    const value = given.get(name);
    return value === undefined ? otherwise : read(name, value);
  };
  const whole = (max: number) => (name: string, value: string) => wholeNumber(name, value, 1, max);
  return {
    epochs: option("epochs", whole(1000), DEFAULTS.epochs),
    steps: option<number | undefined>("steps", whole(1_000_000), DEFAULTS.steps),
    seeds: option("seeds", whole(100), DEFAULTS.seeds),
    inits: option("inits", (name, value) => list(name, value, (item) => oneOf(name, item, INITS)), DEFAULTS.inits),
    hidden: option("hidden", hiddenSizes, DEFAULTS.hidden),
    batch: option("batch", (name, value) => wholeNumber(name, value, 2, TRAIN_IMAGES), DEFAULTS.batch),
    lr: option("lr", rate, DEFAULTS.lr),
    optimizer: option("optimizer", (name, value) => oneOf(name, value, OPTIMIZERS), DEFAULTS.optimizer),
    norm: option("norm", (name, value) => oneOf(name, value, NORMS), DEFAULTS.norm),
    adapter: option("adapter", (name, value) => oneOf(name, value, ADAPTERS), DEFAULTS.adapter),
    out: option("out", (_, value) => value, DEFAULTS.out),
  };
}

/** The values by name, after unknown options, stray words and missing values have been refused. */
function tokens(argv: readonly string[]): Map<string, string> {
  const options = Object.fromEntries(
    NAMES.map((name) => [name, { type: name === "help" ? ("boolean" as const) : ("string" as const) }]),
  );
  const short = { ...options, help: { type: "boolean" as const, short: "h" } };
  const parsed = parseArgs({ args: [...argv], options: short, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string>();
  for (const token of parsed.tokens) {
    if (token.kind === "positional")
      throw new UsageError(`unexpected word '${token.value}': every setting has a name, such as --epochs 2`);
    if (token.kind !== "option") continue;
    if (!NAMES.includes(token.name)) throw new UsageError(unknown(token.rawName, token.name));
    const value = token.value ?? "";
    // An option's name instead of a value is a forgotten value.
    if (token.name !== "help" && (value === "" || value.startsWith("--"))) {
      throw new UsageError(`--${token.name} needs a value${value && `, got '${value}'`}`);
    }
    given.set(token.name, value);
  }
  return given;
}

function unknown(raw: string, name: string): string {
  const near = nearest(name, NAMES);
  return `unknown option '${raw}'${near ? `; did you mean '--${near}'?` : ""} (--help lists all)`;
}

function wholeNumber(name: string, value: string, min: number, max: number): number {
  const number = Number(value);
  const fits = /^\d+$/.test(value) && number >= min && number <= max;
  if (!fits) throw new UsageError(`--${name}: expected an integer from ${min} to ${max}, got '${value}'`);
  return number;
}

function rate(name: string, value: string): number {
  const number = Number(value);
  const fits = value.trim() !== "" && Number.isFinite(number) && number > 0 && number <= 10;
  if (!fits) throw new UsageError(`--${name}: expected a number above 0 and up to 10, got '${value}'`);
  return number;
}

function oneOf<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((word) => word.toLowerCase() === value.toLowerCase());
  if (found !== undefined) return found;
  const near = nearest(value, known);
  const hint = near ? `; did you mean '${near}'?` : "";
  throw new UsageError(`--${name}: expected ${known.join(", ")}, got '${value}'${hint}`);
}

function list<T>(name: string, value: string, read: (item: string) => T): T[] {
  const items = value.split(",").map((item) => read(item.trim()));
  const twice = items.find((item, i) => items.indexOf(item) !== i);
  if (twice !== undefined) throw new UsageError(`--${name}: '${twice}' is there twice`);
  return items;
}

function hiddenSizes(name: string, value: string): number[] {
  return value.split(",").map((item) => wholeNumber(name, item.trim(), 1, 65_536));
}

export function helpText(): string {
  const steps = Math.floor((DEFAULTS.epochs * TRAIN_IMAGES) / DEFAULTS.batch);
  const row = (name: string, value: string, what: string) => `  --${`${name} ${value}`.padEnd(22)}${what}`;
  return `Trains the same network on MNIST once per weight initialization, and compares them.

  npm start -- [options]

${[
  row("epochs", "N", `passes over the 60,000 training images (${DEFAULTS.epochs})`),
  row("steps", "N", `steps of every run, instead of whole epochs (${steps})`),
  row("seeds", "N", `repeat all with seeds 1 to N (${DEFAULTS.seeds})`),
  row("inits", "A,B", `of ${INITS.join(", ")} (the first five)`),
  row("hidden", "N,M", `sizes of the hidden layers (${DEFAULTS.hidden})`),
  row("batch", "N", `images per step (${DEFAULTS.batch})`),
  row("lr", "X", `learning rate (${DEFAULTS.lr})`),
  row("optimizer", "NAME", `${OPTIMIZERS.join(", ")} (${DEFAULTS.optimizer})`),
  row("norm", "NAME", `normalization before each ReLU: ${NORMS.join(", ")} (${DEFAULTS.norm})`),
  row("adapter", "NAME", `${ADAPTERS.join(", ")} (${DEFAULTS.adapter})`),
  row("out", "FOLDER", `where the report goes (${DEFAULTS.out})`),
  row("help", "", "this text"),
].join("\n")}`;
}
