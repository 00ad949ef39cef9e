/** What the storefront learns about its shop when it starts; nothing of it is built in. */

/** The answer of `/storefront-config`; `src/api/storefront-config` of the server makes it. */
export interface ShopConfig {
  /** The shop's name. */
  name: string
  /** The key that the store's API asks for. */
  publishableKey: string
}

function isConfig(value: unknown): value is ShopConfig {
  const candidate = value as Partial<ShopConfig> | null
  return typeof candidate?.name === "string" && typeof candidate.publishableKey === "string"
}

/**
 * Asks the host that served the page what shop this is.
 *
 * @throws Error The server has no shop to offer, or is not one of ours.
 */
export async function loadConfig(): Promise<ShopConfig> {
  const response = await fetch("/storefront-config", { headers: { Accept: "application/json" } })
  const answer: unknown = response.ok ? await response.json() : null
  if (!isConfig(answer)) {
    throw new Error("The shop is not open yet.")
  }
  return answer
}
