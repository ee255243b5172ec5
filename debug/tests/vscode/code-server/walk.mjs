// F5 in VS Code itself, as a person does it: opens the folder in a browser, presses the keys, clicks in the gutter, and looks at what
// VS Code shows. Each thing looked for has a deadline, and each station of the walk leaves a screenshot.
//
// Arguments: the address of code-server, and the folder for the screenshots. Run by run.sh, in its sandbox.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, pictures] = process.argv.slice(2);
const patience = 60_000;

const source = readFileSync("kernel/src/main.rs", "utf8").split("\n");

function lineWith(text) {
    const index = source.findIndex((line) => line.includes(text));
    if (index < 0) throw new Error(`main.rs has no line with ${text}`);
    return index + 1;
}

const boot = lineWith('"la sp, __stack_top"');
const afterBoot = lineWith('"j {main}"');
const inMain = lineWith("    idle()");

// Looks again and again, until it sees that.
async function until(what, look) {
    const deadline = Date.now() + patience;
    let seen;
    while (Date.now() < deadline) {
        seen = await look();
        if (seen === true) {
            console.log(`ok - ${what}`);
            return;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${what}: not within ${patience / 1000} seconds; last seen: ${seen}`);
}

// The number of the line of the open editor that is lit as the one where the program stands.
async function litLine(page) {
    return page.evaluate(() => {
        const lit = document.querySelector(".editor-instance .debug-top-stack-frame-line");
        if (!lit) return "no line is lit";
        const top = lit.getBoundingClientRect().top;
        const numbers = [...document.querySelectorAll(".editor-instance .line-numbers")];
        const number = numbers.find((one) => Math.abs(one.getBoundingClientRect().top - top) < 2);
        return number ? Number(number.textContent) : "the lit line has no number";
    });
}

function untilLit(page, what, line) {
    return until(`${what} (line ${line} is lit)`, async () => {
        const lit = await litLine(page);
        return lit === line || lit;
    });
}

// What a session is to leave none of. Only this sandbox's processes can be seen here.
function machines() {
    const { stdout } = spawnSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
    return stdout.split("\n").filter((line) => /qemu-system-riscv64|debug serve|debugTargetAdapter|interpreter[= ]mi|-i dap/.test(line));
}

// sp in the Registers view.
async function sp(page) {
    const rows = await page.locator(".debug-view-content .monaco-list-row").allInnerTexts();
    return Number(rows.map((row) => /^sp\s*=\s*(0x\w+)/.exec(row)).find((match) => match)?.[1]);
}

// The buttons that go back.
const stepBack = ".debug-toolbar .codicon-debug-step-back";
const reverse = ".debug-toolbar .codicon-debug-reverse-continue";

async function openFolder(page) {
    await page.goto(`${address}/?folder=${process.cwd()}`);
    await page.locator(".monaco-workbench .explorer-folders-view .monaco-list-row").first().waitFor({ timeout: patience });
    console.log("ok - the folder is open");
}

async function walk(page, picture) {
    await until("F5 starts a session", async () => {
        await page.keyboard.press("F5"); // without effect as long as VS Code does not know of any debugger
        const bar = page.locator(".debug-toolbar:visible");
        return bar.waitFor({ timeout: 15_000 }).then(() => true, () => "no debug toolbar");
    });
    await untilLit(page, "F5 stands at boot", boot);
    await until("the call stack shows boot", async () => {
        const text = await page.locator(".debug-call-stack").innerText();
        return text.includes("boot") || text;
    });
    if ((await page.locator(stepBack).count()) > 0) throw new Error("there is a button Step Back, which QEMU cannot do");
    await picture("1-boot");

    await page.locator(".debug-view-content .monaco-list-row", { hasText: "Registers" }).first().click();
    await until("the Registers view shows the firmware's sp", async () => {
        const value = await sp(page);
        return (value > 0x8000_0000 && value < 0x8020_0000) || value;
    });
    await picture("2-registers");

    await page.keyboard.press("F11");
    await untilLit(page, "F11 steps to the next instruction's line", afterBoot);

    const number = page.locator(".editor-instance .line-numbers", { hasText: new RegExp(`^${inMain}$`) }).first();
    const box = await number.boundingBox();
    await page.mouse.click(box.x - 10, box.y + box.height / 2);
    await until("a click in the gutter sets a breakpoint, and it is not grey", async () => {
        const glyphs = await page.locator(".editor-instance .codicon-debug-breakpoint").count();
        const grey = await page.locator(".editor-instance .codicon-debug-breakpoint-unverified").count();
        return (glyphs > 0 && grey === 0) || `${glyphs} breakpoints, ${grey} of them grey`;
    });
    await page.keyboard.press("F5");
    await untilLit(page, "F5 goes on to the breakpoint in main", inMain);
    await until("the Registers view shows the kernel's sp", async () => {
        const value = await sp(page);
        return (value > 0x8020_0000 && value < 0x8800_0000) || value;
    });
    await picture("3-breakpoint");

    await page.keyboard.press("Control+Shift+F5");
    await untilLit(page, "Restart stands at boot again", boot);

    await stop(page);
    await picture("4-stopped");
}

// On the embedded machine, with the breakpoint of the walk: forth and back again.
async function walkBack(page, picture) {
    await page.keyboard.press("F1");
    await page.keyboard.type("Debug: Select and Start Debugging");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "Select and Start Debugging" }).first().click();
    const configuration = "GDB 15 or later, by GDB DAP, on the embedded machine";
    await page.locator(".quick-input-list .monaco-list-row", { hasText: configuration }).first().click();
    await untilLit(page, "the embedded machine stands at boot", boot);
    await page.keyboard.press("F10");
    await untilLit(page, "F10 steps to the next line", afterBoot);
    await page.locator(stepBack).click();
    await untilLit(page, "Step Back goes back", boot);
    await page.keyboard.press("F5");
    await untilLit(page, "F5 goes on to the breakpoint in main", inMain);
    await page.locator(stepBack).click();
    await untilLit(page, "Step Back goes back over the clear of BSS", inMain - 1);
    await picture("5-step-back");
    await page.locator(reverse).click();
    await untilLit(page, "Reverse goes back to boot", boot);
    await stop(page);
}

async function stop(page) {
    if (machines().length === 0) throw new Error("the machine runs, but cannot be seen: the last look would prove nothing");
    await page.keyboard.press("Shift+F5");
    await until("Stop ends the session", async () => {
        const bars = await page.locator(".debug-toolbar:visible").count();
        return bars === 0 || "the debug toolbar is there";
    });
    await until("Stop leaves no machine, no GDB and no adapter", () => machines().length === 0 || machines().join("\n"));
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
// As high as it takes to see all of main.rs that the walk clicks on: VS Code draws no line that is out of sight.
const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
page.setDefaultTimeout(patience);
const picture = (name) => page.screenshot({ path: `${pictures}/${name}.png` });
try {
    await openFolder(page);
    await walk(page, picture);
    await walkBack(page, picture);
} catch (error) {
    await picture("failure");
    throw error;
} finally {
    await browser.close();
}
