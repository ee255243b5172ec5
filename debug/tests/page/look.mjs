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
    // A person who likes it dark has white paper.
    { name: "print", width: 800, colorScheme: "dark", media: "print" },
];
/// What has too little contrast for WCAG 2, level AA: text under 4.5 to 1 (1.4.3), what is drawn under 3 to 1 (1.4.11). Runs in the page.
function faint() {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channels = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255];
    };
    const over = (above, below) => [0, 1, 2].map((at) => above[at] * above[3] + below[at] * (1 - above[3])).concat(1);
    // What is seen behind an element's own content.
    const behind = (element) => {
        const own = channels(getComputedStyle(element).backgroundColor);
        if (own[3] === 1) return own;
        return over(own, element.parentElement ? behind(element.parentElement) : [255, 255, 255, 1]);
    };
    const luminance = (colour) => {
        const [red, green, blue] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one, other) => {
        const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const found = new Map();
    let [texts, drawings] = [0, 0];
    const ask = (what, element, colour, ground, least) => {
        const ratio = contrast(over(channels(colour), ground), ground);
        if (ratio < least) found.set(`${what} ${element.tagName}.${element.className.baseVal ?? element.className}: ${ratio.toFixed(2)}`, true);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
        texts += 1;
        ask("text", element, getComputedStyle(element).color, behind(element), 4.5);
    }
    for (const shape of document.querySelectorAll("svg rect, svg line")) {
        const style = getComputedStyle(shape);
        drawings += 1;
        ask("shape", shape, shape.tagName === "line" ? style.stroke : style.fill, behind(shape.ownerSVGElement), 3);
    }
    for (const shape of document.querySelectorAll(".stage > *, .key i, .check")) {
        const [style, ground] = [getComputedStyle(shape), behind(shape.parentElement)];
        const sides = ["Left", "Right", "Top", "Bottom"].filter((side) => parseFloat(style[`border${side}Width`]) > 0);
        const isFilled = channels(style.backgroundColor)[3] > 0 && !shape.matches(".check");
        drawings += 1;
        // What has a ground of its own is told from what is behind it; what has none is its line.
        if (isFilled) ask("shape", shape, style.backgroundColor, ground, 3);
        else for (const side of sides) ask("line", shape, style[`border${side}Color`], ground, 3);
        // Neighbours may have like colours: a line between them is told from both.
        if (isFilled && sides.length) ask("gap", shape, style[`border${sides[0]}Color`], channels(style.backgroundColor), 3);
    }
    return { faint: [...found.keys()], texts, drawings };
}

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
        // A number at a glance that does not fit into its box.
        cut: [...document.querySelectorAll(".glance b")].filter((number) => number.scrollWidth > number.clientWidth).length,
        text: document.body.innerText,
    }));
    Object.assign(drawn, await page.evaluate(faint));
    await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
    seen.push({ name, said, asked, ...drawn });
    await page.close();
}
await browser.close();
process.stdout.write(JSON.stringify(seen));
