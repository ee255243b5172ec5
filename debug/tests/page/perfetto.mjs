// Opens a profile in Perfetto's own viewer, and prints as JSON what its trace processor holds afterwards.
//   node perfetto.mjs CHROMIUM FOLDER-OF-THE-VIEWER PROFILE
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
const [chromiumPath, viewer, profile] = process.argv.slice(2);
const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");

// Where this copy of the viewer looks for a trace of its own accord. Nothing listens there: each request is answered here.
const origin = "http://127.0.0.1:9001";
const patience = { timeout: 120000 };
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".wasm": "application/wasm" };
const queries = {
    slices: "select s.name, s.category, s.ts, s.dur, s.depth, p.name as process from slice s left join thread_track k on s.track_id = k.id left join thread using (utid) left join process p using (upid) order by s.id",
    errors: "select name, value from stats where severity in ('error', 'data_loss') and value > 0",
};

async function answer(route) {
    const { origin: asked, pathname } = new URL(route.request().url());
    if (asked !== origin) return route.abort(); // the viewer's analytics
    const name = normalize(pathname === "/" ? "/index.html" : pathname);
    const body = await readFile(name === "/localtrace" ? profile : join(viewer, name)).catch(() => undefined);
    return body ? route.fulfill({ body, contentType: types[extname(name)] ?? "application/octet-stream" }) : route.fulfill({ status: 404 });
}

const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, serviceWorkers: "block" });
await context.route("**/*", answer);
const page = await context.newPage();
const said = [];
page.on("console", (message) => said.push(message.text()));
page.on("pageerror", (error) => said.push(String(error)));
const wait = async (what, condition) => {
    const late = (error) => { throw new Error(`Perfetto's viewer: no ${what}: ${error}; it said: ${said.join("; ")}`); };
    return page.waitForFunction(condition, undefined, patience).catch(late);
};
await page.goto(origin, patience);
await wait("start", () => window.app !== undefined);
await wait("trace", () => window.app.trace !== undefined && !window.app.isLoadingTrace);
const held = await page.evaluate(async (queries) => {
    const held = {};
    for (const [name, query] of Object.entries(queries)) {
        const result = await window.app.trace.engine.query(query);
        held[name] = [];
        for (const row = result.iter({}); row.valid(); row.next()) {
            held[name].push(Object.fromEntries(result.columns().map((column) => [column, String(row.get(column))])));
        }
    }
    return held;
}, queries);
await page.screenshot({ path: "pictures/perfetto.png" });
await browser.close();
process.stdout.write(JSON.stringify([held]));
