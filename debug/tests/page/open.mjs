// Opens profiles in speedscope, and prints as JSON what it took each for, and the table of its view "Sandwich".
//   node open.mjs CHROMIUM PROFILE...
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const [chromiumPath, ...files] = process.argv.slice(2);
const require = createRequire(`${process.cwd()}/`);
const { chromium } = require("playwright-core");
const viewer = pathToFileURL(`${process.cwd()}/node_modules/speedscope/dist/release/index.html`).href;

// It draws with WebGL, here without a graphics card.
const args = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--allow-file-access-from-files"];
const browser = await chromium.launch({ executablePath: chromiumPath, args });
const seen = [];
for (const file of files) {
    const page = await browser.newPage({ viewport: { width: 1200, height: 1000 } });
    const [said, failed] = [[], []];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => failed.push(String(error)));
    page.on("dialog", (dialog) => { failed.push(dialog.message()); dialog.dismiss(); });
    await page.goto(viewer);
    await page.setInputFiles("input[type=file]", file, { timeout: 60000 });
    await page.getByText("Sandwich").click({ timeout: 60000 });
    await page.waitForSelector("table td, [role=row]", { timeout: 60000 });
    const table = await page.evaluate(() => document.body.innerText);
    seen.push({ title: await page.title(), taken: said.find((line) => line.startsWith("Importing as")), failed, table });
    await page.close();
}
await browser.close();
process.stdout.write(JSON.stringify(seen));
