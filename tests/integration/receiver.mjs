// A webhook receiver in Node, which checks each message with the reference library and prints what it says.
import http from "node:http";
import { createRequire } from "node:module";

const [secret, port, packages] = process.argv.slice(2);
const { Webhook } = createRequire(packages)("standardwebhooks");
const webhook = new Webhook(secret);

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      const message = webhook.verify(Buffer.concat(parts).toString(), request.headers);
      console.log(JSON.stringify({ id: request.headers["webhook-id"], type: message.type }));
      response.writeHead(204).end();
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }));
      response.writeHead(400).end();
    }
  });
});
server.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ listening: true })));
