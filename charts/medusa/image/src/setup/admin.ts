/** The first admin user. */

import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"
import { createUsersWorkflow } from "@medusajs/medusa/core-flows"

const PROVIDER = "emailpass"

/**
 * Makes sure that an admin user of that e-mail address can log in.
 *
 * A user who can log in is left alone: the password may have been changed since. One that an
 * earlier run had left half made is completed, which `medusa user` would not do.
 */
export async function ensureAdmin(
  container: MedusaContainer,
  email: string,
  password: string,
): Promise<void> {
  const logger = container.resolve(ContainerRegistrationKeys.LOGGER)
  const users = container.resolve(Modules.USER)
  const auth = container.resolve(Modules.AUTH)

  let [user] = await users.listUsers({ email })
  const [identity] = await auth.listAuthIdentities({
    provider_identities: { entity_id: email, provider: PROVIDER },
  })
  if (user && identity?.app_metadata?.["user_id"] === user.id) {
    logger.info("The admin user is there.")
    return
  }

  if (!user) {
    const { result } = await createUsersWorkflow(container).run({ input: { users: [{ email }] } })
    user = result[0]
  }
  // Whoever made an identity that is no admin's yet, a customer perhaps, chose its password:
  // before it opens the admin, it gets ours.
  const answer = identity
    ? await auth.updateProvider(PROVIDER, { entity_id: email, password })
    : await auth.register(PROVIDER, { body: { email, password } })
  const owner = answer.authIdentity ?? identity
  if (!user || !answer.success || !owner) {
    throw new Error(`The admin user cannot be created: ${answer.error ?? "no identity"}`)
  }
  await auth.updateAuthIdentities({
    id: owner.id,
    app_metadata: { ...identity?.app_metadata, user_id: user.id },
  })
  logger.info("The admin user is created.")
}
