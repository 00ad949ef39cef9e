/**
 * What a shop needs before it can sell: a region with its taxes, a place that goods are sent from,
 * a way to send them, and a key for the storefront.
 *
 * Each part is looked for before it is made, so a run that was killed is taken up where it ended.
 */

import type { IFulfillmentModuleService, MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"
import {
  createApiKeysWorkflow,
  createRegionsWorkflow,
  createSalesChannelsWorkflow,
  createShippingOptionsWorkflow,
  createShippingProfilesWorkflow,
  createStockLocationsWorkflow,
  createTaxRegionsWorkflow,
  linkSalesChannelsToApiKeyWorkflow,
  linkSalesChannelsToStockLocationWorkflow,
  updateStoresWorkflow,
} from "@medusajs/medusa/core-flows"

/** What differs from shop to shop. */
export interface ShopSettings {
  /** The shop's name, as customers read it. */
  name: string
  /** ISO 4217 code of the currency, in lower case. */
  currency: string
  /** ISO 3166-1 alpha-2 code of the country sold to and sent from, in lower case. */
  country: string
}

/** What other parts of the setup refer to. */
export interface Shop {
  salesChannelId: string
  shippingProfileId: string
}

const NAMES = {
  channel: "Storefront",
  key: "Storefront",
  location: "Warehouse",
  profile: "Default",
  fulfillmentSet: "Delivery",
  shippingOption: "Standard delivery",
} as const

/** Price of the delivery, in whole units of the currency. */
const DELIVERY_PRICE = 5

/** The first of the list, or what is made where there is none. */
async function firstOr<T>(found: readonly T[], make: () => Promise<readonly T[]>): Promise<T> {
  const first = found[0] ?? (await make())[0]
  if (first === undefined) {
    throw new Error("Nothing was created.")
  }
  return first
}

/** Brings the shop's own data into being; see the module. */
export async function ensureShop(
  container: MedusaContainer,
  settings: ShopSettings,
): Promise<Shop> {
  const salesChannelId = await ensureSalesChannel(container)
  await ensureKey(container, salesChannelId)
  const regionId = await ensureRegion(container, settings)
  const locationId = await ensureLocation(container, settings, salesChannelId)
  const shippingProfileId = await ensureShipping(container, settings, locationId)

  const [store] = await container.resolve(Modules.STORE).listStores()
  if (!store) {
    throw new Error("The database has no store; it was not migrated.")
  }
  await updateStoresWorkflow(container).run({
    input: {
      selector: { id: store.id },
      update: {
        name: settings.name,
        supported_currencies: [{ currency_code: settings.currency, is_default: true }],
        default_sales_channel_id: salesChannelId,
        default_region_id: regionId,
        default_location_id: locationId,
      },
    },
  })
  return { salesChannelId, shippingProfileId }
}

/** The default sales channel that the migrations make, or one of ours. */
async function ensureSalesChannel(container: MedusaContainer): Promise<string> {
  const [store] = await container.resolve(Modules.STORE).listStores()
  if (store?.default_sales_channel_id) {
    return store.default_sales_channel_id
  }
  const channels = await container.resolve(Modules.SALES_CHANNEL).listSalesChannels()
  const channel = await firstOr(channels, async () => {
    const { result } = await createSalesChannelsWorkflow(container).run({
      input: { salesChannelsData: [{ name: NAMES.channel }] },
    })
    return result
  })
  return channel.id
}

/** A publishable key of the sales channel; the migrations make one that belongs to none. */
async function ensureKey(container: MedusaContainer, salesChannelId: string): Promise<void> {
  const keys = await container.resolve(Modules.API_KEY).listApiKeys({ type: "publishable" })
  const valid = keys.filter(({ revoked_at }) => revoked_at === null)
  const key = await firstOr(valid, async () => {
    const { result } = await createApiKeysWorkflow(container).run({
      input: { api_keys: [{ title: NAMES.key, type: "publishable", created_by: "" }] },
    })
    return result
  })
  await linkSalesChannelsToApiKeyWorkflow(container).run({
    input: { id: key.id, add: [salesChannelId] },
  })
}

async function ensureRegion(
  container: MedusaContainer,
  { country, currency }: ShopSettings,
): Promise<string> {
  const taxes = await container.resolve(Modules.TAX).listTaxRegions({ country_code: country })
  if (taxes.length === 0) {
    await createTaxRegionsWorkflow(container).run({
      input: [{ country_code: country, provider_id: "tp_system" }],
    })
  }
  const regions = await container
    .resolve(Modules.REGION)
    .listRegions({}, { relations: ["countries"] })
  const selling = regions.filter(({ countries }) =>
    countries.some(({ iso_2 }) => iso_2 === country),
  )
  const name = new Intl.DisplayNames("en", { type: "region" }).of(country.toUpperCase()) ?? country
  const region = await firstOr(selling, async () => {
    const { result } = await createRegionsWorkflow(container).run({
      input: {
        regions: [
          {
            name,
            currency_code: currency,
            countries: [country],
            payment_providers: ["pp_system_default"],
          },
        ],
      },
    })
    return result
  })
  return region.id
}

async function ensureLocation(
  container: MedusaContainer,
  { country }: ShopSettings,
  salesChannelId: string,
): Promise<string> {
  const locations = await container
    .resolve(Modules.STOCK_LOCATION)
    .listStockLocations({ name: NAMES.location })
  const location = await firstOr(locations, async () => {
    const { result } = await createStockLocationsWorkflow(container).run({
      input: {
        locations: [
          { name: NAMES.location, address: { country_code: country, address_1: "", city: "" } },
        ],
      },
    })
    return result
  })
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: location.id },
    [Modules.FULFILLMENT]: { fulfillment_provider_id: "manual_manual" },
  })
  await linkSalesChannelsToStockLocationWorkflow(container).run({
    input: { id: location.id, add: [salesChannelId] },
  })
  return location.id
}

