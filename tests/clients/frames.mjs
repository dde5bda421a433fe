// Which of the frames in a file of JSON lines the stock parser of @openai/agents does not know as typed events.
import { readFileSync } from "node:fs";
import { parseRealtimeEvent } from "./node_modules/@openai/agents-realtime/dist/openaiRealtimeEvents.mjs";

const lines = readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean);
const refused = lines.filter((data) => parseRealtimeEvent({ data }).isGeneric);
console.log(JSON.stringify({ frames: lines.length, refused }));
