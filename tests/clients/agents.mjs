// @openai/agents over its WebSocket transport: speaks a recording (raw 24 kHz PCM) and tells what came of it.
//   node agents.mjs URL FILE turn|interrupt|tool
import { readFileSync } from "node:fs";
import { RealtimeAgent, RealtimeSession, OpenAIRealtimeWebSocket, tool } from "@openai/agents/realtime";
import { z } from "zod";

const [url, file, scenario] = process.argv.slice(2);
const result = { tools: [], audio: 0, errors: [], said: [], interrupted: 0, unknown: [] };

const openDoor = tool({
  name: "open_door",
  description: "Open a door",
  parameters: z.object({ door: z.enum(["front", "back"]) }),
  execute: async (args) => {
    result.tools.push(args);
    return "The door is open.";
  },
});

const agent = new RealtimeAgent({
  name: "porter",
  instructions: "You are a porter.",
  tools: scenario === "tool" ? [openDoor] : [],
});
const transport = new OpenAIRealtimeWebSocket({ url, useInsecureApiKey: true });
const session = new RealtimeSession(agent, {
  transport,
  model: "voicebox",
  config: scenario === "tool" ? { toolChoice: "required" } : {},
});

let over;
let asked = false;
const finished = new Promise((resolve) => (over = resolve));
session.on("error", (error) => result.errors.push(error?.error ?? String(error)));
session.on("audio", (event) => (result.audio += event.data.byteLength));
session.on("audio_interrupted", () => (result.interrupted += 1));
transport.on("*", (event) => {
  if (event.type === "response.done") {
    const said = event.response.output[0];
    result.said.push({ type: said?.type, status: event.response.status, text: said?.content?.[0]?.transcript });
    if (scenario === "turn" || (scenario === "tool" && said?.type === "message")) over();
  }
  // Once the reply is heard it is interrupted, as by a button of the user's.
  if (scenario === "interrupt" && event.type === "response.output_audio.delta" && !asked) {
    asked = true;
    setTimeout(() => session.interrupt(), 400);
  }
  if (scenario === "interrupt" && event.type === "conversation.item.truncated") {
    result.truncated = event.audio_end_ms;
    setTimeout(over, 300);
  }
});

await session.connect({ apiKey: "none" });
const speech = readFileSync(file);
const step = 960;
let done = false;
finished.then(() => (done = true));
for (let at = 0; !done && at < speech.length + 48000 * 20; at += step) {
  const piece = at < speech.length ? speech.subarray(at, at + step) : Buffer.alloc(step);
  session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
  await new Promise((resolve) => setTimeout(resolve, 20));
}
result.history = session.history.map(({ type, role, content, name, output }) => ({ type, role, content, name, output }));
session.close();
console.log(JSON.stringify(result, (key, value) => (key === "audio" && typeof value === "string" ? undefined : value)));
process.exit(0);
