/** One product: what it is, which variants there are, and the way into the cart. */

import { useQuery } from "@tanstack/react-query"
import { type FormEvent, useState } from "react"
import { Link } from "wouter"

import { addToCart, useCartChange } from "../cart"
import { Picture } from "../parts/picture"
import { Price } from "../parts/price"
import { QuantityField } from "../parts/quantity"
import { Failure, Loading, useTitle } from "../parts/status"
import { type Choice, type Product, choiceOf, isAvailable, priceOf, variantFor } from "../product"
import { useShop } from "../shop"
import { NotFoundPage } from "./not-found"

export function ProductPage({ handle }: { handle: string }) {
  const { api, name, region } = useShop()
  const found = useQuery({
    queryKey: ["product", region.id, handle],
    queryFn: async () => {
      const { products } = await api.product.list({
        handle,
        region_id: region.id,
        fields: "*variants.calculated_price,+variants.inventory_quantity,*variants.options",
        limit: 1,
      })
      return products[0] ?? null
    },
  })
  useTitle(found.data?.title ?? "", name)

  if (found.isError) {
    return <Failure error={found.error} retry={() => void found.refetch()} />
  }
  if (found.isPending) {
    return <Loading what="the product" />
  }
  return found.data ? <ProductDetails product={found.data} /> : <NotFoundPage />
}

function ProductDetails({ product }: { product: Product }) {
  const first = product.variants?.find(isAvailable) ?? product.variants?.[0]
  const [choice, setChoice] = useState<Choice>(() => (first ? choiceOf(first) : {}))
  const [quantity, setQuantity] = useState(1)
  const adding = useCartChange(addToCart)

  const variant = variantFor(product, choice)
  const price = variant && priceOf(variant)
  const available = variant !== undefined && isAvailable(variant)

  function add(event: FormEvent) {
    event.preventDefault()
    if (variant) {
      adding.mutate({ variantId: variant.id, quantity })
    }
  }

  return (
    <article className="product">
      <Picture source={product.images?.[0]?.url ?? product.thumbnail} title={product.title} />
      <form onSubmit={add}>
        <h1>{product.title}</h1>
        {product.subtitle && <p className="quiet">{product.subtitle}</p>}
        {price && <Price amount={price.amount} currency={price.currency} />}
        {product.description && <p>{product.description}</p>}
        {(product.options ?? []).map((option) => (
          <fieldset key={option.id}>
            <legend>{option.title}</legend>
            <div className="choices">
              {(option.values ?? []).map(({ value }) => (
                <label key={value}>
                  <input
                    type="radio"
                    name={option.id}
                    value={value}
                    checked={choice[option.id] === value}
                    onChange={() => setChoice({ ...choice, [option.id]: value })}
                  />
                  <span>{value}</span>
                </label>
              ))}
            </div>
          </fieldset>
        ))}
        <QuantityField value={quantity} onChange={setQuantity} />
        <button type="submit" className="primary" disabled={!available || adding.isPending}>
          {available ? "Add to cart" : "Not available"}
        </button>
        <div role="status">
          {adding.isSuccess && (
            <p className="notice">
              In your cart. <Link href="/cart">View cart</Link>
            </p>
          )}
        </div>
        {adding.isError && <Failure error={adding.error} />}
      </form>
    </article>
  )
}
