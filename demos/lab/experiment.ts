/** The interface of an experiment: a claim, a run, and findings with numbers. */
import type { Section } from "../support/report.ts";

export interface Settings {
  /** A small version that shows that everything works; its verdicts mean little. */
  quick: boolean;
  /** Seeds are 1, 2, … */
  seeds: number;
  /** Says what is being done. */
  log(line: string): void;
}

export type Verdict = "reproduced" | "partly" | "not reproduced" | "not run";

/** One sentence of the article, what came out, and whether that is what it says. */
export interface Finding {
  claim: string;
  result: string;
  verdict: Verdict;
}

export interface Outcome {
  /** The models, the data, and the criteria of the verdicts. */
  method: string[];
  findings: Finding[];
  sections: Section[];
}

export interface Experiment {
  name: string;
  title: string;
  /** The claim of the article. */
  claim: string;
  run(settings: Settings): Promise<Outcome>;
}

/** "reproduced" where all parts hold, "partly" where some do. */
export function judge(parts: readonly boolean[]): Verdict {
  if (parts.every((part) => part)) return "reproduced";
  return parts.some((part) => part) ? "partly" : "not reproduced";
}
