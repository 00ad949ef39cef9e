/** The shop as a customer meets it, down to the calls that reach the server. */

import { cleanup, render, screen, waitFor, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { afterEach, beforeEach, expect, test, vi } from "vitest"

import { App } from "../src/app"
import { FakeMedusa, KEY } from "./fake-medusa"

let server: FakeMedusa

beforeEach(() => {
  localStorage.clear()
  window.history.replaceState(null, "", "/")
  vi.stubGlobal("scrollTo", vi.fn())
  server = new FakeMedusa()
  server.install()
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

function open(path: string): void {
  window.history.replaceState(null, "", path)
  render(<App />)
}

test("the key comes from the server at run time", async () => {
  open("/")
  await screen.findByRole("link", { name: /Canvas tote/ })
  expect(document.title).toBe("My store")
  const asked = server.requests.filter(({ path }) => path.startsWith("/store/"))
  expect(new Set(asked.map(({ key }) => key))).toEqual(new Set([KEY]))
})

test("a customer buys", async () => {
  const user = userEvent.setup()
  open("/")
  await user.click(await screen.findByRole("link", { name: /Canvas tote/ }))
  await user.selectOptions(await screen.findByLabelText("Quantity"), "2")
  await user.click(screen.getByRole("button", { name: "Add to cart" }))
  await user.click(await screen.findByRole("link", { name: "View cart" }))
  await screen.findByRole("heading", { name: "Cart" })
  expect(screen.getByLabelText("Quantity of Canvas tote")).toHaveProperty("value", "2")

  await user.click(screen.getByRole("link", { name: "Check out" }))
  await user.type(await screen.findByLabelText("E-mail"), "ada@example.com")
  for (const label of ["First name", "Last name", "Address", "Postal code", "City"]) {
    await user.type(screen.getByLabelText(label), "x")
  }
  await user.click(screen.getByRole("button", { name: "Continue" }))
  expect(await screen.findByText(/Pay later/)).toBeTruthy()
  // A provider that this storefront has no form for is not offered.
  expect(screen.getAllByRole("radio")).toHaveLength(2)
  await waitFor(() => expect(server.state.delivery).toBe("so_1"))
  await user.click(screen.getByRole("button", { name: "Place order" }))

  await screen.findByRole("heading", { name: "Thank you for your order" })
  expect(screen.getByText("#7")).toBeTruthy()
  expect(server.state).toMatchObject({
    email: "ada@example.com",
    lines: [{ variant_id: "v_natural", quantity: 2 }],
    completed: true,
  })
  expect(server.state.address).toMatchObject({ first_name: "x", country_code: "us" })
  expect(localStorage.getItem("cart")).toBeNull()
})

test("the cart outlives the page, and its lines can be changed and removed", async () => {
  const user = userEvent.setup()
  localStorage.setItem("cart", "cart_1")
  server.state.lines.push({ id: "li_1", variant_id: "v_natural", quantity: 1 })
  open("/cart")
  await user.selectOptions(await screen.findByLabelText("Quantity of Canvas tote"), "3")
  const summary = screen.getByRole("region", { name: "Summary" })
  await waitFor(() => expect(within(summary).getAllByText("$60.00")).toHaveLength(2))
  await user.click(screen.getByRole("button", { name: "Remove" }))
  expect(await screen.findByText(/Your cart is empty/)).toBeTruthy()
  expect(server.state.lines).toEqual([])
})

test("a cart that the server does not know is forgotten", async () => {
  localStorage.setItem("cart", "cart_9")
  server.instead.set("GET /store/carts/cart_9", { status: 404, body: { message: "gone" } })
  open("/cart")
  expect(await screen.findByText(/Your cart is empty/)).toBeTruthy()
  expect(localStorage.getItem("cart")).toBeNull()
})

test("what is sold out cannot be bought", async () => {
  const user = userEvent.setup()
  open("/products/canvas-tote")
  await user.click(await screen.findByText("Ink"))
  expect(screen.getByRole("button", { name: "Not available" })).toHaveProperty("disabled", true)
})

test("an order that the shop does not take says why, and the cart stays", async () => {
  const user = userEvent.setup()
  localStorage.setItem("cart", "cart_1")
  Object.assign(server.state, { delivery: "so_1" })
  server.state.lines.push({ id: "li_1", variant_id: "v_natural", quantity: 1 })
  server.instead.set("POST /store/carts/cart_1/complete", {
    status: 200,
    body: { type: "cart", error: { message: "Sold out meanwhile." } },
  })
  open("/checkout")
  await user.type(await screen.findByLabelText("E-mail"), "ada@example.com")
  for (const label of ["First name", "Last name", "Address", "Postal code", "City"]) {
    await user.type(screen.getByLabelText(label), "x")
  }
  await user.click(screen.getByRole("button", { name: "Continue" }))
  await user.click(await screen.findByRole("button", { name: "Place order" }))
  expect((await screen.findByRole("alert")).textContent).toContain("Sold out meanwhile.")
  expect(localStorage.getItem("cart")).toBe("cart_1")
})

test("a shop that is not open yet says so, and can be tried again", async () => {
  const user = userEvent.setup()
  server.instead.set("GET /storefront-config", { status: 503, body: {} })
  open("/")
  expect(await screen.findByText("The shop is not open yet.")).toBeTruthy()
  server.instead.clear()
  await user.click(screen.getByRole("button", { name: "Try again" }))
  expect(await screen.findByRole("link", { name: /Canvas tote/ })).toBeTruthy()
})

test("an address that is no page says so", async () => {
  open("/nothing")
  expect(await screen.findByRole("heading", { name: "Not found" })).toBeTruthy()
})
