// BullMQ with the limits of our worker: fills a queue, then says how long five jobs at a time took, from the worker's start to the last one done.
const {Queue, Worker} = require('bullmq');

const [path, jobs, rounds] = [process.argv[1], ...process.argv.slice(2).map(Number)];
const connection = {path, maxRetriesPerRequest: null};

async function round(number) {
  const queue = new Queue(`bench-${number}`, {connection});
  await queue.addBulk(Array.from({length: jobs}, (_, n) => ({name: 'fast', data: {n}})));
  const began = performance.now();
  let done = 0;
  const worker = new Worker(queue.name, async () => ({}), {connection, concurrency: 5});
  await new Promise((resolve) => worker.on('completed', () => ++done === jobs && resolve()));
  const took = (performance.now() - began) / 1000;
  if ((await queue.getJobCounts('completed')).completed !== jobs) throw new Error('not every job is done');
  await worker.close();
  await queue.close();
  return jobs / took;
}

(async () => {
  const rates = [];
  for (let number = 0; number < rounds; number++) rates.push(await round(number));
  rates.sort((a, b) => a - b);
  console.log(rates[Math.floor(rounds / 2)]);
})();
