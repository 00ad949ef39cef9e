/** The sample product, with which a new shop shows what it looks like. */

import type { MedusaContainer } from "@medusajs/framework/types"
import { Modules, ProductStatus } from "@medusajs/framework/utils"
import { createProductsWorkflow } from "@medusajs/medusa/core-flows"

import type { Shop } from "./shop"

const HANDLE = "canvas-tote"
const COLOURS = ["Natural", "Ink"] as const

/** Price in whole units of the currency: right for currencies with and without decimals. */
const PRICE = 20

/** Makes the sample product where it is not there. */
export async function ensureSampleProduct(
  container: MedusaContainer,
  shop: Shop,
  currency: string,
): Promise<void> {
  const found = await container.resolve(Modules.PRODUCT).listProducts({ handle: HANDLE })
  if (found.length > 0) {
    return
  }
  await createProductsWorkflow(container).run({
    input: {
      products: [
        {
          title: "Canvas tote",
          subtitle: "A sample product",
          description:
            "A roomy bag of heavy cotton canvas, with long handles and an inside pocket. " +
            "It shows how products look in this shop; change or delete it in the admin.",
          handle: HANDLE,
          status: ProductStatus.PUBLISHED,
          thumbnail: "/sample/tote.svg",
          images: [{ url: "/sample/tote.svg" }],
          shipping_profile_id: shop.shippingProfileId,
          options: [{ title: "Colour", values: [...COLOURS] }],
          variants: COLOURS.map((colour) => ({
            title: colour,
            sku: `TOTE-${colour.toUpperCase()}`,
            manage_inventory: false,
            options: { Colour: colour },
            prices: [{ amount: PRICE, currency_code: currency }],
          })),
          sales_channels: [{ id: shop.salesChannelId }],
        },
      ],
    },
  })
}
