/**
 * Tells whether the server can serve customers: its database answers, and is set up for it.
 *
 * `/health` asks no database; it is for those who decide whether to restart the server.
 */

import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"

import { isDone } from "../../setup/progress"

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const revision = process.env.SETUP_REVISION
  const ready = revision === undefined || (await isDone(request.scope, revision))
  response
    .status(ready ? 200 : 503)
    .set("Cache-Control", "no-store")
    .json({ ready })
}
