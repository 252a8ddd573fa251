/** Written by `npm run gpu -- report` from scripts/gpu/data: do not edit. */
import type { ArchitectureCosts } from "./cost-table.ts";

export const gpuCosts: Readonly<Record<string, ArchitectureCosts>> = {};
