/** Records of a GPU day: one JSON object a line, only ever appended to. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The clock of a time: by the GPU's own timestamps, or by the clock around a submit that was waited for. */
export type TimerKind = "timestamp" | "wall";

export interface Origin {
  /** When the run began. */
  run: string;
  vendor: string;
  architecture: string;
  adapter: string;
  commit: string;
  shaders: string;
  /** True for a software adapter that only rehearses: never part of the table. */
  rehearsal: boolean;
}

export interface Sample {
  family: string;
  /** `shapeName` for matmuls. */
  shape: string;
  /** The parameters that were varied: kernel and splits, threads, workgroup. */
  parameters: Record<string, number | string>;
  /** Median per run, and the fastest. */
  microseconds: number;
  least: number;
  samples: number;
  timer: TimerKind;
  /** True for what the library chooses by itself. */
  chosen?: boolean;
}

export type DataRecord = Origin & (({ kind: "sample" } & Sample) | { kind: "fact"; name: string; value: unknown });

export class Journal {
  readonly path: string;
  readonly #origin: Origin;

  constructor(folder: string, origin: Origin) {
    mkdirSync(folder, { recursive: true });
    const name = `${origin.vendor} ${origin.architecture} ${origin.run.slice(0, 10)}`;
    this.path = join(folder, `${name.replaceAll(/[^a-zA-Z0-9.-]+/g, "-")}.jsonl`);
    this.#origin = origin;
  }

  fact(name: string, value: unknown): void {
    this.#append({ ...this.#origin, kind: "fact", name, value });
  }

  sample(sample: Sample): void {
    this.#append({ ...this.#origin, kind: "sample", ...sample });
  }

  #append(record: DataRecord): void {
    appendFileSync(this.path, `${JSON.stringify(record)}\n`);
  }
}

/** All records of a folder; a line that was cut off is skipped. */
export function readRecords(folder: string): DataRecord[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  return files.sort().flatMap((file) =>
    readFileSync(join(folder, file), "utf8")
      .split("\n")
      .flatMap((line): DataRecord[] => {
        try {
          return line === "" ? [] : [JSON.parse(line) as DataRecord];
        } catch {
          return [];
        }
      }),
  );
}
