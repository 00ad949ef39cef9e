/**
 * Tells the storefront, at run time, what it needs to talk to this server.
 *
 * The route lies outside of `/store`, which answers nobody without a publishable key. Such a key is
 * public by design: it says which sales channel a request is for and grants nothing.
 */

import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

/** What the storefront is told; `storefront/src/config.ts` reads it. */
export interface StorefrontConfig {
  /** The shop's name. */
  name: string
  /** The key for the `x-publishable-api-key` header. */
  publishableKey: string
}

interface Key {
  token: string
  revoked_at: string | Date | null
  sales_channels: { id: string }[] | null
}

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const query = request.scope.resolve(ContainerRegistrationKeys.QUERY)
  const { data: stores } = await query.graph({
    entity: "store",
    fields: ["name", "default_sales_channel_id"],
  })
  const { data: keys } = await query.graph({
    entity: "api_key",
    fields: ["token", "revoked_at", "sales_channels.id"],
    filters: { type: "publishable" },
  })
  const store = stores[0]
  const channel = store?.default_sales_channel_id
  const key = (keys as unknown as Key[]).find(
    ({ revoked_at, sales_channels }) =>
      (revoked_at === null || new Date(revoked_at) > new Date()) &&
      sales_channels?.some(({ id }) => id === channel),
  )
  if (!store || !key) {
    response.status(503).json({
      type: "unavailable",
      message: "The shop has no publishable key for its default sales channel.",
    })
    return
  }
  const config: StorefrontConfig = { name: store.name, publishableKey: key.token }
  response.set("Cache-Control", "no-store").json(config)
}
