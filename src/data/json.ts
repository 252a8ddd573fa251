/** The keys of a JSON text with their offsets and duplicates, which JSON.parse does not report. */

export interface KeyPlace {
  readonly key: string;
  /** Objects and arrays around it: 1 for a key of the outermost object. */
  readonly depth: number;
  /** Characters before its opening quote. */
  readonly index: number;
  /** True if the same object had it before. */
  readonly duplicate: boolean;
}

/** The keys of a valid JSON text, in order. */
export function keysOf(json: string): KeyPlace[] {
  const found: KeyPlace[] = [];
  const objects: Set<string>[] = [];
  for (const token of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[[\]{}]/g)) {
    const [text, colon] = token;
    if (text === "{" || text === "[") objects.push(new Set());
    else if (text === "}" || text === "]") objects.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(text.slice(0, text.length - colon.length)) as string;
      const known = objects[objects.length - 1] as Set<string>;
      found.push({ key, depth: objects.length, index: token.index, duplicate: known.has(key) });
      known.add(key);
    }
  }
  return found;
}
