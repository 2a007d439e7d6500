import { resolve } from "node:path";
import { defineConfig } from "vite";

// One file for other people's pages: no module, no names left behind, nothing loaded after it.
export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    emptyOutDir: false,
    lib: {
      entry: resolve(import.meta.dirname, "src/widget/main.ts"),
      formats: ["iife"],
      name: "CallboardWidget",
      fileName: () => "widget.js",
    },
  },
});
