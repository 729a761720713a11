import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";
import { licenses } from "./build/licenses.ts";

/** In development the page comes from Vite and the data from `npm start`. */
const SERVER = `http://localhost:${process.env["PORT"] ?? 4400}`;

export default defineConfig({
  plugins: [react(), licenses()],
  // The server serves it below any path, as one flat folder.
  base: "./",
  // The workspace's packages are taken from their sources, as everywhere in development.
  resolve: { conditions: ["@tidelock/source", ...defaultClientConditions] },
  build: { target: "es2023", assetsDir: "", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { port: 5174, proxy: { "/sync": { target: SERVER, ws: true } } },
});