/** One flat price for the whole country. Returns the id of the shipping profile. */
async function ensureShipping(
  container: MedusaContainer,
  { country, currency }: ShopSettings,
  locationId: string,
): Promise<string> {
  const fulfillment: IFulfillmentModuleService = container.resolve(Modules.FULFILLMENT)
  const profile = await firstOr(
    await fulfillment.listShippingProfiles({ type: "default" }),
    async () => {
      const { result } = await createShippingProfilesWorkflow(container).run({
        input: { data: [{ name: NAMES.profile, type: "default" }] },
      })
      return result
    },
  )
  const set = await firstOr(
    await fulfillment.listFulfillmentSets(
      { name: NAMES.fulfillmentSet },
      { relations: ["service_zones"] },
    ),
    async () => [
      await fulfillment.createFulfillmentSets({
        name: NAMES.fulfillmentSet,
        type: "shipping",
        service_zones: [
          {
            name: country.toUpperCase(),
            geo_zones: [{ country_code: country, type: "country" }],
          },
        ],
      }),
    ],
  )
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: locationId },
    [Modules.FULFILLMENT]: { fulfillment_set_id: set.id },
  })
  const zone = set.service_zones[0]
  if (!zone) {
    throw new Error(`The fulfillment set ${NAMES.fulfillmentSet} has no service zone.`)
  }
  const options = await fulfillment.listShippingOptions({ service_zone: { id: zone.id } })
  if (options.length === 0) {
    await createShippingOptionsWorkflow(container).run({
      input: [
        {
          name: NAMES.shippingOption,
          price_type: "flat",
          provider_id: "manual_manual",
          service_zone_id: zone.id,
          shipping_profile_id: profile.id,
          type: { label: "Standard", description: "Within a few days.", code: "standard" },
          prices: [{ currency_code: currency, amount: DELIVERY_PRICE }],
          rules: [
            { attribute: "enabled_in_store", value: "true", operator: "eq" },
            { attribute: "is_return", value: "false", operator: "eq" },
          ],
        },
      ],
    })
  }
  return profile.id
}
