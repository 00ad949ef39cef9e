/**
 * Serves the built storefront from the server itself, so that shop, admin and API share one host.
 *
 * It must not know what the storefront's pages show; only which paths are pages.
 */

import { existsSync } from "node:fs"
import path from "node:path"

import type {
  MedusaNextFunction,
  MedusaRequest,
  MedusaResponse,
} from "@medusajs/framework/http"
import express from "express"

/** Where the build puts the storefront, seen from the server's working folder. */
const FOLDER = path.resolve("public", "storefront")

/** Paths that belong to Medusa, whatever is asked for there. */
const MEDUSA = /^\/(admin|app|auth|cloud|health|hooks|ready|static|store|storefront-config)(\/|$)/

/** The storefront's pages; `storefront/src/app.tsx` has the same list as routes. */
const PAGE = /^\/(|products\/[^/]+|cart|checkout|orders\/[^/]+)\/?$/

/** Scripts, styles and data of the page's own host only; pictures may lie elsewhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data: https:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ")

const files = express.static(FOLDER, {
  index: false,
  redirect: false,
  setHeaders(response, file) {
    // Names of built assets change with their content.
    const forEver = file.includes(`${path.sep}assets${path.sep}`)
    response.setHeader(
      "Cache-Control",
      forEver ? "public, max-age=31536000, immutable" : "no-cache",
    )
    response.setHeader("X-Content-Type-Options", "nosniff")
  },
})

/** Answers with the storefront where the path is not one of Medusa's own. */
export function storefront(
  request: MedusaRequest,
  response: MedusaResponse,
  next: MedusaNextFunction,
): void {
  if (!["GET", "HEAD"].includes(request.method) || MEDUSA.test(request.path)) {
    next()
    return
  }
  files(request, response, () => {
    if (!request.accepts("html") || !existsSync(FOLDER)) {
      next()
      return
    }
    // A page that does not exist says so in its status too; what it shows is the storefront's.
    response
      .status(PAGE.test(request.path) ? 200 : 404)
      .set({
        "Cache-Control": "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
      })
      .sendFile("index.html", { root: FOLDER, cacheControl: false })
  })
}
