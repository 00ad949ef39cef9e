/**
 * A shop's server in memory: the few routes that the storefront asks, with one product.
 *
 * It stands in the place of `fetch`, so that everything above the network is the real thing.
 */

import { vi } from "vitest"

interface Line {
  id: string
  variant_id: string
  quantity: number
}

interface State {
  lines: Line[]
  email: string | null
  address: Record<string, string> | null
  delivery: string | null
  completed: boolean
}

type Body = Record<string, unknown>
type Answer = { status: number; body: unknown }

const PRICE = 20
const DELIVERY = 5

export const KEY = "pk_test"

const variant = (id: string, title: string, value: string, quantity: number) => ({
  id,
  title,
  manage_inventory: true,
  allow_backorder: false,
  inventory_quantity: quantity,
  options: [{ option_id: "opt_1", value }],
  calculated_price: { calculated_amount: PRICE, currency_code: "usd" },
})

export const PRODUCT = {
  id: "prod_1",
  title: "Canvas tote",
  handle: "canvas-tote",
  description: "A bag.",
  thumbnail: "/sample/tote.svg",
  images: [],
  options: [
    { id: "opt_1", title: "Colour", values: [{ value: "Natural" }, { value: "Ink" }] },
  ],
  variants: [variant("v_natural", "Natural", "Natural", 3), variant("v_ink", "Ink", "Ink", 0)],
}

const REGIONS = [
  { id: "reg_us", name: "United States", currency_code: "usd", countries: [{ iso_2: "us" }] },
]

/** A server; `requests` are the calls that it got, `state` is its only cart. */
export class FakeMedusa {
  readonly requests: { method: string; path: string; key: string | null; body: Body }[] = []
  readonly state: State = {
    lines: [],
    email: null,
    address: null,
    delivery: null,
    completed: false,
  }

  /** Answers of its own, by method and path; they come before the usual ones. */
  readonly instead = new Map<string, Answer>()

  /** Puts it in the place of the network. */
  install(): void {
    vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
      const url = new URL(input instanceof Request ? input.url : input, window.location.origin)
      const method = init?.method ?? "GET"
      const body = typeof init?.body === "string" ? (JSON.parse(init.body) as Body) : {}
      const key = new Headers(init?.headers).get("x-publishable-api-key")
      this.requests.push({ method, path: url.pathname, key, body })
      const call = `${method} ${url.pathname}`
      const answer = this.instead.get(call) ?? this.answer(method, url.pathname, key, body)
      return Response.json(answer.body, { status: answer.status })
    })
  }

  private answer(method: string, path: string, key: string | null, body: Body): Answer {
    const ok = (content: unknown): Answer => ({ status: 200, body: content })
    if (path === "/storefront-config") {
      return ok({ name: "My store", publishableKey: KEY })
    }
    if (key !== KEY) {
      return { status: 400, body: { message: "Publishable API key required." } }
    }
    const parts = path.split("/").slice(2)
    switch (`${method} ${parts[0]}`) {
      case "GET regions":
        return ok({ regions: REGIONS })
      case "GET products":
        return ok({ products: [PRODUCT], count: 1 })
      case "GET shipping-options":
        return ok({ shipping_options: [{ id: "so_1", name: "Standard delivery", amount: DELIVERY }] })
      case "GET payment-providers":
        return ok({ payment_providers: [{ id: "pp_system_default" }, { id: "pp_card" }] })
      case "POST payment-collections":
        return ok({ payment_collection: { id: "pay_1" } })
      case "GET orders":
        return ok({ order: { ...this.cart(), id: parts[1], display_id: 7 } })
      case "GET carts":
      case "POST carts":
      case "DELETE carts":
        return this.carts(method, parts.slice(2), body)
      default:
        return { status: 404, body: { message: `No such route: ${method} ${path}` } }
    }
  }

  private carts(method: string, [what, id]: string[], body: Body): Answer {
    const { state } = this
    if (what === "complete") {
      state.completed = true
      return { status: 200, body: { type: "order", order: { id: "order_1", display_id: 7 } } }
    }
    if (what === "shipping-methods") {
      state.delivery = String(body["option_id"])
    } else if (what === "line-items" && method === "DELETE") {
      state.lines = state.lines.filter((line) => line.id !== id)
    } else if (what === "line-items" && id !== undefined) {
      state.lines = state.lines.map((line) =>
        line.id === id ? { ...line, quantity: Number(body["quantity"]) } : line,
      )
    } else if (what === "line-items") {
      state.lines.push({
        id: `li_${state.lines.length + 1}`,
        variant_id: String(body["variant_id"]),
        quantity: Number(body["quantity"]),
      })
    } else if (method === "POST" && body["email"] !== undefined) {
      state.email = String(body["email"])
      state.address = body["shipping_address"] as Record<string, string>
    }
    return { status: 200, body: { cart: this.cart() } }
  }

  private cart() {
    const { state } = this
    const items = state.lines.reduce((sum, { quantity }) => sum + quantity * PRICE, 0)
    const shipping = state.delivery === null ? 0 : DELIVERY
    return {
      id: "cart_1",
      currency_code: "usd",
      email: state.email,
      shipping_address: state.address && { id: "addr_1", ...state.address },
      completed_at: state.completed ? "2026-01-01T00:00:00Z" : null,
      items: state.lines.map((line) => ({
        ...line,
        title: "Natural",
        product_title: PRODUCT.title,
        variant_title: "Natural",
        thumbnail: null,
        subtotal: line.quantity * PRICE,
      })),
      shipping_methods: state.delivery === null ? [] : [{ shipping_option_id: state.delivery }],
      item_subtotal: items,
      shipping_subtotal: shipping,
      discount_total: 0,
      tax_total: 0,
      total: items + shipping,
    }
  }
}
