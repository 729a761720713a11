import react from "@vitejs/plugin-react";
import { offlineShell } from "./build/offline-shell.ts";
import { defaultClientConditions, defineConfig } from "vite";

/** In development the page comes from Vite and the data from `npm start`. */
const SERVER = `http://localhost:${process.env["PORT"] ?? 4400}`;

export default defineConfig({
  plugins: [react(), offlineShell(["/icon.svg", "/board.webmanifest"])],
  // The workspace's packages are taken from their sources, as everywhere in development.
  resolve: { conditions: ["@tidelock/source", ...defaultClientConditions] },
  build: { target: "es2023" },
  server: { proxy: { "/sync": { target: SERVER, ws: true }, "/demo": SERVER, "/inbox": SERVER } },
});
