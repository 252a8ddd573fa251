import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { lineChart } from "../../demos/support/chart.ts";
import { htmlReport, type Report, writeReport } from "../../demos/support/report.ts";
import { htmlTable, markdownTable, textTable } from "../../demos/support/table.ts";
import { wellFormed } from "./xml.ts";

const folder = mkdtempSync(join(tmpdir(), "gradwell-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

const evil = `<script>alert("x")</script> & 'more'`;
const table = {
  columns: ["name", "loss"],
  rows: [
    ["a|b", 1.5],
    [evil, "–"],
  ],
};
const chart = (name: string) =>
  lineChart({ title: name, xTitle: "x", yTitle: "y", series: [{ name, x: [1, 2], y: [1, 2] }] });

async function report(): Promise<Report> {
  return {
    title: `A ${evil}`,
    intro: evil,
    meta: { adapter: evil },
    sections: [
      {
        heading: evil,
        verdict: { kind: "partly", text: evil },
        paragraphs: [evil],
        tables: [{ ...table, caption: evil }],
        figures: [
          { name: "one", svg: await chart("one"), caption: evil },
          { name: "two", svg: await chart("two") },
        ],
      },
    ],
  };
}

test("a report is one page that fetches nothing and runs nothing", async () => {
  const html = htmlReport(await report());
  expect(html.match(/https?:\/\/[^"'\s)]+/g)!.every((url) => url.startsWith("http://www.w3.org/"))).toBe(true);
  expect(html).not.toMatch(/<script|<link|<img|@import|src=/);
  expect(html.match(/<svg /g)).toHaveLength(2);
  const page = html
    .replace(/^<!doctype html>\n/, "")
    .replace(/<meta [^>]*>/g, "")
    .replace(/<style>[^<]*<\/style>/, "");
  expect(wellFormed(page)).toBe(true);
});

test("figures on one page do not share ids", async () => {
  const ids = [...htmlReport(await report()).matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
  expect(new Set(ids).size).toBe(ids.length);
});

test("writeReport leaves the page and every figure as a file", async () => {
  const page = writeReport(join(folder, "deep/er"), await report());
  expect(readFileSync(page, "utf8")).toBe(htmlReport(await report()));
  const svg = readFileSync(join(folder, "deep/er/one.svg"), "utf8");
  expect(wellFormed(svg)).toBe(true);
  expect(svg).toContain('fill="#fff"');
  expect(existsSync(join(folder, "deep/er/two.svg"))).toBe(true);
});

test("writeReport refuses figure names that are no plain file names, or twice the same", async () => {
  const bad = await report();
  bad.sections[0]!.figures![1]!.name = "../two";
  expect(() => writeReport(folder, bad)).toThrow("'../two'");
  bad.sections[0]!.figures![1]!.name = "one";
  expect(() => writeReport(folder, bad)).toThrow("'one'");
});

test("a table is written in three forms", () => {
  const small = {
    columns: ["name", "loss"],
    rows: [
      ["he", 1.5],
      ["a|b", "–"],
    ],
  };
  expect(textTable(small)).toBe(["name  loss", "────  ────", "he     1.5", "a|b      –"].join("\n"));
  expect(markdownTable(small)).toBe(
    ["| name | loss |", "| ---- | ---: |", "| he   |  1.5 |", "| a\\|b |    – |"].join("\n"),
  );
  expect(htmlTable(small)).toContain('<tr><td>he</td><td class="number">1.5</td></tr>');
  expect(htmlTable({ ...small, rows: [[evil, 1]] })).not.toContain("<script>");
});
