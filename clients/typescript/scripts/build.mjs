// Builds dist/ (ES modules, and CommonJS in dist/cjs) and the bundle web/client/client.js, which the server serves at
// /client.js. With --check it builds only the bundle, writes nothing, and fails if the file differs.
//
//   node scripts/build.mjs [--check]

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const BUNDLE = path("../../web/client/client.js");
const { version } = JSON.parse(readFileSync(path("package.json"), "utf8"));

/** Returns the client as one ES module. */
function bundle() {
  const { outputFiles } = buildSync({
    entryPoints: [path("src/index.ts")], bundle: true, format: "esm", target: "es2022", minify: true, write: false,
    banner: { js: `// chattrix-calls ${version} for browsers, MIT licence. Built from clients/typescript: npm run build` },
  });
  return outputFiles[0].text;
}

/** Compiles the modules; "options" are those of tsc. */
function compile(...options) {
  const tsc = path("node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "--project", path("tsconfig.json"), ...options], { stdio: "inherit" });
}

if (process.argv.includes("--check")) {
  if (readFileSync(BUNDLE, "utf8") !== bundle()) {
    console.error("web/client/client.js differs from clients/typescript: run npm run build there");
    process.exit(1);
  }
} else {
  rmSync(path("dist"), { recursive: true, force: true });
  compile();
  compile("--module", "commonjs", "--moduleResolution", "node10", "--outDir", path("dist/cjs"));
  writeFileSync(path("dist/cjs/package.json"), '{ "type": "commonjs" }\n');
  // A copy of this folder alone has no server beside it.
  if (existsSync(path("../../web/client"))) writeFileSync(BUNDLE, bundle());
}
