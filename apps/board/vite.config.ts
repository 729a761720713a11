import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The workspace's packages are taken from their sources, as everywhere in development.
  resolve: { conditions: ["@tidelock/source", ...defaultClientConditions] },
  build: { target: "es2023" },
});
