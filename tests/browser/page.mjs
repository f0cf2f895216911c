// Opens report pages in headless Chromium and uses them as a reader does: no console error, no request, tooltips,
// sorting, zoom, a heat map's cell by mouse and by keyboard, light and dark, without scripts, and on paper.
//
//   node page.mjs PAGE.html…            test these pages
//   SHOTS=DIR node page.mjs PAGE.html…  and keep pictures of them
//
// Skips with a message where Chromium or playwright-core is missing, and fails there with CI=true. CHROMIUM names another browser.
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const browserPath = process.env.CHROMIUM || "/usr/bin/chromium";
let chromium;
try {
  ({ chromium } = await import("playwright-core"));
} catch {
  console.log("skipped: playwright-core is not installed (npm ci in tests/browser)");
  process.exit(process.env.CI === "true" ? 1 : 0);
}
if (!existsSync(browserPath)) {
  console.log(`skipped: there is no ${browserPath} (Debian's package chromium, or set CHROMIUM)`);
  process.exit(process.env.CI === "true" ? 1 : 0);
}

const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: browserPath, args });

/** Opens a page and collects what it must not do. */
async function open(file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, offline: true, ...options });
  const page = await context.newPage();
  // A busy machine may take its time; nothing here is about speed.
  page.setDefaultTimeout(180_000);
  const faults = [];
  const url = pathToFileURL(resolve(file)).href;
  page.on("console", message => { if (["error", "warning"].includes(message.type())) faults.push(message.text()); });
  page.on("pageerror", error => faults.push(String(error)));
  page.on("request", request => {
    if (request.url() !== url && !request.url().startsWith("data:")) faults.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}

const shot = async (page, file, word) => {
  if (!process.env.SHOTS) return;
  const path = join(process.env.SHOTS, `${basename(file, ".html")}-${word}.png`);
  await page.screenshot({ path, fullPage: true });
};

async function use(file) {
  const { page, faults, close } = await open(file, { colorScheme: "light" });
  assert.ok((await page.locator(".answer").textContent()).length > 10, "an answer");

  // Tables sort up and down, by size.
  const table = page.locator("table.sorts").last();
  const column = (await table.locator("th").count()) - 1;
  const head = table.locator("th").nth(column);
  await head.locator("button").click();
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  const sizes = () => table.locator("tbody tr").evaluateAll((rows, at) =>
    rows.map(row => row.cells[at].dataset.sort).filter(key => key !== undefined).map(Number), column);
  const up = await sizes();
  assert.deepEqual(up, [...up].sort((a, b) => a - b), "ascending");
  await head.locator("button").focus();
  await page.keyboard.press("Enter");
  assert.deepEqual(await sizes(), [...up].reverse().sort((a, b) => b - a), "descending");

  // Courses can be zoomed by mouse and by keyboard; the still picture is one click away.
  const timeline = page.locator("#chart-timeline");
  if (await timeline.count()) {
    assert.ok(await timeline.locator(".uplot").count() > 0, "interactive courses");
    assert.ok(await timeline.locator(".still").isHidden());
    const plot = timeline.locator(".plot").first();
    await plot.scrollIntoViewIfNeeded();
    const over = await plot.locator(".u-over").boundingBox();
    const pixels = () => plot.locator("canvas").evaluate(canvas => canvas.toDataURL());
    const before = await pixels();
    await page.mouse.move(over.x + over.width * 0.3, over.y + 30);
    await page.mouse.down();
    await page.mouse.move(over.x + over.width * 0.6, over.y + 40, { steps: 4 });
    await page.mouse.up();
    assert.notEqual(await pixels(), before, "zoomed by mouse");
    await plot.focus();
    await page.keyboard.press("0");
    await page.waitForTimeout(100);
    await page.keyboard.press("+");
    await page.waitForTimeout(100);
    assert.notEqual(await pixels(), before, "zoomed by keyboard");
    await page.keyboard.press("0");
    await page.keyboard.press("ArrowRight");
    await page.waitForTimeout(100);
    assert.match(await plot.locator(".u-legend").textContent(), /\[.+\]/, "value and interval at the cursor");
    await timeline.getByRole("button", { name: "Show the still picture" }).click();
    assert.ok(await timeline.locator(".still").isVisible());
    await timeline.getByRole("button", { name: "Show the interactive one" }).click();
  }

  // Both halves of a distribution stand beside each other below its heading, and dashed lines have dashed swatches.
  const halves = page.locator("#chart-distribution .pair");
  if (await halves.count()) {
    assert.equal(await halves.locator("> *").count(), 2, "two halves");
    assert.equal(await halves.locator("h3").count(), 0, "the heading is above both");
    const [left, right] = [await halves.locator("> *").nth(0).boundingBox(), await halves.locator("> *").nth(1).boundingBox()];
    assert.ok(Math.abs(left.y - right.y) < 1 && left.x + left.width <= right.x, "side by side");
    const styles = await halves.locator(".u-series:has(.u-label)").evaluateAll(rows => rows.map(row => ({
      only: row.textContent.includes("successes only"), style: row.querySelector(".u-marker").style.borderStyle,
    })));
    for (const { only, style } of styles.filter(one => one.style)) assert.equal(style, only ? "dashed" : "solid", "swatch");
  }

  // Hovering says value and interval.
  const said = page.locator(".hits rect:visible").first();
  await said.scrollIntoViewIfNeeded();
  // Where spots of several lines coincide, the topmost speaks for all of them.
  const box = await said.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const words = await page.locator("#tip").textContent();
  assert.ok(await page.locator("#tip").isVisible(), "a tooltip");
  assert.ok(words.includes((await said.getAttribute("data-say")).split("\n\n")[0]), `the tooltip says: ${words}`);
  await page.keyboard.press("Escape");

  // A cell shows its own courses, by mouse and by keyboard.
  const cells = page.locator("[id^=chart-heatmap] .hits rect[role=button]");
  if (await cells.count()) {
    await cells.last().click();
    const cell = page.locator("#cell");
    assert.ok(await cell.isVisible());
    assert.ok(await cell.locator(".uplot").count() > 2, "courses and distribution of the cell");
    const first = await cell.locator("h3").textContent();
    await shot(page, file, "cell");
    await cells.first().focus();
    await page.keyboard.press("Enter");
    assert.notEqual(await cell.locator("h3").textContent(), first);
    await cell.getByRole("button", { name: "Close" }).click();
    assert.equal(await cell.count(), 0);
  }

  // Every picture has words, every control a name.
  const nameless = await page.evaluate(() => {
    const svgs = [...document.querySelectorAll("svg.chart")].filter(svg => !svg.querySelector("title")?.textContent);
    const buttons = [...document.querySelectorAll("button, [role=button]")]
      .filter(button => !(button.textContent.trim() || button.getAttribute("aria-label")));
    return svgs.length + buttons.length;
  });
  assert.equal(nameless, 0, "nameless pictures or controls");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} px wider than its window`);
  await page.mouse.move(0, 0);
  await shot(page, file, "light");
  assert.deepEqual(faults, []);
  await close();
}

/** Contrast of words to what is behind them, by the page's own colours. */
async function contrast(file, colorScheme) {
  const { page, faults, close } = await open(file, { colorScheme });
  const worst = await page.evaluate(() => {
    const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const color = text => text.match(/[\d.]+/g).map(Number);
    const behind = node => {
      for (; node; node = node.parentElement) {
        const found = color(getComputedStyle(node).backgroundColor);
        if (found.length < 4 || found[3] > 0) return found;
      }
      return [255, 255, 255];
    };
    let worst = [21, ""];
    for (const node of document.querySelectorAll("h1,h2,h3,p,td,th,dt,dd,li,a,summary,button,pre,.word")) {
      if (!node.offsetParent || !node.textContent.trim()) continue;
      const [a, b] = [light(color(getComputedStyle(node).color)), light(behind(node))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < worst[0]) worst = [ratio, node.textContent.trim().slice(0, 40)];
    }
    return worst;
  });
  assert.ok(worst[0] >= 4.5, `contrast ${worst[0].toFixed(2)} of "${worst[1]}" (${colorScheme})`);
  await shot(page, file, colorScheme === "dark" ? "dark" : "again");
  assert.deepEqual(faults, []);
  await close();
}

async function still(file) {
  const { page, faults, close } = await open(file, { javaScriptEnabled: false });
  assert.ok(await page.locator("svg.chart").first().isVisible(), "pictures without scripts");
  assert.ok(await page.locator("table").first().isVisible(), "tables without scripts");
  await shot(page, file, "no-script");
  assert.deepEqual(faults, []);
  await close();
}

async function paper(file) {
  const { page, close } = await open(file, { colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  const timeline = page.locator("#chart-timeline .still");
  if (await timeline.count()) assert.ok(await timeline.isVisible(), "paper has the still picture");
  // What scrolls on a screen is whole on paper: an A4 page has about 700 px.
  await page.setViewportSize({ width: 700, height: 1000 });
  const cut = await page.locator(".scroll, pre").evaluateAll(boxes => boxes.filter(box => box.offsetParent)
    .filter(box => box.scrollWidth > box.clientWidth + 1 || getComputedStyle(box).overflowX !== "visible")
    .map(box => box.textContent.slice(0, 40)));
  assert.deepEqual(cut, [], "cut off on paper");
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(background, "rgb(255, 255, 255)", "paper is white");
  if (process.env.SHOTS) await page.pdf({ path: join(process.env.SHOTS, `${basename(file, ".html")}.pdf`) });
  await close();
}

let failed = 0;
for (const file of process.argv.slice(2)) {
  try {
    await use(file);
    await contrast(file, "light");
    await contrast(file, "dark");
    await still(file);
    await paper(file);
    console.log(`ok ${file}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${file}: ${error.message}\n${error.stack.split("\n").slice(1, 6).join("\n")}`);
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
