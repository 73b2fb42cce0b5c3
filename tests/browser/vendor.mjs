// The libraries that the page is made with, as the npm registry has them: their ES modules, with imports that a browser
// finds without a bundler, and their licences.
//
//   node vendor.mjs           writes them into crates/api/web/vendor
//
// A test asks `vendored()` whether what is there is what package-lock.json says.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = new URL("../../crates/api/web/vendor/", import.meta.url);
const MODULES = [
  { file: "preact.js", package: "preact", module: "dist/preact.module.js", names: "preact" },
  { file: "hooks.js", package: "preact", module: "hooks/dist/hooks.module.js", names: "preact/hooks" },
  { file: "htm.js", package: "htm", module: "dist/htm.module.js", names: "htm" },
  { file: "signals-core.js", package: "@preact/signals-core", module: "dist/signals-core.module.js", names: "@preact/signals-core" },
  { file: "signals.js", package: "@preact/signals", module: "dist/signals.module.js", names: "@preact/signals" },
];

const of = (name, file) => readFileSync(new URL(`node_modules/${name}/${file}`, import.meta.url), "utf8");

/** What each file of the folder should hold, by its name. */
export function vendored() {
  const files = new Map();
  const licences = new Map();
  for (const { file, package: name, module } of MODULES) {
    const { version, license } = JSON.parse(of(name, "package.json"));
    licences.set(`${name} ${version} (${license})`, of(name, "LICENSE").trim());
    let text = of(name, module).replace(/\n?\/\/# sourceMappingURL=.*\n?$/, "\n");
    for (const { file: other, names } of MODULES) {
      text = text.replaceAll(`from"${names}"`, `from"./${other}"`);
    }
    files.set(file, `/*! ${name} ${version}, ${license}; see LICENSES.txt */\n${text}`);
  }
  const parts = [...licences].map(([name, text]) => `${name}\n${"=".repeat(name.length)}\n\n${text}\n`);
  files.set("LICENSES.txt", parts.join("\n\n"));
  return files;
}

/** Where a file of the folder is. */
export const pathOf = (file) => fileURLToPath(new URL(file, FOLDER));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of vendored()) writeFileSync(pathOf(file), text);
}
