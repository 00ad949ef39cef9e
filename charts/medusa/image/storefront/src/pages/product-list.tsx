/** The shop's front page: what there is to buy. */

import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { Link } from "wouter"

import { formatMoney } from "../money"
import { Picture } from "../parts/picture"
import { Failure, Loading, useTitle } from "../parts/status"
import { type Product, lowestPrice } from "../product"
import { useShop } from "../shop"

const PAGE_SIZE = 12

export function ProductListPage() {
  const { api, name, region } = useShop()
  const [page, setPage] = useState(0)
  useTitle("", name)
  const products = useQuery({
    queryKey: ["products", region.id, page],
    queryFn: () =>
      api.product.list({
        region_id: region.id,
        fields: "id,title,subtitle,handle,thumbnail,*variants.calculated_price",
        limit: PAGE_SIZE,
        offset: page * PAGE_SIZE,
        order: "-created_at",
      }),
  })

  if (products.isError) {
    return <Failure error={products.error} retry={() => void products.refetch()} />
  }
  if (products.isPending) {
    return <Loading what="products" />
  }
  const pages = Math.ceil(products.data.count / PAGE_SIZE)
  return (
    <>
      <h1>{name}</h1>
      {products.data.count === 0 && <p className="status">There is nothing for sale yet.</p>}
      <ul className="products">
        {products.data.products.map((product) => (
          <li key={product.id}>
            <ProductCard product={product} />
          </li>
        ))}
      </ul>
      {pages > 1 && (
        <nav className="pager" aria-label="Pages">
          <button type="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
            Previous
          </button>
          <span>
            Page {page + 1} of {pages}
          </span>
          <button type="button" disabled={page + 1 >= pages} onClick={() => setPage(page + 1)}>
            Next
          </button>
        </nav>
      )}
    </>
  )
}

function ProductCard({ product }: { product: Product }) {
  const price = lowestPrice(product)
  return (
    <Link href={`/products/${encodeURIComponent(product.handle)}`} className="card">
      <Picture source={product.thumbnail} title={product.title} />
      <span className="title">{product.title}</span>
      {price && (
        <span className="price">
          {price.several && "from "}
          {formatMoney(price.amount, price.currency)}
        </span>
      )}
    </Link>
  )
}
