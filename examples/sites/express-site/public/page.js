// Shows which worker answers, and counts who answers a row of requests.
const REQUESTS = 20;
const byId = (id) => document.getElementById(id);

async function who() {
  const response = await fetch('/who');
  return await response.json();
}

function show(answer) {
  for (const name of ['site', 'worker', 'pid', 'generation']) byId(name).textContent = answer[name];
}

function draw(tally) {
  const rows = [...tally].map(([name, count]) => {
    const row = document.createElement('li');
    const bar = document.createElement('meter');
    bar.max = REQUESTS;
    bar.value = count;
    row.append(`${name}: ${count}`, bar);
    return row;
  });
  byId('tally').replaceChildren(...rows);
}

async function ask() {
  const tally = new Map();
  for (let index = 0; index < REQUESTS; index += 1) {
    const answer = await who();
    const name = `${answer.worker} · process ${answer.pid} · generation ${answer.generation}`;
    tally.set(name, (tally.get(name) ?? 0) + 1);
    draw(tally);
    show(answer);
  }
}

byId('ask').addEventListener('click', ({ currentTarget: button }) => {
  button.disabled = true;
  ask().then(
    () => (button.disabled = false),
    () => (button.disabled = false),
  );
});

byId('neighbour').host = `plain.localhost:${location.port || 80}`;
who().then(show, () => (byId('site').textContent = 'no answer'));
