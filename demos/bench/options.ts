/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";
import { CASES } from "./cases.ts";
import { FAMILIES } from "./families/families.ts";
import { LIBRARIES, type LibraryName } from "./library.ts";

export const ADAPTERS = ["auto", "gpu", "lavapipe", "swiftshader"] as const;

export interface Options {
  adapter: (typeof ADAPTERS)[number];
  /** Ids of cases, or beginnings of ids; empty for all. */
  cases: string[];
  libraries: LibraryName[];
  /** Whole training steps of nine kinds of networks instead of the cases. */
  families: boolean;
  /** Names of families; empty for all. */
  only: string[];
  /** Beginnings of the peers' names. */
  peers: string[];
  quick: boolean;
  /** Folder of the files; undefined to write none. */
  out: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --adapter <${ADAPTERS.join("|")}>  default: GRADWELL_ADAPTER, else a GPU, else a software adapter
  --cases <a,b>       only cases whose id starts so, of: ${CASES.map(({ id }) => id).join(" ")}
  --families          captured training steps of nine kinds of networks instead of the cases
  --only <a,b>        only these families, of: ${FAMILIES.map(({ name }) => name).join(" ")}
  --peers <none|tfjs,jax,torch>  default: all (PyTorch on the CPU takes part in the families, where $PYTHON or
                      python3 imports torch)
  --quick             few samples and no files, to see that it runs
  --out <folder>      where <date>-<adapter>.{json,svg,md} go; default: demos/bench/results
  --help`;

/** Throws an Error whose message is for the person who typed it. */
export function parseOptions(argv: string[], defaultOut: string): Options | "help" {
  const { values } = parseArgs({
    args: argv,
    options: {
      adapter: { type: "string" },
      cases: { type: "string" },
      peers: { type: "string" },
      families: { type: "boolean", default: false },
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const adapter = ADAPTERS.find((one) => one === (values.adapter ?? "auto"));
  if (!adapter) throw new Error(`--adapter: '${values.adapter}' is none of ${ADAPTERS.join(", ")}`);
  const cases = list(values.cases);
  for (const name of cases) {
    if (!CASES.some(({ id }) => id.startsWith(name))) {
      throw new Error(`--cases: no case starts with '${name}'; there are ${CASES.map(({ id }) => id).join(", ")}`);
    }
  }
  const only = list(values.only);
  for (const name of only) {
    if (!FAMILIES.some((family) => family.name === name)) {
      throw new Error(`--only: '${name}' is none of ${FAMILIES.map((family) => family.name).join(", ")}`);
    }
  }
  if (only.length > 0 && !values.families) throw new Error("--only: goes with --families");
  if (cases.length > 0 && values.families) throw new Error("--cases: does not go with --families; use --only");
  const partial = cases.length > 0 || only.length > 0;
  const out = values.out ?? (values.quick || partial ? undefined : defaultOut);
  const peers = peersOf(values.peers);
  const libraries = LIBRARIES.filter((name) => name === "gradwell" || peers.some((peer) => name.startsWith(peer)));
  return { adapter, cases, libraries, families: values.families, only, peers, quick: values.quick, out };
}

function list(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((part) => part !== "");
}

const PEERS = ["tfjs", "jax", "torch"];

function peersOf(text: string | undefined): string[] {
  if (text === undefined) return PEERS;
  const wanted = text === "none" ? [] : list(text);
  for (const name of wanted) {
    if (!PEERS.includes(name)) throw new Error(`--peers: '${name}' is none of ${PEERS.join(", ")}, none`);
  }
  return wanted;
}
