/**
 * What this Medusa server is made of. Everything that differs from store to store comes in by
 * environment variables; the image holds no address, key or password.
 *
 * - `DATABASE_URL`, `JWT_SECRET`, `COOKIE_SECRET`: required.
 * - `MEDUSA_BACKEND_URL`: the address that customers type; it decides over secure cookies.
 * - `STORE_CORS`, `ADMIN_CORS`, `AUTH_CORS`: further addresses that may ask; none unless given.
 * - `DISABLE_MEDUSA_ADMIN`: `true` for a server without the admin's pages.
 * - `REDIS_URL`: with it, events, workflows, locks, caches and sessions live in Redis, and several
 *   servers may share them. Without it they live in the process: one server, no more.
 */

import type { InputConfigModules } from "@medusajs/framework/types"
import { defineConfig } from "@medusajs/framework/utils"

const storeUrl = process.env.MEDUSA_BACKEND_URL ?? "http://localhost:9000"
const redisUrl = process.env.REDIS_URL

/** Modules that keep their state in Redis. */
function redisModules(url: string): InputConfigModules {
  return [
    { resolve: "@medusajs/medusa/event-bus-redis", options: { redisUrl: url } },
    { resolve: "@medusajs/medusa/workflow-engine-redis", options: { redis: { redisUrl: url } } },
    { resolve: "@medusajs/medusa/cache-redis", options: { redisUrl: url } },
    {
      resolve: "@medusajs/medusa/locking",
      options: {
        providers: [
          {
            resolve: "@medusajs/medusa/locking-redis",
            id: "locking-redis",
            is_default: true,
            options: { redisUrl: url },
          },
        ],
      },
    },
  ]
}

const files: InputConfigModules = [
  {
    resolve: "@medusajs/medusa/file",
    options: {
      providers: [
        {
          resolve: "@medusajs/medusa/file-local",
          id: "local",
          // The server serves its folder "static"; the chart keeps it on a claim of its own.
          options: { upload_dir: "static", backend_url: `${storeUrl}/static` },
        },
      ],
    },
  },
]

export default defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    // The connection does not leave the store's namespace.
    databaseDriverOptions: { connection: { ssl: false } },
    redisUrl,
    // Without it, a browser that speaks plain HTTP never gets the admin's session.
    cookieOptions: { secure: storeUrl.startsWith("https:"), sameSite: "lax" },
    http: {
      storeCors: process.env.STORE_CORS ?? storeUrl,
      adminCors: process.env.ADMIN_CORS ?? storeUrl,
      authCors: process.env.AUTH_CORS ?? storeUrl,
      jwtSecret: process.env.JWT_SECRET,
      cookieSecret: process.env.COOKIE_SECRET,
      compression: { enabled: true },
    },
  },
  // The admin asks the host that it came from: one image serves every store.
  admin: { disable: process.env.DISABLE_MEDUSA_ADMIN === "true", backendUrl: "/" },
  modules: [...files, ...(redisUrl ? redisModules(redisUrl) : [])],
})
