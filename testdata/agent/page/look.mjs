// Opens the status page in Chromium and tells what is there, as JSON on standard output:
//   node look.mjs URL FOLDER < {"token": …, "steps": [...]}
// Each step is {"size": "desktop"|"phone", "scheme": "light"|"dark", "open": NAME|null, "shot": FILE|null}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [url, folder] = process.argv.slice(2);
const asked = JSON.parse(readFileSync(0, "utf8"));
const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };
const browser = await chromium.launch({ executablePath: asked.chromium, args: ["--no-sandbox"] });
const told = [];

for (const step of asked.steps) {
  const context = await browser.newContext({ viewport: sizes[step.size], colorScheme: step.scheme, reducedMotion: "reduce", bypassCSP: false });
  const page = await context.newPage();
  const problems = [], requests = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) problems.push(message.text()); });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  if (asked.token && !step.ask) await context.addInitScript((token) => sessionStorage.setItem("token", token), asked.token);
  await page.goto(url);
  if (!step.ask) await page.waitForSelector("#list > li", { timeout: 30000 });
  if (step.ask) await page.waitForSelector("#ask[open]", { timeout: 30000 });
  if (step.fill) await page.fill("#filter", step.fill);
  if (step.open) {
    const card = page.locator(`#deployment-${step.open}`);
    if ((await card.locator(".fold").getAttribute("aria-expanded")) === "false") await card.locator(".fold").click();
    await card.getByRole("region", { name: step.until || "Conditions" }).waitFor({ timeout: 60000 });
  }
  if (step.press) await page.locator(`#deployment-${step.press}`).getByRole("button", { name: /now/ }).click();
  if (step.wait) await page.getByText(step.wait).first().waitFor({ timeout: 60000 });
  const text = await page.innerText("body");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  const shown = await page.evaluate(() => document.querySelectorAll("#list > li.deployment").length);
  if (step.shot) await page.screenshot({ path: `${folder}/${step.shot}`, fullPage: true });
  // axe is not of the page: it is put in by the browser's own protocol, which no policy of the page's binds.
  const client = await context.newCDPSession(page);
  await client.send("Runtime.evaluate", { expression: axe });
  const { result } = await client.send("Runtime.evaluate", {
    expression: `axe.run(document, {resultTypes: ["violations"]}).then((found) => JSON.stringify(found.violations.map((one) => [one.id, one.nodes.map((node) => node.target.join(" ")).slice(0, 5)])))`,
    awaitPromise: true });
  told.push({ text, wide, shown, problems, foreign: requests.filter((one) => !one.startsWith(url) && !one.startsWith("data:")), violations: JSON.parse(result.value), title: await page.title() });
  await context.close();
}
await browser.close();
console.log(JSON.stringify(told));
