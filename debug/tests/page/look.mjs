// Opens a page in Chromium in each look, and prints as JSON what the browser said, asked for and drew.
//   node look.mjs CHROMIUM PAGE FOLDER-OF-PICTURES
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const [chromiumPath, file, pictures] = process.argv.slice(2);
const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");

const looks = [
    { name: "light", width: 1100, colorScheme: "light", media: "screen" },
    { name: "dark", width: 1100, colorScheme: "dark", media: "screen" },
    { name: "narrow", width: 360, colorScheme: "light", media: "screen" },
    { name: "print", width: 800, colorScheme: "light", media: "print" },
];
const address = pathToFileURL(file).href;
const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] });
const seen = [];
for (const { name, width, colorScheme, media } of looks) {
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    const [said, asked] = [[], []];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("dialog", (dialog) => { said.push(dialog.message()); dialog.dismiss(); });
    page.on("request", (request) => { if (request.url() !== address) asked.push(request.url()); });
    await page.emulateMedia({ media, colorScheme });
    await page.goto(address);
    const drawn = await page.evaluate(() => ({
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        elements: document.querySelectorAll("*").length,
        boxes: document.querySelectorAll("section svg rect, section .stage div").length,
        background: getComputedStyle(document.body).backgroundColor,
        // A picture without a name or without its numbers is none for a screen reader.
        unnamed: document.querySelectorAll("svg:not([role=img]):not([aria-hidden]), [role=img]:not([aria-label])").length,
        bare: [...document.querySelectorAll("section:has(figure)")].filter((section) => !section.querySelector("table")).length,
        text: document.body.innerText,
    }));
    await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
    seen.push({ name, said, asked, ...drawn });
    await page.close();
}
await browser.close();
process.stdout.write(JSON.stringify(seen));
