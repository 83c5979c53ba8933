// Buys features, pays at the simulated bank, and reads what came of it: node pay.js SERVICE BANK TOKEN
import { billing } from "../src/index.js";

const [service, bank, token] = process.argv.slice(2);
if (service === undefined || bank === undefined || token === undefined) {
  throw new Error("give the addresses of the service and of the bank, and a token");
}
const client = billing(service, token, "en");

const { data: catalogue } = await client.GET("/api/features/");
const chosen = catalogue?.results.filter((feature) => feature.key === "tickets") ?? [];

const { data: created, error } = await client.POST("/api/payments/create/", {
  body: { features: chosen.map((feature) => feature.key), agent_count: 5, save_card: true, language: "en" },
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
});
if (error !== undefined) {
  throw new Error(error.error);
}
const amount: number = created.amount;

await fetch(`${bank}/sandbox/pay`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ order_id: new URL(created.payment_url).searchParams.get("order_id"), card: "4000000000000001" }),
});

let status = "pending";
for (let tries = 0; status === "pending" && tries < 100; tries += 1) {
  const { data } = await client.GET("/api/payments/status/{order_id}/", {
    params: { path: { order_id: created.order_id } },
  });
  status = data?.status ?? "pending";
  await new Promise((resolve) => setTimeout(resolve, 50));
}

const { data: mine } = await client.GET("/api/subscription/me/");
const { data: refused, error: problem } = await client.POST("/api/payments/create/", { body: { package_id: 99 } });
console.log(
  JSON.stringify({
    amount: amount.toFixed(2),
    status,
    active: mine?.subscription?.is_active,
    cost: mine?.subscription?.monthly_cost.toFixed(2),
    refused: refused === undefined && problem?.error,
  }),
);
