import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** The commit of the checkout, or the one that the portable archive was made of. */
export function commit(): string {
  const told = new URL("commit.txt", import.meta.url);
  if (existsSync(told)) return readFileSync(told, "utf8").trim();
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "unknown";
  }
}
