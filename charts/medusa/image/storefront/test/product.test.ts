/** Which variant a choice means, and what a product costs. */

import { expect, test } from "vitest"

import { formatMoney } from "../src/money"
import { type Product, choiceOf, isAvailable, lowestPrice, variantFor } from "../src/product"
import { PRODUCT } from "./fake-medusa"

const product = PRODUCT as unknown as Product

test("each variant is found by its own choice", () => {
  for (const variant of product.variants ?? []) {
    expect(variantFor(product, choiceOf(variant))?.id).toBe(variant.id)
  }
  expect(variantFor(product, {})).toBeUndefined()
  expect(variantFor(product, { opt_1: "Red" })).toBeUndefined()
})

test("a product without options has one variant", () => {
  const plain = { ...product, options: [], variants: product.variants?.slice(0, 1) } as Product
  expect(variantFor(plain, {})?.id).toBe("v_natural")
})

test("the lowest price says whether others are higher", () => {
  expect(lowestPrice(product)).toEqual({ amount: 20, currency: "usd", several: false })
  const dearer = structuredClone(product)
  dearer.variants![1]!.calculated_price!.calculated_amount = 30
  expect(lowestPrice(dearer)).toEqual({ amount: 20, currency: "usd", several: true })
  expect(lowestPrice({ ...product, variants: [] })).toBeNull()
})

test("what is not counted, or may be ordered ahead, is available", () => {
  const [natural, ink] = product.variants!
  expect(isAvailable(natural!)).toBe(true)
  expect(isAvailable(ink!)).toBe(false)
  expect(isAvailable({ ...ink!, allow_backorder: true })).toBe(true)
  expect(isAvailable({ ...ink!, manage_inventory: false })).toBe(true)
  expect(isAvailable({ ...natural!, calculated_price: undefined })).toBe(false)
})

test("money has the decimals of its currency", () => {
  expect(formatMoney(20, "usd", "en-US")).toBe("$20.00")
  expect(formatMoney(20, "jpy", "en-US")).toBe("¥20")
})
