/**
 * How the storefront is built, tried while developing, and tested.
 *
 * `MEDUSA_URL` is the server that `npm run dev` passes the API's calls on to.
 */

import react from "@vitejs/plugin-react"
import { defineConfig } from "vitest/config"

const medusa = process.env["MEDUSA_URL"] ?? "http://localhost:9000"

export default defineConfig({
  plugins: [react()],
  build: { assetsInlineLimit: 0 },
  server: { proxy: { "/store": medusa, "/storefront-config": medusa, "/static": medusa } },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 120_000,
  },
})
