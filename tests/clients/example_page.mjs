// The page of docs/clients.md in headless Chromium: one click, one spoken turn.
//   node example_page.mjs CHROMIUM PAGE WAV PROFILE
import { launch } from "./launch.mjs";

const [executablePath, page, wav, profile] = process.argv.slice(2);
const browser = await launch(executablePath, wav, profile);
const result = { console: [] };
try {
  const tab = await browser.newPage();
  tab.on("console", (message) => result.console.push(message.text()));
  tab.on("pageerror", (error) => result.console.push(String(error)));
  await tab.goto(page);
  await tab.click("#call");
  await tab.waitForFunction('document.querySelector("#said").textContent.includes("voicebox: ")', null, { timeout: 40000 });
  result.said = await tab.textContent("#said");
} finally {
  await browser.close();
}
console.log(JSON.stringify(result));
