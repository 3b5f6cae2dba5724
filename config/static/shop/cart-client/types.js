/** What the API takes and answers. Types alone: nothing here runs. */

/**
 * @typedef {{ id: string, name: string }} Merchant
 * @typedef {{ id: string, username: string, email: string }} User
 * @typedef {{ from: number, to: number, direction: "up" | "down" }} PriceChange
 *
 * @typedef {object} Notices
 * @property {number | null} purchaseLimit Most units one buyer may ever buy.
 * @property {number | null} remainingLimit What is left of that.
 * @property {boolean} insufficientStock The line has more units than there are.
 * @property {boolean} outOfStock
 * @property {boolean} lowStock
 * @property {number} priceAtAdd The price when the line was added or last acknowledged.
 * @property {PriceChange | null} priceChange
 *
 * @typedef {object} CartItem
 * @property {string} id
 * @property {string} cartId
 * @property {string} productId
 * @property {string} skuId
 * @property {number} quantity
 * @property {number} price Live, as are the product's price and stock.
 * @property {number} totalPrice
 * @property {boolean} selected
 * @property {{ id: string, name: string, description: string, price: number,
 *   originalPrice: number | null, stock: number | null, images: string[], status: number,
 *   merchant: Merchant }} product
 * @property {{ id: string, code: string, attributes: Record<string, string> }} sku
 * @property {Notices} extraData
 * @property {string} createdAt
 * @property {string} updatedAt
 *
 * @typedef {object} UnavailableItem A line that cannot be bought now, as it was when added.
 * @property {string} id
 * @property {string} productId
 * @property {string} skuId
 * @property {number} quantity
 * @property {boolean} selected
 * @property {"off_shelf" | "out_of_stock" | "deleted"} reason
 * @property {{ name: string, image: string, price: number }} snapshot
 * @property {Partial<Notices>} extraData
 *
 * @typedef {object} Cart Its totals count lines that are selected and can be bought.
 * @property {string} id
 * @property {string | null} userId
 * @property {string | null} sessionId
 * @property {"ACTIVE" | "EXPIRED" | "CHECKEDOUT"} status
 * @property {string} currency ISO 4217.
 * @property {number} totalAmount
 * @property {number} itemCount In units.
 * @property {number} selectedCount In lines.
 * @property {number} selectedAmount
 * @property {CartItem[]} items
 * @property {UnavailableItem[]} unavailableItems
 * @property {number} version Only grows.
 * @property {string} expiresAt
 * @property {string} createdAt
 * @property {string} updatedAt
 *
 * @typedef {{ totalAmount: number, totalItems: number, selectedItems: number,
 *   selectedAmount: number }} Summary
 *
 * @typedef {object} MergeReport
 * @property {"sum" | "guest_wins" | "user_wins" | "max"} strategy
 * @property {number} mergedItems In lines.
 * @property {{ skuId: string, requested: number, quantity: number, reason: string }[]} capped
 * @property {{ skuId: string, requested: number, reason: string }[]} skipped
 * @property {number} ordersClaimed Orders of the guest that are the user's now.
 * @property {string} [skippedReason] Why nothing was merged, where that is so.
 *
 * @typedef {{ user: User, cart: Cart | null, merge: MergeReport | null }} SignIn
 *
 * @typedef {object} Validation
 * @property {boolean} isValid
 * @property {{ itemId: string, productId: string, productName: string, issues: string[],
 *   codes: string[] }[]} issues
 * @property {CartItem[]} validItems
 * @property {number} invalidItemCount
 *
 * @typedef {object} Product As lists show it: the lowest price, and the stock of all SKUs.
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {number} price
 * @property {number | null} originalPrice
 * @property {number | null} stock null where it is not tracked: never sold out.
 * @property {string[]} images
 * @property {number} status
 * @property {Merchant} merchant
 * @property {number} skuCount
 *
 * @typedef {{ id: string, code: string, attributes: Record<string, string>, price: number,
 *   originalPrice: number | null, stock: number | null, purchaseLimit: number | null }} Sku
 * @typedef {Product & { skus: Sku[] }} ProductDetail
 *
 * @typedef {object} Order
 * @property {string} id
 * @property {string} orderNumber
 * @property {"PENDING" | "PAID" | "SHIPPED" | "COMPLETED" | "CANCELLED"} status
 * @property {number} totalAmount
 * @property {string} currency
 * @property {number} itemCount
 * @property {{ id: string, productId: string, skuId: string, skuCode: string, name: string,
 *   image: string, price: number, quantity: number, totalPrice: number,
 *   merchant: Merchant }[]} items
 * @property {Record<string, string> | null} shippingAddress
 * @property {Record<string, string> | null} contact
 * @property {string | null} note
 * @property {string} createdAt
 * @property {string | null} paidAt
 * @property {string | null} cancelledAt
 * @property {string} expiresAt An unpaid order is cancelled then.
 * @property {{ lines: { skuId: string, quantity: number }[],
 *   capped: { skuId: string, requested: number, quantity: number, reason: string }[] } | null}
 *   returned What of a cancelled order went back into the cart.
 */

/**
 * @template T
 * @typedef {{ items: T[], total: number, page: number, pageSize: number }} Page
 */

/**
 * @typedef {object} CallOptions
 * @property {boolean} [ifUnchanged] Refuse (`cart_changed`) if the cart is not the one last seen.
 * @property {string} [idempotencyKey] For calls that add: your own key, to repeat one later.
 * @property {boolean} [keepalive] Let the call outlive the page.
 * @property {AbortSignal} [signal]
 */

/**
 * The fields that come with some of the error types.
 *
 * @typedef {object} ErrorFields
 * @property {{ available: number, inCart: number, requested: number }} insufficient_stock
 * @property {{ limit: number, remaining: number, inCart: number, requested: number
 *   }} purchase_limit_exceeded
 * @property {{ expectedTotal: number, totalAmount: number }} price_changed
 * @property {{ status: Order["status"], wanted: Order["status"] }} invalid_transition
 * @property {{ fields: Record<string, string[]> }} account_exists
 * @property {{ fields?: Record<string, string[]>, field?: string, reason?: string }} invalid_field
 * @property {{ skuIds: string[] }} sku_required
 * @property {{ failedCount: number, successCount: number, codes: string[] }} batch_failed
 */

export {};
