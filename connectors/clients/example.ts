// The cost of each offer, to the last digit, with the generated TypeScript types.
import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./gokart";

type Media = "application/json" | "application/problem+json";
type Gokart = Client<paths, Media>;

/** The cost in millionths, by the offer's name. `decimals=string` keeps amounts exact: JSON.parse would round numbers. */
export async function costByOffer(client: Gokart, period = "this_month"): Promise<Map<string, bigint>> {
  const { data, error } = await client.GET("/api/v1/reports/query", {
    params: { query: { period, group_by: ["offer"], metrics: ["cost"], decimals: "string" } },
  });
  if (!data) throw new Error(error.detail);
  return new Map(data.data.map((row) => [row.offerName ?? "", millionths(String(row.cost))]));
}

export function millionths(amount: string): bigint {
  const [whole, decimals = ""] = amount.split(".");
  return BigInt(whole + decimals.padEnd(6, "0"));
}

export function connect(url: string, key: string): Gokart {
  return createClient<paths, Media>({ baseUrl: url, headers: { Authorization: `ApiToken ${key}` } });
}
