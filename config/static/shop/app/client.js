/** The one client of this page. */

import { CartClient } from "../cart-client.js";

export const client = new CartClient();
