/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";
import { CASES } from "./cases.ts";
import { LIBRARIES, type LibraryName } from "./library.ts";

export const ADAPTERS = ["auto", "gpu", "lavapipe", "swiftshader"] as const;

export interface Options {
  adapter: (typeof ADAPTERS)[number];
  /** Ids of cases, or beginnings of ids; empty for all. */
  cases: string[];
  libraries: LibraryName[];
  quick: boolean;
  /** Folder of the files; undefined to write none. */
  out: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --adapter <${ADAPTERS.join("|")}>  default: GRADWELL_ADAPTER, else a GPU, else a software adapter
  --cases <a,b>       only cases whose id starts so, of: ${CASES.map(({ id }) => id).join(" ")}
  --peers <none|tfjs,jax>  default: both
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
  const out = values.out ?? (values.quick || cases.length > 0 ? undefined : defaultOut);
  return { adapter, cases, libraries: librariesOf(values.peers), quick: values.quick, out };
}

function list(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((part) => part !== "");
}

function librariesOf(peers: string | undefined): LibraryName[] {
  const wanted = peers === "none" ? [] : peers === undefined ? ["tfjs", "jax"] : list(peers);
  for (const name of wanted) {
    if (name !== "tfjs" && name !== "jax") throw new Error(`--peers: '${name}' is none of tfjs, jax, none`);
  }
  return LIBRARIES.filter((name) => name === "gradwell" || wanted.some((peer) => name.startsWith(peer)));
}
