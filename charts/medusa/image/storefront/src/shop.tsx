/**
 * The shop that all pages stand in: its API, its name, and the region that is sold to.
 *
 * It must not know carts or pages.
 */

import Medusa from "@medusajs/js-sdk"
import type { HttpTypes } from "@medusajs/types"
import { useQuery } from "@tanstack/react-query"
import { type ReactNode, createContext, useContext, useMemo, useState } from "react"

import { loadConfig } from "./config"
import { Failure, Loading } from "./parts/status"

const REGION_KEY = "region"

/** What every page may ask for. */
export interface Shop {
  name: string
  api: Medusa["store"]
  regions: HttpTypes.StoreRegion[]
  region: HttpTypes.StoreRegion
  chooseRegion: (id: string) => void
}

const ShopContext = createContext<Shop | null>(null)

/** The shop around the calling component. */
export function useShop(): Shop {
  const shop = useContext(ShopContext)
  if (shop === null) {
    throw new Error("useShop needs a ShopProvider around it.")
  }
  return shop
}

async function openShop() {
  const { name, publishableKey } = await loadConfig()
  const medusa = new Medusa({
    baseUrl: window.location.origin,
    publishableKey,
    // Nobody logs in here, so no request carries or leaves a session.
    auth: { type: "jwt", jwtTokenStorageMethod: "nostore" },
  })
  const { regions } = await medusa.store.region.list({ fields: "id,name,currency_code,*countries" })
  if (regions.length === 0) {
    throw new Error("The shop sells to no region yet.")
  }
  return { name, api: medusa.store, regions }
}

/** Opens the shop, and shows its children once it is open. */
export function ShopProvider({ children }: { children: ReactNode }) {
  const opening = useQuery({ queryKey: ["shop"], queryFn: openShop, staleTime: Infinity })
  const [regionId, setRegionId] = useState(() => localStorage.getItem(REGION_KEY))

  const shop = useMemo<Shop | null>(() => {
    const open = opening.data
    const region = open?.regions.find(({ id }) => id === regionId) ?? open?.regions[0]
    if (!open || !region) {
      return null
    }
    return {
      ...open,
      region,
      chooseRegion(id) {
        localStorage.setItem(REGION_KEY, id)
        setRegionId(id)
      },
    }
  }, [opening.data, regionId])

  if (opening.isError) {
    return (
      <main className="page">
        <Failure error={opening.error} retry={() => void opening.refetch()} />
      </main>
    )
  }
  if (shop === null) {
    return (
      <main className="page">
        <Loading what="the shop" />
      </main>
    )
  }
  return <ShopContext value={shop}>{children}</ShopContext>
}
