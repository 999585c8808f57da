// graphql-ws on ws, as its documentation has it: one async iterator a subscription.
import { createServer } from 'node:http';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const rate = Number(process.argv[2]);
const schema = buildSchema(`
  type Timing { publishedAt: String! }
  type Bid { id: ID!, sequence: Int!, amount: String!, bidderId: String!, timing: Timing! }
  type Query { alive: Boolean! }
  type Subscription { bidCreated(auctionId: ID!): Bid! }
`);

const watchers = new Set();

async function* bidCreated() {
  const queue = [];
  let wake = () => {};
  const push = (bid) => {
    queue.push(bid);
    wake();
  };
  watchers.add(push);
  try {
    while (true) {
      while (queue.length > 0) yield { bidCreated: queue.shift() };
      await new Promise((resolve) => { wake = resolve; });
    }
  } finally {
    watchers.delete(push);
  }
}

// Microseconds, as the others tell.
function now() {
  const us = Math.round((performance.timeOrigin + performance.now()) * 1000);
  const iso = new Date(Math.floor(us / 1000)).toISOString();
  return iso.replace('Z', String(us % 1000).padStart(3, '0') + 'Z');
}

let sequence = 0;
setInterval(() => {
  sequence += 1;
  const bid = {
    id: String(sequence).padStart(26, '0'),
    sequence,
    amount: String(sequence * 100),
    bidderId: 'sim-bidder-1',
    timing: { publishedAt: now() },
  };
  for (const push of watchers) push(bid);
}, 1000 / rate);

const http = createServer();
useServer(
  { schema, roots: { subscription: { bidCreated } } },
  new WebSocketServer({ server: http, path: '/graphql/ws' }),
);
http.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${http.address().port}`, embedded_endpoint: null }));
});
