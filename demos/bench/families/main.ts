/** `npm run bench -- --families`: whole training steps of nine kinds of networks, gradwell beside its peers. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { AdapterKind } from "../../../src/gpu/adapter/adapter.ts";
import { Link, startProgram } from "../link.ts";
import { messageOf } from "../measure.ts";
import { brief } from "../stats.ts";
import type { FamilyRequests } from "./child.ts";
import { FAMILIES, type Family } from "./families.ts";
import { FAMILY_LIBRARIES, type FamilyLibraryName } from "./library.ts";
import { type FamilyLink, FULL, measureFamily, measureFamilyStarts, QUICK, writeFamily } from "./measure.ts";
import type { FamiliesResult, FamilyOutcomes } from "./results.ts";
import { pythonWithTorch, startTorch } from "./torch.ts";

export interface FamilyOptions {
  /** Names of families; empty for all. */
  only: readonly string[];
  /** Beginnings of the libraries' names: tfjs, jax, torch. */
  peers: readonly string[];
  quick: boolean;
}

const NO_TORCH = "PyTorch on the CPU is skipped: neither $PYTHON nor python3 imports torch";

/** Processes that live for the whole run, begun again when a library brought one down. */
class FamilyLibraries {
  readonly versions: FamiliesResult["versions"] = {};
  readonly python: string | undefined;
  readonly #programs: string;
  readonly #links = new Map<FamilyLibraryName, FamilyLink>();
  #ours: { device: string; kind: AdapterKind } | undefined;

  constructor(programs: string, python: string | undefined) {
    this.#programs = programs;
    this.python = python;
  }

  /** The adapter of gradwell, which the WebGPU peers have to use too. */
  get adapter(): { device: string; kind: AdapterKind } {
    if (!this.#ours) throw new Error("gradwell has not been started");
    return this.#ours;
  }

  async get(name: FamilyLibraryName): Promise<FamilyLink> {
    const known = this.#links.get(name);
    if (known?.alive) return known;
    const child =
      name === "torch-cpu"
        ? startTorch(this.python ?? "python3")
        : startProgram(join(this.#programs, "family-child.mjs"), [name]);
    const link = new Link<FamilyRequests, FamilyLibraryName>(name, child);
    this.#links.set(name, link);
    const { version, device, kind } = await link.ask("open");
    if (kind) this.#ours = { device, kind };
    else if (name.endsWith("webgpu") && device !== this.adapter.device) {
      throw new Error(`${name} runs on '${device}', gradwell on '${this.adapter.device}': nothing to compare`);
    }
    if (version) this.versions[name] = name === "torch-cpu" ? `${version} (${device})` : version;
    return link;
  }

  async close(): Promise<void> {
    for (const link of this.#links.values()) if (link.alive) await link.ask("close").catch(() => link.kill());
  }
}

export async function benchFamilies(programs: string, options: FamilyOptions): Promise<FamiliesResult> {
  const names = FAMILY_LIBRARIES.filter(
    (name) => name === "gradwell" || options.peers.some((peer) => name.startsWith(peer)),
  );
  const python = names.includes("torch-cpu") ? pythonWithTorch() : undefined;
  const skipped = names.includes("torch-cpu") && !python ? [NO_TORCH] : [];
  const present = names.filter((name) => name !== "torch-cpu" || python);
  const libraries = new FamilyLibraries(programs, python);
  const folder = mkdtempSync(join(tmpdir(), "gradwell-families-"));
  try {
    await libraries.get("gradwell");
    const { device, kind } = libraries.adapter;
    console.error(`bench: families on ${device}`);
    for (const line of skipped) console.error(`bench: ${line}`);
    const result: FamiliesResult = {
      date: new Date().toISOString().slice(0, 10),
      adapter: device,
      kind,
      machine: `${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${availableParallelism()} threads`,
      node: process.versions.node,
      versions: libraries.versions,
      skipped,
      quick: options.quick,
      families: [],
    };
    const effort = options.quick ? QUICK : FULL;
    for (const family of FAMILIES) {
      if (options.only.length > 0 && !options.only.includes(family.name)) continue;
      console.error(`bench: ${family.title} ...`);
      const { name, title, tolerance } = family;
      const file = await writeFamily(await libraries.get("gradwell"), family, folder);
      const outcomes = await measureAll(family, file, present, libraries, effort);
      await measureFamilyStarts(family, file, outcomes, { programs, python, starts: effort.starts });
      rmSync(file);
      result.families.push({ name, title, tolerance, outcomes });
      console.error(`bench: ${name}: ${summary(outcomes)}`);
    }
    return result;
  } finally {
    await libraries.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One line while the rest is measured. */
const summary = (outcomes: FamilyOutcomes): string =>
  Object.entries(outcomes)
    .map(([name, one]) => ("step" in one ? `${name} ${brief(one.step.median)} ms` : `${name} failed: ${one.failed}`))
    .join(", ");

async function measureAll(
  family: Family,
  file: string,
  names: readonly FamilyLibraryName[],
  libraries: FamilyLibraries,
  effort: typeof FULL,
): Promise<FamilyOutcomes> {
  const links: FamilyLink[] = [];
  const failed: FamilyOutcomes = {};
  for (const name of names) {
    try {
      links.push(await libraries.get(name));
    } catch (error) {
      failed[name] = { failed: messageOf(error) };
    }
  }
  return { ...failed, ...(await measureFamily(family, file, links, effort)) };
}
