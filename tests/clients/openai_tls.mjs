// openai's own client over TLS, with a certificate of our own (NODE_EXTRA_CA_CERTS): a typed question, answered aloud.
//   node openai_tls.mjs URL
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const client = new OpenAI({ apiKey: "none", baseURL: `${process.argv[2]}/v1` });
const models = (await client.models.list()).data.map((model) => model.id);
const socket = new OpenAIRealtimeWS({ model: "voicebox" }, client);
const result = { models, audio: 0, errors: [] };

socket.on("error", (error) => {
  result.errors.push(String(error));
  end();
});
socket.on("session.created", () => {
  const content = [{ type: "input_text", text: "what is seven times eight" }];
  socket.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  socket.send({ type: "response.create" });
});
socket.on("response.output_audio.delta", (event) => (result.audio += Buffer.from(event.delta, "base64").length));
socket.on("response.done", (event) => {
  result.said = event.response.output[0].content[0].transcript;
  end();
});

function end() {
  socket.close();
  console.log(JSON.stringify(result));
  process.exit(0);
}
setTimeout(end, 40000).unref();
