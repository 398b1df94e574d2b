// Requests to the server that served the page. A problem (RFC 9457) becomes an error with its `detail`.

const BASE = new URL('.', document.baseURI);
let askForLogin = async () => {};

/** What a refusal says, and its status. */
export class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Who shows the login form: called on 401, resolves when the cookie is there. */
export function onLogin(ask) {
  askForLogin = ask;
}

/** The address of a path below the page's own. */
export const address = (path) => new URL(path, BASE).href;

/** One request, sent again after a login if the server answers 401. Throws Refusal, or TypeError without an answer. */
export async function request(method, path, {body, headers = {}, signal, login = true} = {}) {
  const answer = await fetch(address(path), {method, body, headers, signal, credentials: 'same-origin'});
  if (answer.status === 401 && login) {
    await askForLogin();
    return request(method, path, {body, headers, signal});
  }
  if (!answer.ok) throw new Refusal(answer.status, await detailOf(answer));
  return answer;
}

/** The JSON that GET answers. */
export async function read(path) {
  return (await request('GET', path)).json();
}

/** Send JSON. */
export function send(method, path, value, {type = 'application/json', headers = {}, ...more} = {}) {
  return request(method, path, {body: JSON.stringify(value), headers: {'Content-Type': type, ...headers}, ...more});
}

/** The id at the end of the answer's Location. */
export function idOf(answer) {
  return new URL(answer.headers.get('Location'), BASE).pathname.split('/').filter(Boolean).at(-1);
}

/** Wait. */
export const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function detailOf(answer) {
  const text = await answer.text();
  try {
    const problem = JSON.parse(text);
    return problem.detail || problem.title || `${answer.status}`;
  } catch {
    return `${answer.status} ${answer.statusText}`.trim();
  }
}
