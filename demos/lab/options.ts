/** The command line of `npm run lab`. */
import { parseArgs } from "node:util";
import { nearest } from "../../src/errors.ts";
import { UsageError } from "../support/command.ts";

export interface LabOptions {
  /** Undefined: list the experiments. */
  names: string[] | undefined;
  quick: boolean;
  seeds: number;
  out: string;
  adapter: "auto" | "gpu" | "software";
}

export function parseOptions(argv: readonly string[], known: readonly string[]): LabOptions {
  const { values, positionals } = tokens(argv);
  const quick = values.quick === true;
  const adapter = oneOf("adapter", String(values.adapter ?? "auto"), ["auto", "gpu", "software"] as const);
  const seeds = String(values.seeds ?? (quick ? 1 : 3));
  if (!/^[1-9]\d?$/.test(seeds)) throw new UsageError(`--seeds: expected an integer from 1 to 99, got '${seeds}'`);
  const out = String(values.out ?? (quick ? "out/lab-quick" : "out/lab"));
  const [name, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`unexpected word '${more[0]}': one experiment at a time, or 'all'`);
  const names = name === undefined ? undefined : name === "all" ? [...known] : [oneOf("experiment", name, known)];
  return { names, quick, seeds: Number(seeds), out, adapter };
}

function tokens(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        seeds: { type: "string" },
        out: { type: "string" },
        adapter: { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function oneOf<T extends string>(what: string, word: string, known: readonly T[]): T {
  const found = known.find((one) => one === word);
  if (found !== undefined) return found;
  const near = nearest(word, known);
  throw new UsageError(
    `${what}: expected ${known.join(", ")}, got '${word}'${near ? `; did you mean '${near}'?` : ""}`,
  );
}
