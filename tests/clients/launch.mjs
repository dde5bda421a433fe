// Headless Chromium with a recording as its microphone.
import { chromium } from "playwright-core";

export function launch(executablePath, wav, profile) {
  const args = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${wav}%noloop`, "--autoplay-policy=no-user-gesture-required",
  ];
  return chromium.launchPersistentContext(profile, { executablePath, headless: true, args });
}
