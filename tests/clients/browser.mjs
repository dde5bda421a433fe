// @openai/agents in headless Chromium over WebRTC, with a recording as its microphone.
//   node browser.mjs CHROMIUM PAGE SERVER KEY WAV PROFILE
import { chromium } from "playwright-core";

const [executablePath, page, server, key, wav, profile] = process.argv.slice(2);
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
  `--use-file-for-fake-audio-capture=${wav}%noloop`, "--autoplay-policy=no-user-gesture-required",
];
const browser = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args });
const result = { console: [] };
try {
  const tab = await browser.newPage();
  tab.on("console", (message) => result.console.push(message.text()));
  tab.on("pageerror", (error) => result.console.push(String(error)));
  await tab.goto(page);
  await tab.waitForFunction("window.ready");
  await tab.evaluate(([url, apiKey]) => window.start(url, apiKey), [server, key]);
  const until = (kind) =>
    tab.waitForFunction((kind) => window.events.some((event) => event.type === kind), kind, { timeout: 40000 });
  await until("conversation.item.input_audio_transcription.completed");
  await until("output_audio_buffer.started");
  await tab.waitForTimeout(600);
  result.heard = await tab.evaluate("window.heard()");
  await tab.evaluate("window.session.interrupt()");
  await until("output_audio_buffer.cleared");
  await tab.evaluate("window.session.close()");
  result.events = await tab.evaluate("window.events");
} finally {
  await browser.close();
}
console.log(JSON.stringify(result));
