// A client of echodesk-billing: every path, body and answer has its type from /openapi.json.
import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** An error of the API: `error` is a sentence for the customer. */
export type Problem = components["schemas"]["Problem"];

/**
 * A client for one tenant.
 *
 * @param baseUrl - address of the API, such as `https://acme.api.example.ge`
 * @param token - the user's token; none for the public calls
 * @param language - of messages: `ka` or `en`
 */
export function billing(baseUrl: string, token?: string, language: "ka" | "en" = "ka"): Client<paths> {
  const headers: Record<string, string> = { "Accept-Language": language };
  if (token !== undefined) {
    headers["Authorization"] = `Token ${token}`;
  }
  return createClient<paths>({ baseUrl, headers });
}
