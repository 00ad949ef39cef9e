/** The frame of every page, and which address shows which. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { useEffect, useRef, useState } from "react"
import { Link, Route, Switch, useLocation } from "wouter"

import { countItems, moveToRegion, useCart, useCartChange } from "./cart"
import { CartPage } from "./pages/cart"
import { CheckoutPage } from "./pages/checkout"
import { NotFoundPage } from "./pages/not-found"
import { OrderPage } from "./pages/order"
import { ProductPage } from "./pages/product"
import { ProductListPage } from "./pages/product-list"
import { ShopProvider, useShop } from "./shop"

export function App() {
  const [queries] = useState(
    () => new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 30_000 } } }),
  )
  return (
    <QueryClientProvider client={queries}>
      <ShopProvider>
        <a className="skip" href="#content">
          Skip to content
        </a>
        <Header />
        <Content />
        <Footer />
      </ShopProvider>
    </QueryClientProvider>
  )
}

/** The page itself; a new one starts at its top, for eyes and for screen readers. */
function Content() {
  const [path] = useLocation()
  const place = useRef<HTMLElement>(null)
  const shown = useRef(path)

  useEffect(() => {
    if (shown.current !== path) {
      shown.current = path
      window.scrollTo(0, 0)
      place.current?.focus({ preventScroll: true })
    }
  }, [path])

  return (
    <main className="page" id="content" ref={place} tabIndex={-1}>
      <Pages />
    </main>
  )
}

/** Which paths are pages; `src/http/storefront.ts` of the server has the same list. */
function Pages() {
  return (
    <Switch>
      <Route path="/">
        <ProductListPage />
      </Route>
      <Route path="/products/:handle">
        {({ handle }) => <ProductPage key={handle} handle={handle} />}
      </Route>
      <Route path="/cart">
        <CartPage />
      </Route>
      <Route path="/checkout">
        <CheckoutPage />
      </Route>
      <Route path="/orders/:id">{({ id }) => <OrderPage id={id} />}</Route>
      <Route>
        <NotFoundPage />
      </Route>
    </Switch>
  )
}

function Header() {
  const { name } = useShop()
  const cart = useCart()
  const count = countItems(cart.data)
  return (
    <header>
      <Link href="/" className="brand">
        {name}
      </Link>
      <nav aria-label="Shop">
        <Link href="/cart">
          Cart <span className="count">{count}</span>
          <span className="read-out">{count === 1 ? "item" : "items"}</span>
        </Link>
      </nav>
    </header>
  )
}

function Footer() {
  const { name, regions, region, chooseRegion } = useShop()
  const cart = useCart()
  const moving = useCartChange(moveToRegion)

  function choose(id: string) {
    chooseRegion(id)
    if (cart.data) {
      moving.mutate({ cartId: cart.data.id, regionId: id })
    }
  }

  return (
    <footer>
      <span>{name}</span>
      {regions.length > 1 && (
        <label>
          Region{" "}
          <select value={region.id} onChange={({ target }) => choose(target.value)}>
            {regions.map(({ id, name: title, currency_code }) => (
              <option key={id} value={id}>
                {title} ({currency_code.toUpperCase()})
              </option>
            ))}
          </select>
        </label>
      )}
    </footer>
  )
}
