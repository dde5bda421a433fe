// @openai/agents in headless Chromium over WebRTC, with a recording as its microphone.
//   node browser.mjs CHROMIUM PAGE SERVER KEY WAV PROFILE
import { launch } from "./launch.mjs";

const [executablePath, page, server, key, wav, profile] = process.argv.slice(2);
const browser = await launch(executablePath, wav, profile);
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
